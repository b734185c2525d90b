"""`manifest.json` of a corpus: what its documents were made from, and how they were dealt."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Named, Whole

WHAT = "a manifest of a corpus"


@dataclass(frozen=True)
class Overlap:
    """Documents most of whose 13-grams are in train, their bytes; documents without a 13-gram."""

    documents: Whole
    bytes: Whole
    too_short: Whole


@dataclass(frozen=True)
class Manifest:
    """What is read again of a manifest: the overlap of each held-out split with train."""

    overlap: Named[Overlap]


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest, in one step.

    Raises:
        BadInput: it is none that `read_overlap` would read.
    """
    typed_json.checked(content, path, Manifest, WHAT)
    write_json(path, content)


def read_overlap(path: Path) -> dict[str, dict[str, int]]:
    """Read how much of each held-out split training text shares.

    Raises:
        BadInput: the file cannot be read, or is no manifest.
    """
    return {
        split: asdict(shared)
        for split, shared in typed_json.read(path, Manifest, WHAT).overlap.items()
    }
