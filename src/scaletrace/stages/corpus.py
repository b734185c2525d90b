"""Collect the documents of a study and deal them to train, valid and test."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.kinds import load, module

if TYPE_CHECKING:
    from scaletrace.text.documents import Document


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Raw text, where it lies in files."""

    files: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The documents of each split as JSON lines, and what they were made from."""

    train: Path
    valid: Path
    test: Path
    manifest: Path


def settings_type(values: Mapping[str, Any]) -> type:
    """Return the class of the settings of the source that is asked for.

    Raises:
        BadInput: there is no such source.
    """
    return load("corpora", str(values.get("source"))).Settings


def kinds(settings: Any) -> tuple[str, ...]:
    """Return the module of the source."""
    return (module("corpora", settings.source),)


def run(inputs: Inputs, outputs: Outputs, settings: Any, work: Path) -> dict[str, Any]:
    """Write train, valid and test as JSON lines of {source, text}, and a manifest."""
    from scaletrace.formats.manifest import write_manifest
    from scaletrace.text.documents import SPLITS
    from scaletrace.text.overlap import overlap

    del work
    start = time.perf_counter()
    documents, origin = load("corpora", settings.source).read(inputs.files, settings)
    paths = {"train": outputs.train, "valid": outputs.valid, "test": outputs.test}
    splits = {split: _write(documents[split], paths[split]) for split in SPLITS}
    held_out = {split: documents[split] for split in SPLITS if split != "train"}
    shared = overlap(documents["train"], held_out)
    content = {"source": settings.source, **origin, "splits": splits, "overlap": shared}
    write_manifest(outputs.manifest, content)
    size = sum(facts["bytes"] for facts in splits.values())
    for split, facts in splits.items():
        print(f"corpus: {split} {facts['documents']:,} documents, {facts['bytes']:,} bytes")
    for split, facts in shared.items():
        print(
            f"corpus: {split} {facts['documents']:,} documents, {facts['bytes']:,} bytes have most "
            f"of their 13-grams in train; {facts['too_short']:,} documents are shorter than that"
        )
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes_per_s": size / seconds}


def _write(documents: "list[Document]", path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as stream:
        for document in documents:
            line = json.dumps(document._asdict(), ensure_ascii=False).encode() + b"\n"
            stream.write(line)
            digest.update(line)
            size += len(document.text.encode())
    return {"documents": len(documents), "bytes": size, "sha256": digest.hexdigest()}
