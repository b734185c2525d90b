"""The root of a study: one file that fixes every record, for an author to sign."""

import json
import re
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import inside
from scaletrace.jobs import ledger
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.history import History, folder_of
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.hashing import sha256_of_small
from scaletrace.study.config import file_of


def path_of(study: str) -> Path:
    """Return where the root of a study lies."""
    return ledger.PROVENANCE / "roots" / f"{study}.json"


def build(
    study: str, study_file: Path, jobs: list[RecordedJob], rules: dict[str, str]
) -> dict[str, Any]:
    """Return the root of a study: configuration, rules' commands, records, accepted code, history.

    Environments need no place of their own: records name them by hash.

    Args:
        study: its name.
        study_file: its configuration.
        jobs: the study's recorded jobs.
        rules: the shell command of each rule.
    """
    content = {
        "study": study,
        "study_file": {"path": str(study_file), "sha256": files.hashes(study_file)["sha256"]},
        "rules": rules,
        "records": {
            str(job.path): {"id": job.record.id, "sha256": files.hashes(job.path)["sha256"]}
            for job in jobs
        },
    }
    accepted = {str(path): files.hashes(path)["sha256"] for path in Acceptances(study).by_path}
    history = {str(path): files.hashes(path)["sha256"] for path in History(study).paths}
    # Roots of studies that have none stay as earlier releases wrote them.
    content |= {"accepted": accepted} if accepted else {}
    content |= {"history": history} if history else {}
    return {**content, "root": files.json_sha256(content)}


def read(study: str) -> dict[str, Any]:
    """Return the root of a study.

    Raises:
        BadInput: there is none, or the file is not what `write` writes.
    """
    path = path_of(study)
    try:
        content = untrusted.read_bytes(path)
    except OSError as error:
        raise BadInput(f"{path}: no readable study root ({error})") from None
    return parse(content, study, path)


def parse(content: bytes, study: str, where: object) -> dict[str, Any]:
    """Return the root of a study in the content of a file that `where` names; errors as `read`."""
    try:
        text = content.decode("utf-8")
        root = json.loads(text)
        stated = root.pop("root")
        _require_form(root)
        if root["study"] != study or stated != files.json_sha256(root):
            raise ValueError(f"root: found {stated}; the rest hashes to {files.json_sha256(root)}")
        root["root"] = stated
        if files.to_json(root) != text:
            raise ValueError("not in the form that `scaletrace record` writes")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{where}: no readable study root ({error})") from None
    return root


def _require_form(root: dict[str, Any]) -> None:
    """Raise ValueError where a root is not of the form that `build` gives: it may be hostile."""
    hashes = [root["study_file"]["sha256"]]
    accepted = root.get("accepted", {})
    history = root.get("history", {})
    names = [*root["records"], *accepted, *history]
    hashes += [*accepted.values(), *history.values()]
    for entry in root["records"].values():
        hashes += [entry["id"], entry["sha256"]]
    if not all(isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) for value in hashes):
        raise ValueError("a hash is not one")
    if not all(inside(name) for name in names):
        raise ValueError("a path leads out of the repository")
    if not all(folder_of(root["study"]) in Path(name).parents for name in history):
        raise ValueError("history: a path of something else")
    if root["study_file"]["path"] != str(file_of(root["study"])):
        raise ValueError(f"study_file: found {str(root['study_file']['path'])[:80]!r}")
    if not all(isinstance(code, str) for code in root["rules"].values()):
        raise ValueError("a rule is not a command")


def changed_since(root: dict[str, Any]) -> list[str]:
    """Return in which files the configuration and the records are not those of the root."""
    expected = {name: entry["sha256"] for name, entry in root["records"].items()}
    expected[root["study_file"]["path"]] = root["study_file"]["sha256"]
    expected |= root.get("accepted", {}) | root.get("history", {})
    lines = []
    for name, sha256 in sorted(expected.items()):
        path = Path(name)
        if not path.is_file():
            lines.append(f"{name}: missing since the study was recorded")
        elif sha256_of_small(path) != sha256:
            lines.append(f"{name}: changed since the study was recorded")
    return lines
