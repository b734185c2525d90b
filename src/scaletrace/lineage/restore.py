"""`scaletrace restore`: put a recorded study back, so that Snakemake has nothing to do."""

import contextlib
import dataclasses
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import (
    Record,
    RecordedFile,
    parse_record,
    read_record,
    require_circumstances,
)
from scaletrace.jobs import acceptances, known_hashes, ledger
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import drift, links, root, signature
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.archive import Archive
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.lineage.hashing import hashes_of
from scaletrace.lineage.snakemake.settling import settle
from scaletrace.study.config import file_of, load
from scaletrace.study.keep import Keep
from scaletrace.study.rules import LARGE


@dataclasses.dataclass
class Mismatch:
    """One difference between what made the results and what is here."""

    where: str
    what: str
    jobs: list[str]
    dependents: list[str]


@dataclasses.dataclass
class RestoreReport:
    """What `restore` found and did; `waiting` is what Snakemake would still make, and why."""

    study: str
    findings: list[Mismatch]
    files: int = 0
    left_out: int = 0
    waiting: list[str] = dataclasses.field(default_factory=list)


class _Mismatches:
    """Collects differences by job; equal ones of several jobs become one."""

    def __init__(self) -> None:
        self.jobs: dict[tuple[str, str], set[Path]] = defaultdict(set)

    def add(self, record: Path, where: str, what: str) -> None:
        self.jobs[where, what].add(record)

    def jobs_of(self) -> set[Path]:
        """Return the records of all jobs with a difference."""
        return {path for paths in self.jobs.values() for path in paths}

    def listed(self, jobs: dict[Path, AskedJob]) -> list[Mismatch]:
        mismatches = []
        for (where, what), paths in sorted(self.jobs.items()):
            known = paths & jobs.keys()
            resting = sorted(drift.job_name(jobs[p]) for p in drift.dependents(jobs, known))
            names = sorted(drift.job_name(jobs[p]) if p in jobs else str(p) for p in paths)
            mismatches.append(Mismatch(where, what, names, resting))
        return mismatches


def _bring_records(study: str, archive: Archive) -> list[Path]:
    """Put the records of an archive in place where the repository has none of the study."""
    if root.path_of(study).exists():
        return []
    brought: list[Path | None] = [archive.copy_text(str(root.path_of(study)))]
    try:
        if brought == [None]:
            raise BadInput(f"{archive.path}: has no {root.path_of(study)}: not a study {study}")
        content = root.read(study)
        folder = ledger.PROVENANCE / "jobs" / study
        for name in content["records"]:
            if Path(name).parent.parent != folder or Path(name).suffix != ".json":
                raise BadInput(f"{archive.path}: {name} is no record of {study}; refused")
        beside = str(file_of(study)), str(signature.path_of(study))
        for name in content.get("accepted", {}):
            if Path(name).parent != acceptances.folder_of(study):
                raise BadInput(f"{archive.path}: {name} is no note of {study}; refused")
        told = *content.get("accepted", {}), *content.get("history", {})
        for name in (*content["records"], *told, *beside):
            brought.append(archive.copy_text(name))
        for name in content["records"]:
            job = RecordedJob(Path(name), parse_record(Path(name)))
            environment = ledger.environment_path(job.record.circumstances.environment)
            brought.append(archive.copy_text(str(environment)))
            for path in pipeline.metrics_files([job], study):
                brought.append(archive.copy_text(str(path)))
        for path in (pipeline.own(study).yaml, pipeline.own(study).lock):
            brought.append(archive.copy_text(str(path)))
    except BaseException:
        _remove(brought)
        raise
    return [path for path in brought if path]


def _remove(paths: Iterable[Path | None]) -> None:
    for path in paths:
        if path:
            path.unlink(missing_ok=True)


def _sound_records(
    study: str, content: dict[str, Any], mismatches: _Mismatches
) -> dict[Path, Record]:
    """Return the records that are as the root says."""
    wrong = dict(line.split(": ", 1) for line in root.changed_since(content))
    sound = {}
    for name in {*content.get("accepted", {}), *content.get("history", {})} & wrong.keys():
        mismatches.add(Path(name), name, wrong[name])
    for name, entry in content["records"].items():
        path = Path(name)
        try:
            if name in wrong:
                raise BadInput(wrong[name])
            record = read_record(path)
            require_circumstances(record, path)
            rule = record.identity.rule
            if record.id != entry["id"]:
                raise BadInput(f"id: the root has {entry['id']}, found {record.id}")
            if ledger.path_of(study, rule, record.identity.wildcards) != path:
                raise BadInput("holds the record of another job")
            if rule not in content["rules"]:
                raise BadInput(f"the root has no command of rule {rule}")
            sound[path] = record
        except BadInput as problem:
            mismatches.add(path, name, str(problem).removeprefix(f"{name}: "))
    return sound


def _compare_raw(sound: dict[Path, Record], mismatches: _Mismatches) -> set[Path]:
    """Compare the raw text, which no job made, with what the records say was read.

    Returns:
        The records of the jobs that would read something else now.
    """
    raw = [
        (path, file)
        for path, record in sound.items()
        for file in record.identity.inputs
        if file.record is None
    ]
    hashed, moved = hashes_of({file.path: file.size for _, file in raw}), set()
    for path, file in raw:
        hashes = hashed[file.path]
        if hashes == "missing":
            mismatches.add(path, file.path, "missing; no job makes it")
        elif isinstance(hashes, str) or hashes["sha256"] != file.sha256:
            mismatches.add(path, file.path, "not the text that was read then")
            moved.add(path)
    return moved


def _compare_lock(
    study: str, sound: dict[Path, Record], keep: Keep, mismatches: _Mismatches
) -> None:
    lock = pipeline.place(study).lock
    if not (locked := store.locked(lock)):
        return
    for path, record in sound.items():
        stage = locked.get(pipeline.stage_name(record.identity, study), {})
        with contextlib.suppress(KeyError, TypeError, AttributeError):
            md5 = {entry["path"]: entry["md5"] for entry in stage.get("outs", [])}
            for output in record.identity.outputs:
                if keep.pushes(output.path) and md5.get(output.path) != output.md5:
                    what = f"{lock} has md5 {md5.get(output.path)}, its record {output.md5}"
                    mismatches.add(path, output.path, what)
            continue
        mismatches.add(path, str(lock), f"stage of {path} not readable")


# A file by its path, with the path of its record.
Wanted = dict[str, tuple[Path, RecordedFile]]


def _hashes(wanted: Wanted) -> dict[str, str | None]:
    """Return the sha256 of each file, or why it has none in words; None where there is none."""
    sizes = {name: file.size for name, (_, file) in wanted.items()}
    hashed = hashes_of(sizes, known_hashes.read_hashes).items()
    return {
        n: None if h == "missing" else h if isinstance(h, str) else h["sha256"] for n, h in hashed
    }


def _copy_verified(archive: Archive, file: RecordedFile) -> str | None:
    """Put a file of the archive in its place if it is the recorded one; else say what it is."""
    name = file.path
    size = archive.size(name)
    if size is None:
        return f"missing from {archive.path}"
    if size != file.size:
        return f"{size} bytes in {archive.path}, its record says {file.size}"
    target = Path(name)
    draft = target.with_name(f".{target.name}.restored")
    try:
        archive.copy(name, draft)
        if (sha256 := files.hashes(draft)["sha256"]) != file.sha256:
            return f"sha256 {sha256} in {archive.path}, its record says {file.sha256}"
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return None


def _put_back(wanted: Wanted, archive: Archive | None, mismatches: _Mismatches) -> int:
    """Put every file in its place that is not there, and verify it."""
    absent = [name for name, sha256 in _hashes(wanted).items() if sha256 is None]
    if archive is not None:
        for name in absent:
            if problem := _copy_verified(archive, wanted[name][1]):
                mismatches.add(wanted[name][0], name, problem)
        return len(absent)
    reason = store.pull([wanted[name][1] for name in absent]) if absent else None
    for name, sha256 in _hashes({name: wanted[name] for name in absent}).items():
        path, file = wanted[name]
        if sha256 is None:
            mismatches.add(path, name, f"missing; {reason or 'neither git nor DVC has it whole'}")
        elif sha256 != file.sha256:
            Path(name).unlink()
            what = f"sha256 {sha256} in DVC's cache or remote, its record says {file.sha256}"
            mismatches.add(path, name, what)
    return len(absent)


def restore(
    study: str, source: Path | None = None, partial: bool = False, checkpoints: bool = True
) -> RestoreReport:
    """Put a recorded study's files back from DVC, a folder or a zip, and verify every hash.

    Without `partial`, nothing is touched where something differs from what made the results;
    with it, everything that verifies is put back, and Snakemake remembers what made it, so that
    it makes again what differs.

    Args:
        study: name of the study.
        source: an export; None for what DVC holds.
        partial: put back what can be.
        checkpoints: also put back checkpoints, tokens and text, which only further jobs need: those
            that `keep` in the study file hands on, or an export holds.

    Raises:
        BadInput: there is no such study here, or the source cannot be used.
    """
    links.require_none()
    if source is None:
        store.require_own_folders()
    archive = Archive(source) if source else None
    brought = _bring_records(study, archive) if archive else []
    try:
        report = _restore(study, archive, partial, checkpoints)
    except BaseException:
        _remove(brought)
        raise
    if report.findings and not partial:
        _remove(brought)
    return report


def _restore(
    study: str, archive: Archive | None, partial: bool, checkpoints: bool
) -> RestoreReport:
    if not root.path_of(study).exists():
        raise BadInput(
            f"{root.path_of(study)}: not found; study {study} was not recorded in this commit: "
            "check out one in which it was, or give an export with --from"
        )
    content, mismatches = root.read(study), _Mismatches()
    study_file = file_of(study)
    sound = _sound_records(study, content, mismatches)
    jobs, known = asked_jobs(study_file), Acceptances(study)
    for path, job in jobs.items():
        if path in sound or str(path) not in content["records"]:
            for difference in drift.differences(job, sound.get(path), known):
                where, _, what = difference.partition(": ")
                mismatches.add(path, where, what)
    stale = mismatches.jobs_of() | (jobs.keys() - sound.keys())
    untrue = _compare_raw(sound, mismatches)
    keep = load(study_file).keep
    _compare_lock(study, sound, keep, mismatches)
    outputs = {
        output.path: (path, output)
        for path, record in sound.items()
        for output in record.identity.outputs
    }
    wanted = {
        name: made
        for name, made in outputs.items()
        if Path(name).exists()
        or not name.endswith(LARGE)
        or (checkpoints and (keep.pushes(name) or (archive and archive.size(name) is not None)))
    }
    for name, sha256 in _hashes(wanted).items():
        if sha256 not in (None, wanted[name][1].sha256):
            mismatches.add(wanted[name][0], name, "in the way: not the file that its job wrote")
            untrue.add(wanted[name][0])
    report = RestoreReport(study, mismatches.listed(jobs), left_out=len(outputs) - len(wanted))
    if report.findings and not partial:
        return report
    report.files = _put_back(wanted, archive, mismatches)
    report.findings = mismatches.listed(jobs)
    if report.findings and not partial:
        return report
    today = {
        path: job.fingerprint
        for path, job in jobs.items()
        if path in sound
        and known.same(job.rule, sound[path].identity.code.fingerprint, job.fingerprint)
    }
    settle(study, sound, content["rules"], untrue, today)
    report.waiting = _waiting(jobs, stale | untrue)
    return report


def _waiting(jobs: dict[Path, AskedJob], stale: set[Path]) -> list[str]:
    """Return the files that Snakemake would make, each with why.

    Args:
        jobs: the study's by their records' paths.
        stale: those that are not what was recorded, or whose files are not.
    """
    small = {
        path
        for path, job in jobs.items()
        for name in job.outputs.values()
        if not name.endswith(LARGE) and not Path(name).exists()
    }
    first = (stale & jobs.keys()) | small
    resting = drift.dependents(jobs, first)
    return [
        f"{name}: {'rests on what is made again' if path in resting else 'not as recorded'}"
        for path, job in jobs.items()
        if path in first | resting
        for name in job.outputs.values()
    ]
