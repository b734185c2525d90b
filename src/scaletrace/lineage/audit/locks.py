"""Do dvc.yaml, dvc.lock, the metrics and the study root say what the job records say?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.fit_file import read_parameters
from scaletrace.lineage import root, signature
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.drift import ABSENT, different, leaves
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.study.keep import Keep


def check(scope: Scope, study_file: Path) -> Iterator[Finding]:
    """Compare each stage with the record that it was compiled from, value by value."""
    try:
        place = pipeline.place(scope.study)
        stages = store.stages(store.read_yaml(place.yaml), place.yaml)
        lock = store.read_yaml(place.lock)
        locked = store.stages(lock, place.lock)
        held = root.read(scope.study) if root.path_of(scope.study).exists() else None
    except BadInput as problem:
        file, _, message = str(problem).partition(": ")
        yield Finding(file, "", "a file as `scaletrace record` writes it", message)
        return
    if not stages and held is None:
        scope.notes.append(
            "finished but not recorded: only the job records vouch for the files, and nothing "
            "vouches for their circumstances; scaletrace record adds a lock and a root"
        )
        return
    if (schema := lock.get("schema")) != "2.0":
        yield Finding(str(place.lock), "schema", "2.0", str(schema))
    if held is None:
        yield Finding(str(root.path_of(scope.study)), "file", "the root of the study", "missing")
    rerun = yield from _root(scope, held)
    names = set()
    for job in scope.jobs:
        name = pipeline.stage_name(job.identity, scope.study)
        names.add(name)
        stage = stages.get(name)
        expected = _compiled(job, scope, study_file, stage, place)
        yield from _compare(scope, job, place.yaml, name, expected, stage)
        expected = _locked(job, scope.keep, expected, locked.get(name), rerun)
        stored = _by_path(locked.get(name))
        yield from _compare(scope, job, place.lock, name, expected, stored)
        yield from _metrics(scope, job)
    # In a pipeline that studies share, others' stages are theirs.
    mine = {n for n, s in stages.items() if not place.shared or pipeline.owner(s) == scope.study}
    for name in sorted((mine | (locked.keys() - stages.keys())) - names) if scope.whole else ():
        yield Finding(str(place.lock), f"stages.{name}", "a job record", ABSENT)


def _root(scope: Scope, held: dict[str, Any] | None) -> Any:
    """Compare the root with the records; return the records that an identical rerun rewrote.

    A rerun leaves the id and seals its circumstances; an edit breaks the one or the other.
    """
    rerun: set[Path] = set()
    signed = signature.path_of(scope.study).exists()
    entries = held["records"] if held else {}
    for job in scope.jobs:
        entry = entries.get(str(job.path))
        if entry is None:
            if held:
                yield scope.finding(
                    str(root.path_of(scope.study)), f"records.{job.path}", job.record.id, ABSENT
                )
            continue
        if entry["id"] != job.record.id:
            yield scope.finding(str(job.path), "id (in the root)", entry["id"], job.record.id)
        elif (actual := files.hashes(job.path)["sha256"]) != entry["sha256"]:
            # A signed root vouches for circumstances as well, and a seal anybody can renew.
            if job.record.seal == job.record.hashed_seal and not signed:
                rerun.add(job.path)
            else:
                yield scope.finding(str(job.path), "sha256 (in the root)", entry["sha256"], actual)
    if rerun:
        scope.notes.append(
            f"{len(rerun)} records were written anew since the study was recorded, with the same "
            f"id and other circumstances, as after an identical rerun ({min(rerun)}); scaletrace "
            "record takes them up"
        )
    if scope.whole:
        known = {str(job.path) for job in scope.ancestry.jobs}
        for name in sorted(entries.keys() - known):
            yield Finding(name, "file", "a job record, which the root names", "missing")
    if held:
        config = Path(held["study_file"]["path"])
        same = config.is_file() and files.hashes(config)["sha256"] == held["study_file"]["sha256"]
        if not same and signed:
            actual = "other bytes, whatever they mean"
            yield Finding(str(config), "sha256 (in the root)", held["study_file"]["sha256"], actual)
        elif not same:
            scope.notes.append(f"{config}: its bytes are not those that were recorded")
    return rerun


def _compiled(
    job: RecordedJob, scope: Scope, study_file: Path, stage: Any, place: pipeline.Place
) -> dict[str, Any]:
    """Return the stage that a record compiles to; which files git holds is left to the stage."""
    in_git = set()
    outs = stage.get("outs") if isinstance(stage, dict) else None
    for out in outs if isinstance(outs, list) else ():
        if isinstance(out, dict):
            in_git |= {
                path
                for path, flags in out.items()
                if isinstance(flags, dict) and flags.get("cache") is False
            }
    return pipeline.stage(job, scope.study, study_file, in_git, place, scope.keep)


def _locked(
    job: RecordedJob, keep: Keep, stage: dict[str, Any], held: Any, rerun: set[Path]
) -> dict[str, Any]:
    """Return the entry of dvc.lock that a record calls for, files by their paths."""
    deps, outs = (
        {file.path: _entry(file.md5, file.size) for file in side if keep.pushes(file.path)}
        for side in (job.identity.inputs, job.identity.outputs)
    )
    if job.path in rerun:
        # What the record was then is told by the root alone, and the root has no md5.
        deps[str(job.path)] = (_by_path(held) or {}).get("deps", {}).get(str(job.path), {})
    else:
        hashes = files.hashes(job.path)
        deps[str(job.path)] = _entry(hashes["md5"], hashes["size"])
    return {"cmd": stage["cmd"], "deps": deps, "outs": outs}


def _entry(md5: object, size: object) -> dict[str, Any]:
    return {"hash": "md5", "md5": md5, "size": size}


def _by_path(stage: Any) -> dict[str, Any] | None:
    """Return a stage of dvc.lock with its files by path; a path that stands twice keeps a mark."""
    if not isinstance(stage, dict):
        return None
    by_path = dict(stage)
    for side in ("deps", "outs"):
        held: dict[str, Any] = {}
        entries = stage.get(side)
        for entry in entries if isinstance(entries, list) else ():
            rest = dict(entry) if isinstance(entry, dict) else {"entry": entry}
            path = str(rest.pop("path", ABSENT))
            held[path if path not in held else f"{path} (again)"] = rest
        by_path[side] = held
    return by_path


def _compare(
    scope: Scope, job: RecordedJob, file: Path, name: str, expected: dict[str, Any], held: Any
) -> Iterator[Finding]:
    affects = tuple(sorted({job.name, *scope.affected(str(job.path))}))
    if held is None:
        yield Finding(str(file), f"stages.{name}", "the stage of a job", ABSENT, affects)
        return
    then, now = leaves(expected, f"stages.{name}"), leaves(held, f"stages.{name}")
    for field in sorted(then.keys() | now.keys()):
        if then.get(field, ABSENT) != now.get(field, ABSENT) or type(then.get(field)) is not type(
            now.get(field)
        ):
            yield Finding(
                str(file), field, str(then.get(field, ABSENT)), str(now.get(field, ABSENT)), affects
            )


def _metrics(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    """Compare what `dvc metrics` shows of a fit with the fit."""
    for path, fit in pipeline.metrics_files([job], scope.study).items():
        try:
            expected, shown = read_parameters(fit), untrusted.read_json(path)
            then, now = leaves(expected, "params"), leaves(shown, "params")
        except (BadInput, OSError, ValueError) as error:
            yield Finding(str(path), "", f"the parameters of {fit}", f"not readable ({error})")
            continue
        for field, (made, held) in different(then, now).items():
            yield Finding(str(path), field, str(made), str(held))
