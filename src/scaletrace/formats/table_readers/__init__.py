"""Tables in the formats that people have them in, told apart by content: header and cells."""

import codecs
import zlib
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.table_readers import delimited, excel, json_rows, parquet
from scaletrace.formats.table_readers.grid import Grid
from scaletrace.formats.untrusted import LARGEST_TEXT, read_bytes, refused_in_words

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"

__all__ = ["Grid", "read"]


def read(path: Path) -> Grid:
    """Return the header and the cells of a table: delimited text, JSON, Parquet or Excel.

    Raises:
        BadInput: it cannot be read, is no table in one of these formats, or is too large.
    """
    with refused_in_words(path):
        content = read_bytes(path)
    if content.startswith(GZIP):
        content = _unpacked(path, content)
    if content.startswith(PARQUET):
        return parquet.read(path, content)
    if content.startswith(ZIP):
        return excel.read(path, content)
    if content.startswith(OLD_EXCEL):
        raise BadInput(f"{path}: an Excel file of before 2007; save it as .xlsx or CSV")
    text = _decoded(path, content)
    if text.lstrip()[:1] in ("{", "["):
        return json_rows.read(path, text)
    return delimited.read(path, text)


def _unpacked(path: Path, content: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(content, LARGEST_TEXT)
    except zlib.error as error:
        raise BadInput(f"{path}: a broken gzip file ({error})") from None
    if not unpacker.eof:
        said = "more" if unpacker.unconsumed_tail else "an end that is missing"
        raise BadInput(f"{path}: unpacked: {said}; at most {LARGEST_TEXT} bytes are read")
    return text


def _decoded(path: Path, content: bytes) -> str:
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not a table as text in UTF-8 ({error})") from error
