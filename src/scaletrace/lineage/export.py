"""`scaletrace export`: a recorded study as one zip that others can read, check and restore."""

import hashlib
import shutil
import zipfile
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import inside
from scaletrace.jobs import ledger
from scaletrace.lineage import crate, links, root, signature
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.crate import Packed
from scaletrace.lineage.dvc import pipeline
from scaletrace.study.config import keep_of
from scaletrace.study.rules import LARGE, RESULTS

# Zip knows no time before it; a fixed one gives the same bytes whenever it is made.
EPOCH = (1980, 1, 1, 0, 0, 0)
CODE = ("Snakefile", "environment.yml", "requirements.lock", "LICENSE")


def export(study: str, out: Path, *, large: bool) -> dict[str, Packed]:
    """Write a recorded study with its RO-Crate metadata; return what the zip holds, by path.

    Args:
        study: its name.
        out: the zip to write.
        large: whether checkpoints, token files and texts are put in, or named by hash.

    Raises:
        BadInput: the study is not recorded, or a file is not what its record says.
    """
    links.require_none()
    files.sweep(out)
    held, ancestry = root.read(study), Ancestry(study)
    jobs = [job for job in ancestry.jobs if str(job.path) in held["records"]]
    _require_sound(jobs, held)
    config = held["study_file"]["path"]
    expected = _expected(study, jobs, held, large)
    contents: dict[str, Packed] = {}
    with (
        files.replacing(out) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for path, (sha256, size) in sorted(expected.items()):
            contents[path] = _add(archive, path, max(size, untrusted.LARGEST_TEXT))
            if sha256 not in (None, contents[path].sha256):
                raise BadInput(
                    f"{path}: sha256: found {contents[path].sha256}, recorded was "
                    f"{sha256}; scaletrace audit --study {study} tells what else differs"
                )
        text = files.to_json(crate.metadata(ancestry, jobs, contents, config))
        archive.writestr(_entry(crate.NAME), text.encode())
    return contents


def _require_sound(jobs: list[RecordedJob], held: dict[str, Any]) -> None:
    """Require every record that the root names, as the root names it."""
    for job in jobs:
        if job.record.hashed_id != held["records"][str(job.path)]["id"]:
            raise BadInput(f"{job.path}: id: not what the study's root has; scaletrace audit it")
    if missing := held["records"].keys() - {str(job.path) for job in jobs}:
        raise BadInput(f"{min(missing)}: no readable job record, but the study's root names it")


def _expected(
    study: str, jobs: list[RecordedJob], held: dict[str, Any], large: bool
) -> dict[str, tuple[str | None, int]]:
    """Return what goes into the zip, with the sha256 that a record or the root gives it, if any.

    With the size that a record gives it, or 0.
    """
    names = [*CODE, held["study_file"]["path"], *map(str, sorted(Path("rules").glob("*.smk")))]
    place, keep = pipeline.place(study), keep_of(Path(held["study_file"]["path"]))
    names += [str(path) for path in (place.yaml, place.lock, root.path_of(study))]
    names += [str(job.path) for job in jobs]
    metrics = ledger.PROVENANCE / "metrics" / study
    optional = [signature.path_of(study), *sorted(metrics.glob("*.json"))]
    names += [str(path) for path in optional if path.is_file()]
    expected: dict[str, tuple[str | None, int]] = dict.fromkeys(names, (None, 0))
    expected |= {name: (sha256, 0) for name, sha256 in held.get("accepted", {}).items()}
    expected |= {name: (sha256, 0) for name, sha256 in held.get("history", {}).items()}
    for job in jobs:
        digest = str(job.record.circumstances.environment)
        expected[str(ledger.environment_path(digest))] = (digest, 0)
        for output in job.identity.outputs:
            own = keep.pushes(output.path) or Path(output.path).exists()
            if not output.path.endswith(LARGE) or (large and own):
                expected[output.path] = (output.sha256, output.size)
    for path in expected:
        if not inside(path):
            raise BadInput(f"{path[:200]!r} leads out of the repository; nothing was exported")
        if Path(path).is_symlink() and not path.startswith(f"{RESULTS}/"):
            raise BadInput(f"{path}: a link; only files of this repository are packed")
        if not Path(path).is_file():
            raise BadInput(f"{path}: missing; scaletrace restore brings it back")
    return expected


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # unix, whatever it is made on
    entry.external_attr = 0o100644 << 16
    return entry


class _Hashing:
    """A stream to write to that also hashes and counts what it passes on."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.sha256, self.size = stream, hashlib.sha256(), 0

    def write(self, block: bytes) -> int:
        self.sha256.update(block)
        self.size += len(block)
        return self.stream.write(block)


def _add(archive: zipfile.ZipFile, path: str, largest: int) -> Packed:
    """Copy a file into the zip; return the hash and size of the very bytes that were copied."""
    entry = _entry(path)
    with (
        untrusted.opened(Path(path), largest) as (source, _),
        archive.open(entry, "w", force_zip64=True) as target,
    ):
        hashing = _Hashing(target)
        shutil.copyfileobj(source, hashing, files.CHUNK)
    return Packed(hashing.sha256.hexdigest(), hashing.size)
