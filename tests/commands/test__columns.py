import pytest

from scaletrace.commands._columns import aligned, duration, memory


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (4.26, "4.3 s"),
        (59, "59 s"),
        (59.9, "1.0 min"),
        (90, "1.5 min"),
        (3599, "1.0 h"),
        (5400, "1.5 h"),
        (86400 * 3, "3.0 d"),
    ],
)
def test_a_time_in_its_unit(seconds, text):
    assert duration(seconds) == text


def test_memory_in_its_unit():
    assert memory(640) == "640 MiB"
    assert memory(2560) == "2.5 GiB"
    assert memory(0) == ""


def test_columns_are_aligned_and_single_cells_stand_alone():
    rows = [["name", "n", "state"], ["a", "1,000", "done"], ["a longer line than any other"]]
    assert aligned(rows) == [
        "name      n  state",
        "a     1,000   done",
        "a longer line than any other",
    ]
