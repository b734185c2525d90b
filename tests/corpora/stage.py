"""The corpus stage on one source, and what every source's result has in common."""

import hashlib
import json
from pathlib import Path

from scaletrace import contract
from scaletrace.stages import corpus

SPLITS = ("train", "valid", "test")


def run(folder: Path, settings, **inputs: list[Path]) -> dict:
    """Run the stage into `folder`; return the documents of each split and the manifest."""
    folder.mkdir(exist_ok=True)
    outputs = {split: folder / f"{split}.jsonl" for split in SPLITS}
    manifest = folder / "manifest.json"
    contract.run(corpus, inputs, outputs | {"manifest": manifest}, settings, folder)
    read = {
        split: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for split, path in outputs.items()
    }
    return read | {"manifest": json.loads(manifest.read_text("utf-8"))}


def check_manifest(folder: Path, made: dict) -> None:
    for split in SPLITS:
        assert made["manifest"]["splits"][split] == {
            "documents": len(made[split]),
            "bytes": sum(len(document["text"].encode()) for document in made[split]),
            "sha256": hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest(),
        }


def assert_same_files(first: Path, second: Path) -> None:
    for name in (*(f"{split}.jsonl" for split in SPLITS), "manifest.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
