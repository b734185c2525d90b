"""`scaletrace record`: hand a finished study to DVC and to git."""

import io
import subprocess
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import read_record
from scaletrace.jobs import git, history, ledger, timings
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.history import History
from scaletrace.jobs.lease import lease
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import drift, links, root, transaction
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.lineage.hashing import hashes_of
from scaletrace.lineage.snakemake import memory, verdict
from scaletrace.study.config import Study, file_of, load
from scaletrace.study.keep import Keep
from scaletrace.study.rules import LARGE, RESULTS, timings_path


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


def changed_files(jobs: list[RecordedJob], keep: Keep | None = None) -> list[str]:
    """Return the outputs that are not what their records say.

    Args:
        jobs: recorded ones.
        keep: what of them has to be here; None where those that are absent do not matter.
    """
    outputs = [
        (job, output)
        for job in jobs
        for output in job.identity.outputs
        if (keep and keep.pushes(output.path)) or Path(output.path).exists()
    ]
    wrong = []
    hashed = hashes_of({output.path: output.size for _, output in outputs})
    for job, output in outputs:
        path, hashes = output.path, hashed[output.path]
        if isinstance(hashes, str):
            # Of what a light copy lacks nothing is made again unless somebody asks for it.
            again = "snakemake"
            if path.endswith(LARGE):
                again += f" --cores 1 {path} --configfile {file_of(Path(path).parts[1])}"
            wrong.append(f"{path}: {hashes} ({job.path}); {again} makes it again")
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
    jobs: list[RecordedJob],
    study: str,
    study_file: Path,
    keep: Keep,
    locked: dict[str, Any],
    where: Path,
) -> dict[str, list[str]]:
    """Compare every md5 in dvc.lock with the job records'; return what differs, by stage.

    Args:
        jobs: the study's recorded jobs.
        study: its name.
        study_file: its configuration.
        keep: what of its files DVC is given.
        locked: the lock's entries by stage.
        where: the lock, for messages.
    """
    wrong: dict[str, list[str]] = {}
    for job in jobs:
        name = pipeline.stage_name(job.identity, study)
        stage = locked.get(name, {})
        record = {str(job.path): str(files.hashes(job.path)["md5"])}
        read = {file.path: file.md5 for file in job.identity.inputs if keep.pushes(file.path)}
        made = {file.path: file.md5 for file in job.identity.outputs if keep.pushes(file.path)}
        lines = []
        if stage.get("cmd") != pipeline.command(study_file):
            lines.append(f"{where}: stages.{name}: cmd: not the command of dvc.yaml")
        for kind, expected in (("deps", record | read), ("outs", made)):
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


def _cached(job: RecordedJob, in_git: set[str], keep: Keep) -> set[str]:
    outputs = job.identity.outputs
    return {file.md5 for file in outputs if file.path not in in_git and keep.pushes(file.path)}


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


def _cut_history(study: str) -> list[str]:
    """Return what is damaged in a study's history, or missing that was recorded before."""
    recorded = root.read(study).get("history", {}) if root.path_of(study).exists() else {}
    gone = sorted(name for name in recorded if not Path(name).is_file())
    lines = [
        f"{name}: missing, and the root names it; git checkout brings it back" for name in gone
    ]
    return [*History(study).unreadable.values(), *lines]


def _complete_history(study: str, jobs: list[RecordedJob]) -> None:
    """Add what recorded results say and no job could note: of earlier releases, on a full disk."""
    ends = {job.path: job.record.circumstances.end or 0.0 for job in jobs}
    history.begins(study, min(ends.values(), default=0.0))
    for job in jobs:
        reused = job.record.circumstances.reused.study
        history.finished(study, job.identity, job.record.id, None, reused, ends[job.path])


def _timings(study: str, jobs: list[RecordedJob]) -> str:
    """Return timings.csv of the recorded jobs: a rerun that changed no table left it as it was."""
    text = io.StringIO()
    timings.write(study, text, [job.path for job in jobs])
    return text.getvalue()


def _known(lock: Path) -> dict[str, Any]:
    """Return the entries of a study's lock; none of one that somebody cut, which is made anew."""
    try:
        return store.locked(lock)
    except BadInput:
        return {}


def _lock(
    jobs: list[RecordedJob], study: Study, study_file: Path, in_git: set[str], stages: Any
) -> dict[str, Any]:
    """Let DVC store a study's files; return the entries of its lock, as the records say.

    Raises:
        BadInput: DVC finds other hashes than the records have.
    """
    name, keep = study.study, study.keep
    lock = pipeline.place(name).lock
    known = _known(lock)
    wrong = disagreements(jobs, name, study_file, keep, known, lock)
    locked = store.commit(
        pipeline.own(name).yaml,
        stages,
        {stage: entry for stage, entry in known.items() if stage not in wrong},
        {pipeline.stage_name(job.identity, name): _cached(job, in_git, keep) for job in jobs},
    )
    if wrong := _all(disagreements(jobs, name, study_file, keep, locked, lock)):
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
    described = load(study_file)
    study, keep = described.study, described.keep
    with lease(Path("work") / "record"):
        outputs = verdict.outputs(study_file)
        if waiting := _unfinished(outputs):
            if wrong := changed_files(Ancestry(study).jobs):
                raise BadInput("\n".join(wrong))
            raise BadInput(
                f"{study}: {len(waiting)} files are not up to date ({waiting[0]}); run "
                f"snakemake --cores 2 --configfile {study_file} first"
            )
        jobs = _recorded(asked_jobs(study_file))
        known = Acceptances(study)
        wrong = [*changed_files(jobs, keep), *_laundered(jobs, known), *known.unreadable.values()]
        if wrong := [*wrong, *_cut_history(study)]:
            raise BadInput("\n".join(wrong))
        _complete_history(study, jobs)
        in_git, place = _in_git(study), pipeline.own(study)
        content = pipeline.compiled(jobs, study, study_file, in_git, keep)
        earlier = pipeline.moved_out(study)
        locked = _lock(jobs, described, study_file, in_git, content["stages"])
        texts = {
            **earlier,
            place.lock: pipeline.lock_text(locked),
            place.yaml: pipeline.text(content),
            **{path: files.to_json(fit) for path, fit in pipeline.fitted(jobs, study).items()},
        }
        held = _root(study, study_file, jobs, outputs)
        texts[root.path_of(study)] = files.to_json(held)
        environments = {job.record.circumstances.environment for job in jobs}
        took = {timings_path(study): _timings(study, jobs)}
        with transaction.all_or_none(took | texts):
            _git(
                *("add", "--force", "--", *map(str, texts), str(study_file)),
                *(str(job.path) for job in jobs),
                *map(str, known.by_path),
                *held.get("history", {}),
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
    described = load(study_file)
    study, keep = described.study, described.keep
    if not root.path_of(study).exists():
        return [f"{study}: never recorded"]
    asked, known = asked_jobs(study_file), Acceptances(study)
    if waiting := drift.stale(asked, known):
        return [
            *changed_files(Ancestry(study).jobs),
            *(f"{line}; snakemake would make it again" for line in waiting),
        ]
    jobs = _recorded(asked)
    recorded = root.read(study)
    wrong = [*changed_files(jobs, keep), *_laundered(jobs, known), *root.changed_since(recorded)]
    notes = sorted({*map(str, known.by_path)} - recorded.get("accepted", {}).keys())
    records = sorted({str(job.path) for job in jobs} - recorded["records"].keys())
    events = sorted({*map(str, History(study).paths)} - recorded.get("history", {}).keys())
    wrong += [f"{path}: not recorded yet" for path in (*notes, *records, *events)]
    if not timings_path(study).exists():
        wrong.append(f"{timings_path(study)}: missing; snakemake makes it again")
    place = pipeline.place(study)
    if place.shared:
        wrong.append(f"{place.yaml}: as earlier releases recorded; scaletrace record moves it")
    try:
        content = pipeline.compiled(jobs, study, study_file, _in_git(study), keep)
        fitted = pipeline.fitted(jobs, study)
    except BadInput as problem:
        return [*wrong, str(problem)]
    if not place.shared:
        wrong += _other(place.yaml, pipeline.text(content), "not what the workflow compiles to")
    for path, parameters in fitted.items():
        wrong += _other(path, files.to_json(parameters), "not what the fit says")
    try:
        locked = store.locked(place.lock)
    except BadInput as problem:
        return [*wrong, str(problem)]
    if not place.shared and (stale := sorted(locked.keys() - content["stages"])):
        wrong.append(f"{place.lock}: holds {', '.join(stale)}, which the workflow has not")
    return [*wrong, *_all(disagreements(jobs, study, study_file, keep, locked, place.lock))]


def _other(path: Path, text: str, difference: str) -> list[str]:
    return [] if path.exists() and path.read_bytes() == text.encode() else [f"{path}: {difference}"]
