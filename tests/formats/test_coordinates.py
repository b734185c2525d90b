from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.coordinates import CoordinateRow, read_coordinates, write_coordinates

ROWS = [
    CoordinateRow("decoder", 32, 2, 0, 3, "MLP in", 1, 0.1 + 0.2, 1e-9),
    CoordinateRow("decoder", 32, 2, 0, 3, "logits", None, 1.5, 0.0),
]


def test_what_was_written_is_read(tmp_path: Path):
    write_coordinates(tmp_path / "d.csv", ROWS)
    assert read_coordinates(tmp_path / "d.csv") == ROWS


@pytest.mark.parametrize(
    ("was", "found"),
    [("width,", "wide,"), ("1.5", "nan"), ("1.5", "-1.5"), (",32,", ",0,"), ("1.5", "x")],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, was: str, found: str):
    path = tmp_path / "d.csv"
    write_coordinates(path, ROWS)
    path.write_text(path.read_text().replace(was, found))
    with pytest.raises(BadInput, match=r"d\.csv: not a table of coordinates") as refused:
        read_coordinates(path)
    assert "\n" not in str(refused.value)
