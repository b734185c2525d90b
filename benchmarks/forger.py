"""A forger's hand: what was changed of a recorded study, and all that vouches for it made to fit.

Every function works on the study in the working folder, which is a clone to be thrown away.
"""

import csv
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scaletrace import contract
from scaletrace.formats import files
from scaletrace.formats.record import identifier, seal_of
from scaletrace.jobs import history, ledger, timings
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.dvc import pipeline
from scaletrace.study.config import file_of, keep_of
from scaletrace.study.rules import RESULTS, RULES, timings_path

Rows = list[dict[str, str]]
CONTENT = ("sha256", "md5", "size")


def git(*words: str) -> str:
    """Return what git prints here, in the name of somebody."""
    command = ["git", "-c", "user.name=N", "-c", "user.email=n@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commit(message: str = "results") -> str:
    """Put all that lies here into a commit, as an honest author would; return the commit."""
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", message)
    return git("rev-parse", "HEAD").strip()


def flip(path: Path | str, at: int | None = None) -> None:
    """Change one byte, the middle one if no other is named; size and time stay."""
    path = Path(path)
    times, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(path: Path | str, old: str, new: str) -> None:
    """Change every place of a text that reads `old`."""
    text = Path(path).read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path}: no {old!r} in it")
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def edit_json(path: Path | str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the data of a JSON file, which is then written as jobs write it."""
    data = json.loads(Path(path).read_text(encoding="utf-8"))
    change(data)
    files.write_json(Path(path), data)


def edit_record(
    path: Path,
    change: Callable[[dict[str, Any]], object],
    *,
    identify: bool = True,
    seal: bool = True,
) -> None:
    """Change a record, and unless told otherwise the id and the seal that follow from it."""

    def changed(record: dict[str, Any]) -> None:
        change(record)
        if identify:
            record["id"] = identifier(record["identity"])
        if seal:
            record["seal"] = seal_of(record)

    edit_json(path, changed)


def edit_rows(path: Path | str, change: Callable[[Rows], Rows]) -> None:
    """Change the rows of a table."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        rows = change(list(csv.DictReader(stream)))
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def edit_root(study: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the root of a study, and its hash with it."""

    def changed(held: dict[str, Any]) -> None:
        del held["root"]
        change(held)
        held["root"] = files.json_sha256(held)

    edit_json(root.path_of(study), changed)


def make(record: dict[str, Any]) -> None:
    """Run the job of a record honestly, on the inputs that it names and into its outputs."""
    identity, inputs = record["identity"], {}
    for file in identity["inputs"]:
        inputs.setdefault(file["name"], []).append(Path(file["path"]))
    outputs = {file["name"]: Path(file["path"]) for file in identity["outputs"]}
    with tempfile.TemporaryDirectory() as work:
        stage = contract.stage(identity["rule"])
        contract.run(stage, inputs, outputs, identity["settings"], Path(work))


def rewrite(study: str, change: Callable[[Path, dict[str, Any]], bool] = lambda *_: False) -> None:
    """Make records, pipeline, lock, metrics and root fit the files of a study as they lie here.

    Tables, fits and figures below a changed file are made again, honestly; then all is committed.

    Args:
        study: its name.
        change: called with each record and its path, what it rests on first; may change the
            record, and returns whether its outputs have to be made again for that.
    """
    records = {job.path: job.record.raw for job in Ancestry(study).jobs}
    makers = {o["path"]: r for r in records.values() for o in r["identity"]["outputs"]}
    for path, record in _in_order(records, makers):
        identity = record["identity"]
        again = change(path, record)
        for file in identity["inputs"]:
            if maker := makers.get(file["path"]):
                made = next(o for o in maker["identity"]["outputs"] if o["path"] == file["path"])
                again |= made["sha256"] != file["sha256"]
                file |= {kind: made[kind] for kind in CONTENT} | {"record": maker["id"]}
        rule = RULES.get(identity["rule"])
        if again and rule and rule.kind == "analysis":
            make(record)
        for file in identity["outputs"]:
            if Path(file["path"]).is_file():
                file |= files.hashes(Path(file["path"]))
        record["id"] = identifier(identity)
        record["seal"] = seal_of(record)
        files.write_json(path, record)
    vouch(study)
    commit()


def _in_order(
    records: dict[Path, dict[str, Any]], makers: dict[str, dict[str, Any]]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield records with their paths, each after those of its inputs."""
    waiting, passed = list(records.items()), set()
    while waiting:
        path, record = waiting.pop(0)
        rest = [makers[f["path"]] for f in record["identity"]["inputs"] if f["path"] in makers]
        if all(id(other) in passed for other in rest):
            passed.add(id(record))
            yield path, record
        else:
            waiting.append((path, record))


def vouch(study: str) -> None:
    """Write pipeline, lock, metrics, timings, history and root anew from a study's records."""
    jobs, study_file, place = Ancestry(study).jobs, file_of(study), pipeline.own(study)
    in_git = set(git("ls-files", "-z", "--", str(RESULTS / study)).split("\0"))
    content, locked = pipeline.compiled(jobs, study, study_file, in_git, keep_of(study_file)), {}
    for job in jobs:
        stage = content["stages"][pipeline.stage_name(job.identity, study)]
        read = {file.path: (file.md5, file.size) for file in job.identity.inputs}
        own = files.hashes(job.path)
        sides = {"deps": read | {str(job.path): (own["md5"], own["size"])}}
        sides["outs"] = {file.path: (file.md5, file.size) for file in job.identity.outputs}
        locked[pipeline.stage_name(job.identity, study)] = {"cmd": stage["cmd"]} | {
            side: [
                {"path": path, "hash": "md5", "md5": md5, "size": size}
                for path, (md5, size) in sorted(held.items())
            ]
            for side, held in sides.items()
        }
    files.write_text(place.yaml, pipeline.text(content))
    files.write_text(place.lock, pipeline.lock_text(dict(sorted(locked.items()))))
    for path, shown in pipeline.fitted(jobs, study).items():
        files.write_json(path, shown)
    with timings_path(study).open("w", encoding="utf-8", newline="") as stream:
        timings.write(study, stream)
    for job in jobs:
        took = job.record.circumstances
        history.finished(
            study, job.identity, job.record.id, None, took.reused.study, took.end or 0.0
        )
    rules = root.read(study)["rules"]
    files.write_json(root.path_of(study), root.build(study, study_file, jobs, rules))


def restudy(study: str, change: Callable[[Path], object]) -> None:
    """Change the study file, and make it so that the study had always been this one.

    Jobs that it does not ask for any more vanish with their results; the others get the settings
    and inputs that it asks for; whatever was trained stays as it was.
    """
    change(file_of(study))
    asked = asked_jobs(file_of(study))
    for job in Ancestry(study).jobs:
        if job.path not in asked:
            job.path.unlink()
            for output in job.identity.outputs:
                Path(output.path).unlink(missing_ok=True)
    for folder in sorted((RESULTS / study).rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def as_asked(path: Path, record: dict[str, Any]) -> bool:
        identity, job = record["identity"], asked[path]
        read = {(name, file) for name, paths in job.inputs.items() for file in paths}
        kept = [file for file in identity["inputs"] if (file["name"], file["path"]) in read]
        if len(kept) != len(read):
            raise ValueError(f"{path}: reads {len(read)} files, and the record knows {len(kept)}")
        same = identity["settings"] == job.settings and kept == identity["inputs"]
        identity |= {"settings": job.settings, "inputs": kept}
        return not same

    rewrite(study, as_asked)


def record_of(study: str, rule: str, **wildcards: str) -> Path:
    """Return the record of a job."""
    return ledger.path_of(study, rule, wildcards)
