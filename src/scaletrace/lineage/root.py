"""The root of a study: one file that fixes every record, for an author to sign."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.lineage import records
from scaletrace.study import files


def path_of(study: str) -> Path:
    """Return where the root of a study lies."""
    return records.PROVENANCE / "roots" / f"{study}.json"


def compute(study: str, paths: list[Path]) -> dict[str, Any]:
    """Return the root over job records: each one's id and the sha256 of its file.

    Environments need no place of their own: records name them by hash.
    """
    held = {
        str(path): {"id": records.parse(path)["id"], "sha256": files.hashes(path)["sha256"]}
        for path in sorted(paths)
    }
    return {"study": study, "records": held, "root": _hash(study, held)}


def _hash(study: str, held: dict[str, Any]) -> str:
    text = json.dumps([study, held], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write(study: str, paths: list[Path]) -> Path:
    """Write the root of a study over its job records; return where it lies."""
    path, text = path_of(study), files.to_json(compute(study, paths))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        files.write_text(path, text)
    return path


def read(study: str) -> dict[str, Any] | None:
    """Return the root of a study, or None where it has none.

    Raises:
        BadInput: the file is not what `write` writes.
    """
    path = path_of(study)
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        root = json.loads(text)
        held = root["records"]
        sound = all(
            records.inside(name) and all(re.fullmatch("[0-9a-f]{64}", v) for v in entry.values())
            for name, entry in held.items()
        ) and all(set(entry) == {"id", "sha256"} for entry in held.values())
        whole = {"study": study, "records": held, "root": _hash(study, held)}
        if not sound or files.to_json(whole) != text:
            raise ValueError("it is not as `scaletrace record` wrote it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: no readable study root ({error})") from None
    return root
