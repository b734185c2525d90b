"""`scaletrace record`: hand a finished study to DVC and to git."""

import subprocess
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import read_record
from scaletrace.jobs import git, ledger
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.lease import lease
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import drift, links, root, transaction
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.lineage.hashing import hashes_of
from scaletrace.lineage.snakemake import memory, verdict
from scaletrace.study.config import load
from scaletrace.study.rules import LARGE, RESULTS


def _git(*words: str) -> str:
    try:
        return git.text(*words)
    except OSError as error:
        reason = str(error)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
    raise BadInput(f"git {words[0]}: {reason}; record works in a clone")


def _in_git(study: str) -> set[str]:
    return set(_git("ls-files", "-z", "--", str(RESULTS / study)).split("\0"))


def changed_files(jobs: list[RecordedJob], absent: bool = True) -> list[str]:
    """Return the outputs that are not what their records say, those that are absent among them."""
    outputs = [
        (job, output)
        for job in jobs
        for output in job.identity.outputs
        if absent or Path(output.path).exists()
    ]
    wrong = []
    hashed = hashes_of({output.path: output.size for _, output in outputs})
    for job, output in outputs:
        path, hashes = output.path, hashed[output.path]
        if isinstance(hashes, str):
            # Of what a light copy lacks nothing is made again unless somebody asks for it.
            which = f" {path} --configfile FILE" if path.endswith(LARGE) else ""
            wrong.append(f"{path}: {hashes} ({job.path}); snakemake{which} makes it again")
        elif hashes["sha256"] != output.sha256:
            wrong.append(
                f"{path}: changed since its job wrote it ({job.path}); delete it and "
                "snakemake makes it again"
            )
    return wrong


def _laundered(jobs: list[RecordedJob], known: Acceptances) -> list[str]:
    """Return the jobs that Snakemake takes for done, but with settings or code of another time."""
    lines: dict[str, None] = {}
    for job in jobs:
        for output in job.identity.outputs:
            asked = memory.remembered(job.record, output.path, job.path)
            name = drift.job_name(asked)
            for difference in drift.differences(asked, job.record, known):
                lines[f"{name}: {difference}; delete its outputs and run snakemake"] = None
    return list(lines)


def disagreements(
    jobs: list[RecordedJob], study: str, study_file: Path, locked: dict[str, Any], where: Path
) -> dict[str, list[str]]:
    """Compare every md5 in dvc.lock with the job records'; return what differs, by stage.

    Args:
        jobs: the study's recorded jobs.
        study: its name.
        study_file: its configuration.
        locked: the lock's entries by stage.
        where: the lock, for messages.
    """
    wrong: dict[str, list[str]] = {}
    for job in jobs:
        name = pipeline.stage_name(job.identity, study)
        stage = locked.get(name, {})
        record = {str(job.path): str(files.hashes(job.path)["md5"])}
        read = {file.path: file.md5 for file in job.identity.inputs}
        lines = []
        if stage.get("cmd") != pipeline.command(study_file):
            lines.append(f"{where}: stages.{name}: cmd: not the command of dvc.yaml")
        for kind, expected in (
            ("deps", record | read),
            ("outs", {output.path: output.md5 for output in job.identity.outputs}),
        ):
            held = {entry["path"]: entry.get("md5") for entry in stage.get(kind, [])}
            lines += [
                f"{path}: md5: {where} has {held.get(path)}, the record {job.path} has "
                f"{expected.get(path)}"
                for path in sorted(held.keys() | expected.keys())
                if held.get(path) != expected.get(path)
            ]
        if lines:
            wrong[name] = lines
    return wrong


def _all(wrong: dict[str, list[str]]) -> list[str]:
    return [line for lines in wrong.values() for line in lines]


def _cached(job: RecordedJob, in_git: set[str]) -> set[str]:
    return {output.md5 for output in job.identity.outputs if output.path not in in_git}


def _unfinished(outputs: list[verdict.Output]) -> list[str]:
    why = {"ok": "sound, but something that it rests on is not"}
    return [f"{o.path}: {why.get(o.status, o.status)}" for o in verdict.unfinished(outputs)]


def _recorded(asked: dict[Path, AskedJob]) -> list[RecordedJob]:
    """Return the recorded jobs of a study, sorted by rule and wildcards.

    Raises:
        BadInput: one has no record.
    """
    for path, job in asked.items():
        if not path.is_file():
            raise BadInput(
                f"{path}: missing; no job record says how {next(iter(job.outputs.values()))} was "
                "made; delete it and snakemake makes it again"
            )
    return [RecordedJob(path, read_record(path)) for path in sorted(asked)]


def _root(
    study: str, study_file: Path, jobs: list[RecordedJob], outputs: list[verdict.Output]
) -> dict[str, Any]:
    example = {output.rule: output.path for output in outputs}
    rules = {rule: memory.rule_code(path) for rule, path in example.items()}
    return root.build(study, study_file, jobs, rules)


def _known(lock: Path) -> dict[str, Any]:
    """Return the entries of a study's lock; none of one that somebody cut, which is made anew."""
    try:
        return store.locked(lock)
    except BadInput:
        return {}


def _lock(
    jobs: list[RecordedJob], study: str, study_file: Path, in_git: set[str], stages: Any
) -> dict[str, Any]:
    """Let DVC store a study's files; return the entries of its lock, as the records say.

    Raises:
        BadInput: DVC finds other hashes than the records have.
    """
    lock = pipeline.place(study).lock
    known = _known(lock)
    wrong = disagreements(jobs, study, study_file, known, lock)
    locked = store.commit(
        pipeline.own(study).yaml,
        stages,
        {name: entry for name, entry in known.items() if name not in wrong},
        {pipeline.stage_name(job.identity, study): _cached(job, in_git) for job in jobs},
    )
    if wrong := _all(disagreements(jobs, study, study_file, locked, lock)):
        raise BadInput("\n".join(wrong))
    return locked


def record(study_file: Path) -> int:
    """Compile a study's DVC pipeline from its graph, fill its lock, add the records to git.

    Another study's files are never touched, and these change together or not at all.

    Returns:
        The number of recorded jobs. Recording twice changes no byte.

    Raises:
        BadInput: the study is unfinished, or files, records and DVC do not agree.
    """
    links.require_none()
    study = load(study_file).study
    with lease(Path("work") / "record"):
        outputs = verdict.outputs(study_file)
        if waiting := _unfinished(outputs):
            if wrong := changed_files(Ancestry(study).jobs, absent=False):
                raise BadInput("\n".join(wrong))
            raise BadInput(
                f"{study}: {len(waiting)} files are not up to date ({waiting[0]}); run "
                f"snakemake --configfile {study_file} first"
            )
        jobs = _recorded(asked_jobs(study_file))
        known = Acceptances(study)
        if wrong := [*changed_files(jobs), *_laundered(jobs, known), *known.unreadable.values()]:
            raise BadInput("\n".join(wrong))
        in_git, place = _in_git(study), pipeline.own(study)
        content = pipeline.compiled(jobs, study, study_file, in_git)
        earlier = pipeline.moved_out(study)
        locked = _lock(jobs, study, study_file, in_git, content["stages"])
        texts = {
            **earlier,
            place.lock: pipeline.lock_text(locked),
            place.yaml: pipeline.text(content),
            **{path: files.to_json(fit) for path, fit in pipeline.fitted(jobs, study).items()},
            root.path_of(study): files.to_json(_root(study, study_file, jobs, outputs)),
        }
        environments = {job.record.circumstances.environment for job in jobs}
        with transaction.all_or_none(texts):
            _git(
                *("add", "--force", "--", *map(str, texts), str(study_file)),
                *(str(job.path) for job in jobs),
                *map(str, known.by_path),
                *(str(ledger.environment_path(digest)) for digest in environments),
            )
    return len(jobs)


def moved(study_file: Path) -> list[str]:
    """Return what has moved since the study was recorded: graph, files, records, DVC's files.

    Nothing is changed, and nothing of the repository is executed.

    Raises:
        BadInput: the study cannot be read, or a record is damaged.
    """
    links.require_none()
    study = load(study_file).study
    if not root.path_of(study).exists():
        return [f"{study}: never recorded"]
    asked, known = asked_jobs(study_file), Acceptances(study)
    if waiting := drift.stale(asked, known):
        return [
            *changed_files(Ancestry(study).jobs, absent=False),
            *(f"{line}; snakemake would make it again" for line in waiting),
        ]
    jobs = _recorded(asked)
    recorded = root.read(study)
    wrong = [*changed_files(jobs), *_laundered(jobs, known), *root.changed_since(recorded)]
    notes = sorted({*map(str, known.by_path)} - recorded.get("accepted", {}).keys())
    records = sorted({str(job.path) for job in jobs} - recorded["records"].keys())
    wrong += [f"{path}: not recorded yet" for path in (*notes, *records)]
    place = pipeline.place(study)
    if place.shared:
        wrong.append(f"{place.yaml}: as earlier releases recorded; scaletrace record moves it")
    try:
        content = pipeline.compiled(jobs, study, study_file, _in_git(study))
        fitted = pipeline.fitted(jobs, study)
    except BadInput as problem:
        return [*wrong, str(problem)]
    if not place.shared:
        wrong += _other(place.yaml, pipeline.text(content), "not what the workflow compiles to")
    for path, parameters in fitted.items():
        wrong += _other(path, files.to_json(parameters), "not what the fit says")
    locked = store.locked(place.lock)
    if not place.shared and (stale := sorted(locked.keys() - content["stages"])):
        wrong.append(f"{place.lock}: holds {', '.join(stale)}, which the workflow has not")
    return [*wrong, *_all(disagreements(jobs, study, study_file, locked, place.lock))]


def _other(path: Path, text: str, difference: str) -> list[str]:
    return [] if path.exists() and path.read_bytes() == text.encode() else [f"{path}: {difference}"]
