import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import typed_json
from scaletrace.formats.typed_json import MOST_NAMES, Listed, Named, Number, Text, Whole


@dataclass(frozen=True)
class Part:
    values: Listed[Number]


@dataclass(frozen=True)
class Page:
    name: Text
    count: Whole
    numbers: Named[Number]
    part: Part | None = None
    rest: Listed[Text] = field(default_factory=list)


SOUND = {"name": "a", "count": 3, "numbers": {"x": 1, "y": 0.5}, "part": {"values": [1, 2.5]}}


def read(path: Path, content: object) -> Page:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return typed_json.read(path, Page, "a page")


def test_what_is_sound_is_read_as_it_stands(tmp_path: Path):
    page = read(tmp_path / "p.json", SOUND | {"unknown": 7})
    assert page == Page("a", 3, {"x": 1, "y": 0.5}, Part([1, 2.5]))
    assert isinstance(page.numbers["x"], int)
    assert read(tmp_path / "p.json", SOUND | {"part": None}).part is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 1}, r"name: found 1; a valid string"),
        ({"count": 1.5}, r"count: found 1\.5; a valid integer"),
        ({"count": True}, r"count: found True"),
        ({"count": "3"}, r"count: found '3'"),
        ({"numbers": {"x": "1"}}, r"numbers\.x: found '1'; a finite number is needed"),
        ({"numbers": {"x": float("nan")}}, r"numbers\.x: found nan; a finite number"),
        ({"numbers": {"x": float("inf")}}, r"numbers\.x: found inf"),
        ({"numbers": {"\x1b[2J": None}}, r"numbers\.\?\[2J: found None"),
        ({"numbers": []}, r"numbers: found \[\]; a valid dictionary"),
        ({"numbers": dict.fromkeys(map(str, range(MOST_NAMES + 1)), "")}, r"1001 names; at most"),
        ({"part": {"values": [1, None, "x"]}}, r"part\.values\.1: found None"),
        ({"part": []}, r"part: found \[\]; a dictionary\)"),
        ({"part": {}}, r"part\.values: missing"),
    ],
)
def test_what_is_not_is_one_sentence_with_its_place(tmp_path: Path, change: dict, said: str):
    with pytest.raises(BadInput, match=rf"p\.json: not a page \(.*{said}") as refused:
        read(tmp_path / "p.json", SOUND | change)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "content", ["", "[", "[" * 10_000, "null", "3", '{"name": 1' + "0" * 99 + "}"]
)
def test_what_is_no_json_or_no_object_is_one_sentence(tmp_path: Path, content: str):
    with pytest.raises(BadInput, match="not a page"):
        read(tmp_path / "p.json", content)


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path):
    for path in (tmp_path / "absent", tmp_path, Path("/dev/zero")):
        with pytest.raises(BadInput, match="cannot be read"):
            typed_json.read(path, Page, "a page")


def test_a_long_list_of_wrong_things_stops_at_the_first(tmp_path: Path):
    with pytest.raises(BadInput, match=r"part\.values\.0"):
        read(tmp_path / "p.json", SOUND | {"part": {"values": ["x"] * 200_000}})
