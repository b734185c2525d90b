"""Raw text in files: read and decoded, or refused with a sentence that names the file."""

import codecs
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

T = TypeVar("T")
# Bytes that are read at a time.
BLOCK = 1 << 22

# Of many files, those that a message or a manifest names.
MOST_NAMED = 20
# Ends of names of files that hold records, or are compressed, and not plain text.
NOT_PLAIN = (
    *(".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather", ".avro", ".orc"),
    *(".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tar", ".7z"),
)
# How such files begin, whatever they are called.
BEGINNINGS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x04\x22\x4d\x18": "LZ4",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


def shown(path: Path | str) -> str:
    """Return a name as a message has it: in quotes where a letter of it would steer a terminal."""
    return str(path) if str(path).isprintable() else repr(str(path))


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Return the first names of a list in words, and how many more there are."""
    more = [f"and {len(names) - MOST_NAMED:,} more"] if len(names) > MOST_NAMED else []
    return between.join([*names[:MOST_NAMED], *more])


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        BadInput: it cannot be read.
    """
    return b"".join(_blocks(path))


def decode(content: bytes, path: Path) -> str:
    """Return a file's UTF-8 text with lines that end in a line feed, without a byte-order mark.

    Raises:
        BadInput: it is no plain text in UTF-8.
    """
    return _cleaned(_decoded([content], path))


def read(path: Path) -> tuple[str, str]:
    """Return a file's text as `decode` does, and the sha256 of its bytes; errors likewise."""
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for block in _blocks(path):
            digest.update(block)
            yield block

    return _cleaned(_decoded(hashed(), path)), digest.hexdigest()


def is_blank(path: Path) -> bool:
    """Tell whether a file's text has no letter, after reading all of it; errors as `decode`."""
    blank = True
    for text in _decoded(_blocks(path), path):
        blank = blank and not text.removeprefix("\ufeff").strip()
    return blank


def for_each(paths: Iterable[Path], look: Callable[[Path], T]) -> Iterator[tuple[Path, T]]:
    """Yield each file and what `look` returns of it; refuse all that it refuses at the end.

    Raises:
        BadInput: a line for each file, and their number.
    """
    faults = []
    for path in paths:
        try:
            seen = look(path)
        except BadInput as problem:
            faults.append(str(problem))
        else:
            yield path, seen
    if faults:
        raise BadInput(
            listed(faults, "\n")
            + f"\ncorpus: {len(faults):,} files cannot be read as plain text in UTF-8; convert "
            "them, or leave them out"
        )


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with untrusted.opened(path) as (stream, _):
            while block := stream.read(BLOCK):
                yield block
    except OSError as error:
        raise BadInput(f"{shown(path)}: {error.strerror}; a readable file is needed") from None


def _decoded(blocks: Iterable[bytes], path: Path) -> Iterator[str]:
    """Yield the text of blocks, and stop at the first byte that is no text."""
    decoder, before = codecs.getincrementaldecoder("utf-8")(), 0
    for block in blocks:
        for beginning, kind in BEGINNINGS.items() if not before else ():
            if block.startswith(beginning):
                raise BadInput(f"{shown(path)}: begins as {kind} does; a corpus is plain text")
        text = _next(decoder, block, before, path)
        # UTF-16 without a byte-order mark is UTF-8, too, with a zero beside each letter.
        if (place := block.find(0)) >= 0:
            raise BadInput(f"{shown(path)}: byte {before + place} is zero; a corpus is plain text")
        yield text
        before += len(block)
    yield _next(decoder, b"", before, path, final=True)


def _next(
    decoder: codecs.IncrementalDecoder, block: bytes, before: int, path: Path, final: bool = False
) -> str:
    kept = len(decoder.getstate()[0])
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as error:
        place = before - kept + error.start
        raise BadInput(
            f"{shown(path)}: byte {place} (0x{error.object[error.start]:02x}) is not UTF-8; "
            "a corpus is UTF-8 text"
        ) from None


def _cleaned(parts: Iterable[str]) -> str:
    return "".join(parts).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def require_plain_names(paths: Sequence[str]) -> None:
    """Raise BadInput for files whose names say that they hold no plain text, all at once."""
    others = [shown(path) for path in paths if path.lower().endswith(NOT_PLAIN)]
    if others:
        raise BadInput(
            f"corpus.paths: {len(others):,} files hold records or are compressed, which this "
            f"release cannot read: {listed(others)}; give their text in plain files, one of them "
            "for all or one a document, or leave them out"
        )
