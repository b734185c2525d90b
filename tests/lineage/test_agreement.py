"""Where two tables or JSON files differ, exactly and to one part in a million."""

import json

import pytest

from scaletrace.lineage.agreement import apart, values


@pytest.fixture
def pair(tmp_path):
    """A function that compares two texts in files of a name."""

    def compare(name, there, here, exactly):
        paths = [tmp_path / "there" / name, tmp_path / "here" / name]
        for path, content in zip(paths, (there, here), strict=True):
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return apart(paths[0], paths[1], exactly)

    return compare


def test_values_by_their_places(tmp_path):
    table, data, picture = (tmp_path / name for name in ("a.csv", "a.json", "a.svg"))
    table.write_text("run,loss\na,2.5\n")
    data.write_text(json.dumps({"params": {"E": 2.0}, "runs": ["a"]}))
    picture.write_text("<svg/>")
    cells = {"[0][0]": "run", "[0][1]": "loss", "[1][0]": "a", "[1][1]": "2.5"}
    assert values(table) == cells
    assert values(data) == {".params.E": 2.0, ".runs[0]": "a"}
    assert values(picture) == values(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("there", "here", "exactly", "close"),
    [
        ("2.5", "2.5", True, True),
        ("2.5", "2.500001", True, False),
        ("2.5", "2.500001", False, True),
        ("2.5", "2.50001", False, False),
        ("ok", "failed", False, False),
        ("0", "1e-30", False, False),
        ("nan", "nan", True, True),
        ("2.5", "nan", False, False),
    ],
)
def test_numbers_and_words(pair, there, here, exactly, close):
    different = pair("a.csv", f"x\n{there}\n", f"x\n{here}\n", exactly)
    assert different == ({} if close else {"[1][0]": (there, here)})


def test_a_value_that_only_one_has(pair):
    assert pair("a.json", '{"a": 1}', '{"a": 1, "b": 2}', False) == {".b": ("nothing", 2)}
    assert pair("a.csv", "x\n1\n", "x\n", False) == {"[1][0]": ("1", "nothing")}
