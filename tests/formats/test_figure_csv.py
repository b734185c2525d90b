from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.figure_csv import COLUMNS, plotted_in, read_plotted, text_of

ROW = ("made", "residuals", "a, b", "point", "1.0", "2.0", "", "", "run", "fits/a.json", "0" * 64)


def test_what_was_written_is_read(tmp_path: Path):
    path = tmp_path / "figure.csv"
    path.write_text(text_of([ROW]))
    assert read_plotted(path) == [dict(zip(COLUMNS, ROW, strict=True))]
    assert plotted_in(text_of([]).encode(), path) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"study,figure\na,b\n", "it has no column series"),
        (text_of([ROW]).encode() + b"short\n", "not the CSV of a figure"),
        (b"\xff", "not the CSV of a figure"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, content: bytes, said: str):
    with pytest.raises(BadInput, match=said):
        plotted_in(content, tmp_path)


def test_what_cannot_be_read_is_one_sentence(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_plotted(tmp_path / "absent.csv")
