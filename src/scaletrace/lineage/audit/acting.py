"""Do pictures only show? A script in one acts, and changes what is seen, when it is opened.

This is looked for where a picture is not drawn again, too, and its bytes are not compared.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats import untrusted
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.study.rules import FIGURES

# What Matplotlib draws with, and describes; animations, scripts and foreign documents are others.
ELEMENTS = re.compile(
    rb"svg|g|defs|path|use|rect|clipPath|image|text|tspan|style|metadata|rdf:\w+|dc:\w+|cc:\w+"
)
ELEMENT = re.compile(rb"<([A-Za-z_][^\s/<>]*)([^<]*)")
# Attributes that run something, or lead out of the file.
ACTS = re.compile(
    rb"\son\w+\s*=|href\s*=\s*(?![\"'](?:#|data:image/))|@import|javascript:", re.IGNORECASE
)
# Sections of a document that bring text from elsewhere.
BRINGS = (b"<!ENTITY", b"<?xml-stylesheet")
PDF_ACTS = (b"/JavaScript", b"/OpenAction", b"/Launch", b"/EmbeddedFile")
PDF_END = b"%%EOF"


def check(scope: Scope) -> Iterator[Finding]:
    """Look for what acts in the figures in SVG and PDF."""
    for job in scope.jobs:
        if job.rule != FIGURES.name:
            continue
        for output in job.identity.outputs:
            path = Path(output.path)
            look = {".svg": _in_svg, ".pdf": _in_pdf}.get(path.suffix)
            if look is None or not path.is_file():
                continue
            try:
                found = look(untrusted.read_bytes(path))
            except OSError:
                # Of what cannot be read, the check of contents tells.
                continue
            if found:
                yield scope.finding(output.path, "picture", "what only shows", found)


def _in_svg(content: bytes) -> str:
    """Return the first thing that acts, nothing if there is none."""
    for word in BRINGS:
        if word in content:
            return word.decode()
    # Not by a pattern, which would look for the end of a comment anew from every beginning.
    *parts, last = content.split(b"-->")
    text = b"".join([*(part.partition(b"<!--")[0] for part in parts), last])
    for match in ELEMENT.finditer(text):
        name, rest = match.groups()
        if not ELEMENTS.fullmatch(name):
            return f"<{name[:80].decode(errors='replace')}>"
        if acts := ACTS.search(rest):
            return acts[0][:80].decode(errors="replace").strip()
    return ""


def _in_pdf(content: bytes) -> str:
    """Return the first thing that acts, or that stands behind the end; nothing if there is none."""
    first, ended, behind = content.partition(PDF_END)
    if ended and behind.strip():
        return f"{len(behind)} bytes behind its end, which readers may show instead"
    return next((word.decode() for word in PDF_ACTS if word in first), "")
