"""Where job records lie, which of them made a file, and how a new one gets there."""

import hashlib
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, record, untrusted
from scaletrace.formats.record import Identity, Record, RecordedFile, read_record

PROVENANCE = Path("provenance")


def path_of(study: str, rule: str, wildcards: dict[str, str]) -> Path:
    """Return where the record of a job lies."""
    name = ",".join(f"{key}={value}" for key, value in sorted(wildcards.items())) or rule
    return PROVENANCE / "jobs" / study / rule / f"{name}.json"


def paths(study: str) -> list[Path]:
    """Return where the records of a study lie, sorted by rule and wildcards."""
    return sorted((PROVENANCE / "jobs" / study).glob("*/*.json"))


def environment_path(digest: object) -> Path:
    """Return where it stands what was installed, by the hash that circumstances give."""
    return PROVENANCE / "env" / f"{digest}.json"


def _pointer(study: str, artifact: str) -> Path:
    """Return the file that names the record of an artifact; a cache, rebuilt where missing."""
    name = hashlib.sha256(artifact.encode()).hexdigest()
    return Path("work") / study / "producers" / name


def _find(study: str, artifact: str) -> Path | None:
    pointer = _pointer(study, artifact)
    if pointer.is_file():
        return Path(untrusted.read_text(pointer))
    for path in paths(study):
        if any(output.path == artifact for output in read_record(path).identity.outputs):
            return path
    return None


def producer(study: str, file: RecordedFile) -> str | None:
    """Return the id of the record of the job that made an input; None for raw text.

    Args:
        study: name of the study.
        file: the input.

    Raises:
        BadInput: the file is not what its record says the job wrote.
    """
    path = _find(study, file.path)
    if path is None:
        return None
    maker = read_record(path)
    for output in maker.identity.outputs:
        if output.path == file.path and output.sha256 == file.sha256:
            return maker.id
    raise BadInput(
        f"{file.path}: found sha256 {file.sha256}, which is not what its job wrote "
        f"({path}); delete the file and snakemake makes it again"
    )


def write(study: str, identity: Identity, circumstances: dict[str, Any]) -> Record:
    """Write the record of a job that has put its outputs in place, and return it.

    Args:
        study: name of the study.
        identity: what decided the outcome, and the outputs.
        circumstances: everything else that is known of the execution, as JSON.
    """
    written = record.new_record(identity, circumstances)
    path = path_of(study, identity.rule, identity.wildcards)
    files.write_json(path, written.raw)
    point(study, path, identity)
    return written


def point(study: str, path: Path, identity: Identity) -> None:
    """Note for each output of a job where its record lies."""
    for output in identity.outputs:
        files.write_text(_pointer(study, output.path), str(path))
