"""The identity that a figure file carries inside it, and its way back out."""

import contextlib
import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.figure_csv import plotted_in

KEY = "scaletrace"
SHA256 = re.compile(r"[0-9a-f]{64}")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PDF_KEYWORDS = re.compile(rb"/Keywords\s*\(((?:[^\\()]|\\.)*)\)", re.DOTALL)
# Names and hashes of the sources of a figure (bytes).
LONGEST_IDENTITY = 1 << 20
SVG_DESCRIPTION = "<dc:description>", "</dc:description>"


def identity_text(study: str, figure: str, csv_sha256: str, sources: dict[str, str]) -> str:
    """Return the text to embed: content hashes and names only, one line of ASCII JSON.

    Args:
        study: name of the study.
        figure: name of the figure.
        csv_sha256: hash of the CSV with what is plotted.
        sources: repository path -> sha256 of every file that the CSV's rows come from.
    """
    identity = {"study": study, "figure": figure, "csv_sha256": csv_sha256, "sources": sources}
    return json.dumps({KEY: identity}, sort_keys=True)


def read_identity(path: Path) -> dict[str, Any]:
    """Return {"study", "figure", "csv_sha256", "sources": {path: sha256}} of a figure file.

    `path` may be a copy anywhere, under any name that keeps the suffix .pdf, .svg, .png or .csv.
    For a CSV the identity is what the pictures beside it embed: its own hash and its rows' sources.

    Raises:
        BadInput: the file cannot be read, is of another kind, or carries no identity.
    """
    readers = {".png": _texts_in_png, ".pdf": _texts_in_pdf, ".svg": _texts_in_svg}
    suffix = path.suffix.lower()
    if suffix != ".csv" and suffix not in readers:
        raise BadInput(f"{path}: not a figure; a figure ends in .pdf, .svg, .png or .csv")
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    if suffix == ".csv":
        return _identity_of_csv(path, content)
    identities = [identity for text in readers[suffix](content) if (identity := _parsed(text))]
    if len(identities) != 1:
        raise BadInput(
            f"{path}: carries {len(identities) or 'no'} identities of a figure; one is expected "
            "in a file that the figures stage wrote and no other program has rewritten"
        )
    return identities[0]


def _parsed(text: str) -> dict[str, Any] | None:
    """Return the identity in `text`, or None where `text` is not one in every detail."""
    try:
        identity = json.loads(text)[KEY]
        names = (identity["study"], identity["figure"], *identity["sources"])
        digests = (identity["csv_sha256"], *identity["sources"].values())
        sound = set(identity) == {"study", "figure", "csv_sha256", "sources"}
        sound = sound and all(isinstance(name, str) for name in names)
        sound = sound and all(SHA256.fullmatch(digest) for digest in digests)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return identity if sound else None


def _texts_in_png(content: bytes) -> Iterator[str]:
    """Yield the text of every intact tEXt chunk called Description (PNG, third edition, 11.3.3)."""
    if not content.startswith(PNG_SIGNATURE):
        return
    at = len(PNG_SIGNATURE)
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind_and_data = content[at + 4 : at + 8 + length]
        checksum = content[at + 8 + length : at + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind_and_data)):
            return
        if kind_and_data.startswith(b"tEXtDescription\0"):
            yield kind_and_data.split(b"\0", 1)[1].decode("latin-1")
        at += 12 + length


def _texts_in_pdf(content: bytes) -> Iterator[str]:
    """Yield every literal string under /Keywords; a backslash escapes (PDF 1.7, 7.3.4.2)."""
    for begin in re.finditer(rb"/Keywords\b", content):
        # Not searched to the end: the pattern remembers every letter that it passes.
        match = PDF_KEYWORDS.match(content, begin.start(), begin.start() + LONGEST_IDENTITY)
        if match is None:
            continue
        yield re.sub(rb"\\(.)", rb"\1", match[1], flags=re.DOTALL).decode("latin-1")


def _texts_in_svg(content: bytes) -> Iterator[str]:
    """Yield every Dublin Core description. The text is searched, not parsed: no XML is trusted."""
    begin, end = SVG_DESCRIPTION
    # Not by a regular expression, which would look for the end anew from every beginning.
    for part in content.decode("utf-8", errors="replace").split(end)[:-1]:
        _, opened, text = part.partition(begin)
        if opened:
            # A letter's number may have more digits than any number that can be read.
            with contextlib.suppress(ValueError, OverflowError):
                yield unescape(text)


def _identity_of_csv(path: Path, content: bytes) -> dict[str, Any]:
    """Return the identity of a figure's CSV: all rows must name the same study and figure."""
    identity, rows = None, plotted_in(content, path)
    with contextlib.suppress(ValueError):
        ((study, figure),) = {(row["study"], row["figure"]) for row in rows}
        sources = {row["source"]: row["source_sha256"] for row in rows}
        digest = hashlib.sha256(content).hexdigest()
        identity = _parsed(identity_text(study, figure, digest, sources))
    if identity is None:
        raise BadInput(f"{path}: not the CSV of a figure (its rows disagree on what it is)")
    return identity
