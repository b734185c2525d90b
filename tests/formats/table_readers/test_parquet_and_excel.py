"""Parquet and Excel, or a sentence that names what is missing to read them."""

import io
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.runs_table import read_runs

FRAME = pd.DataFrame({"params": [1e6, 2.5e6], "tokens": [10, 20], "loss": [3.5, float("nan")]})


def written(frame: pd.DataFrame, suffix: str, **options) -> bytes:
    buffer = io.BytesIO()
    if suffix == "parquet":
        frame.to_parquet(buffer)
    else:
        with pd.ExcelWriter(buffer, engine="openpyxl") as book:
            frame.to_excel(book, sheet_name="runs", **options)
            for name in options.pop("others", []):
                frame.to_excel(book, sheet_name=name)
    return buffer.getvalue()


def read(folder: Path, content: bytes):
    # By content: the suffix says nothing.
    path = folder / "runs.csv"
    path.write_bytes(content)
    return read_runs(path)


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
def test_a_frame_comes_back(tmp_path, suffix):
    table = read(tmp_path, written(FRAME, suffix))
    assert table.header == ["params", "tokens", "loss"]
    assert table.numbers("params") == [1e6, 2.5e6]
    assert table.numbers("tokens") == [10.0, 20.0]
    assert table.labels("loss") == ["3.5", ""]


def test_a_named_index_is_a_column(tmp_path):
    table = read(tmp_path, written(FRAME.set_index(pd.Index(["a", "b"], name="run")), "parquet"))
    assert table.names == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1 and no more", "no Parquet file"),
        (b"PK\x03\x04 and no more", "no Excel file"),
        (written(FRAME, "parquet")[:-20], "no Parquet file"),
    ],
)
def test_broken_files_are_refused_in_words(tmp_path, content, words):
    with pytest.raises(BadInput, match=words):
        read(tmp_path, content)


def test_another_archive_is_no_table(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("runs.csv", "a,b\n1,2\n")
    with pytest.raises(BadInput, match="a ZIP archive, and no table"):
        read(tmp_path, buffer.getvalue())


@pytest.mark.parametrize(("suffix", "library"), [("parquet", "pyarrow"), ("xlsx", "openpyxl")])
def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch, suffix, library):
    content = written(FRAME, suffix)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BadInput, match=rf"{library} is needed .* 'scaletrace\[tables\]'"):
        read(tmp_path, content)
