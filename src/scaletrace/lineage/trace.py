"""`scaletrace trace`: from a figure, or a part of one, back to the raw text."""

import dataclasses
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.figure_identity import read_identity
from scaletrace.formats.fit import read_residuals
from scaletrace.formats.observations import read_observations
from scaletrace.jobs import attempts, records
from scaletrace.lineage import links
from scaletrace.lineage.ancestry import Ancestry, Job

COLUMNS = {"series", "source", "run"}  # of a figure's CSV, by which its rows are chosen
# Numbers are read off an axis or a label: three digits of them are meant.
NEAR = 0.005
# Letters that a tree is indented by.
WIDEST = 300


@dataclasses.dataclass
class Part:
    """What a part of a figure rests on: the files its rows come from, and the runs in them."""

    sources: set[str]
    runs: set[str]


@dataclasses.dataclass
class Trace:
    """The jobs behind a figure; `parents` holds, for each job, those that it rests on here."""

    figure: dict[str, Any]
    root: Job
    parents: dict[Job, list[Job]]
    notes: list[str]


def trace(figure: Path, series: str | None = None, point: dict[str, float] | None = None) -> Trace:
    """Trace a figure file, or one of its series or points, through the job records.

    Args:
        figure: the file, or a copy of it anywhere.
        series: name of a series in the figure's CSV.
        point: N (by the figure's convention) or D (training tokens) of a point, or both.

    Raises:
        BadInput: no figure, no record of it here, or no such series or point.
    """
    links.require_none()
    identity = read_identity(figure)
    ancestry = Ancestry(identity["study"])
    root = _maker(figure, identity, ancestry)
    outputs = {entry["name"]: entry for entry in root.identity["outputs"]}
    notes = list(ancestry.unreadable.values())
    digest = str(files.hashes(figure)["sha256"])
    recorded = outputs.get(figure.suffix.lower()[1:])
    if recorded is None or recorded["sha256"] != digest:
        notes.append(
            f"{figure}: not the recorded file byte for byte, only its identity is: found sha256 "
            f"{digest}, recorded {recorded and recorded['sha256']}"
        )
    part = None
    if series is not None or point:
        part = _part(_rows(Path(outputs["csv"]["path"]), identity), root, ancestry, series, point)
    return Trace({**identity, "sha256": digest}, root, _parents(ancestry, root, part), notes)


def _maker(figure: Path, identity: dict[str, Any], ancestry: Ancestry) -> Job:
    """Return the job that drew the figure."""
    study, name, digest = identity["study"], identity["figure"], identity["csv_sha256"]
    found = None
    for job in ancestry.jobs:
        for entry in job.identity["outputs"]:
            if entry["name"] == "csv" and job.identity["settings"].get("figure") == name:
                if entry["sha256"] == digest:
                    return job
                found = f"{job.path} has {entry['sha256']}"
    raise BadInput(
        f"{figure}: is {name} of study {study} with csv_sha256 {digest}; "
        + (found or f"no record of it in {records.PROVENANCE}/jobs/{study}")
        + f"; if it was committed once, git log -S{digest[:16]} -- {records.PROVENANCE} finds where"
    )


def _rows(path: Path, identity: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of the figure's CSV.

    Raises:
        BadInput: it is not here, is not the one that the figure was drawn from, or has no series.
    """
    found = read_identity(path)["csv_sha256"]
    if found != identity["csv_sha256"]:
        raise BadInput(
            f"{path}: found sha256 {found}; the figure was drawn from {identity['csv_sha256']}, "
            "and only that table says what its series and points are"
        )
    try:
        rows = untrusted.read_rows(path)
    except ValueError as error:
        raise BadInput(f"{path}: no table ({error})") from None
    if missing := COLUMNS.difference(*rows[:1]):
        raise BadInput(f"{path}: has no column {min(missing)}, so no part of it can be chosen")
    return rows


def _part(
    rows: list[dict[str, str]],
    root: Job,
    ancestry: Ancestry,
    series: str | None,
    point: dict[str, float] | None,
) -> Part:
    """Return what the chosen rows rest on."""
    if series is not None:
        names = list(dict.fromkeys(row["series"] for row in rows))
        rows = [row for row in rows if row["series"] == series]
        if not rows:
            raise BadInput(f"--series: found {series!r}; this figure has {', '.join(names)}")
    if point:
        rows = _at(rows, root, point)
    part = Part({row["source"] for row in rows}, {row["run"] for row in rows if row["run"]})
    for source in part.sources:
        maker = ancestry.makers.get(source)
        if maker is not None and maker.rule == "fit" and not point:
            part.runs |= _runs_of_fit(Path(source))
    return part


def _at(rows: list[dict[str, str]], root: Job, point: dict[str, float]) -> list[dict[str, str]]:
    """Return the rows of the runs with the given N and D."""
    table = "observations"
    try:
        (table,) = (
            entry["path"]
            for entry in root.identity["inputs"]
            if entry["name"] == "observations" and records.inside(entry["path"])
        )
        convention = root.identity["settings"]["conventions"]["n"]
        at = {
            observed.run: {axis: {"N": observed.n, "D": observed.d}[axis] for axis in point}
            for observed in read_observations(Path(table), convention)
        }
    except (BadInput, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{table}: --point needs the observations ({error})") from None
    plotted = {row["run"] for row in rows}
    runs = {
        run
        for run, place in at.items()
        if all(math.isclose(place[a], point[a], rel_tol=NEAR) for a in point) and run in plotted
    }
    if not runs:
        places = {", ".join(f"{a}={v:.10g}" for a, v in at[run].items()) for run in plotted & {*at}}
        asked = ", ".join(f"{axis}={value:.10g}" for axis, value in point.items())
        raise BadInput(f"--point: no run at {asked}; there are {'; '.join(sorted(places))}")
    return [row for row in rows if row["run"] in runs]


def _runs_of_fit(path: Path) -> set[str]:
    """Return the runs that a fit was fitted to."""
    return set(read_residuals(path))


def _parents(ancestry: Ancestry, root: Job, part: Part | None) -> dict[Job, list[Job]]:
    """Return each job's parents, for a part of a figure those alone that it rests on."""
    found: dict[Job, list[Job]] = {}
    waiting = [root]
    while waiting:
        job = waiting.pop()
        if job in found:
            continue
        parents = ancestry.parents(job)
        if part is not None and job is root:
            made = {id(ancestry.makers.get(path)) for path in part.sources}
            parents = [parent for parent in parents if id(parent) in made]
        if part is not None and job.rule == "observe":
            parents = [parent for parent in parents if parent.run in part.runs]
        found[job] = parents
        waiting.extend(parents)
    return found


def _raw(job: Job, made: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the text that a job read and no job made: packages or files."""
    packages = job.identity["settings"].get("packages")
    for name, version in sorted(packages.items()) if isinstance(packages, dict) else ():
        yield {"package": str(name), "version": str(version)}
    for entry in job.identity["inputs"]:
        if entry["path"] not in made:
            yield {"file": entry["path"], "sha256": entry["sha256"], "size": entry["size"]}


def _circumstances(job: Job) -> dict[str, Any]:
    """Return when, where and with which code a job ran, as far as its record says."""
    said = job.record["circumstances"]
    git = said.get("git") if isinstance(said.get("git"), dict) else {}
    start = said.get("start")
    try:
        when = datetime.datetime.fromtimestamp(start, datetime.UTC).isoformat(timespec="seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        when = None
    return {
        "when": when,
        "host": said.get("host"),
        "slurm_job": said.get("slurm_job"),
        "failed": [dataclasses.asdict(one) for one in attempts.overcome(said)],
        "cpu": said.get("cpu"),
        "cpu_features": said.get("cpu_features"),
        "gpu": said.get("gpu"),
        "commit": git.get("commit"),
        "changed": git.get("changed"),
        "code": job.identity["code"]["fingerprint"],
        "environment": said.get("environment"),
    }


def to_json(found: Trace) -> dict[str, Any]:
    """Return a trace as plain data: the figure, and jobs by record id, each with its parents."""
    made = {entry["path"] for job in found.parents for entry in job.identity["outputs"]}
    narrowed = {
        job: {entry["path"] for parent in parents for entry in parent.identity["outputs"]}
        for job, parents in found.parents.items()
    }
    return {
        "figure": found.figure,
        "root": found.root.record["id"],
        "jobs": {
            job.record["id"]: {
                "job": job.name,
                "record": str(job.path),
                "parents": [parent.record["id"] for parent in parents],
                "inputs": [e for e in job.identity["inputs"] if e["path"] in narrowed[job]],
                "outputs": job.identity["outputs"],
                "raw": list(_raw(job, made)) if job.rule == "corpus" else [],
                **_circumstances(job),
            }
            for job, parents in found.parents.items()
        },
        "notes": found.notes,
    }


def to_text(found: Trace) -> str:
    """Return a trace as a tree; what several jobs rest on is shown once."""
    figure = found.figure
    lines = [
        f"{figure['figure']} of study {figure['study']}",
        f"  sha256 {figure['sha256']}, drawn from rows with sha256 {figure['csv_sha256']}",
    ]
    made = {entry["path"] for job in found.parents for entry in job.identity["outputs"]}
    shown: set[Job] = set()
    # Depth first with a stack of its own: a trunk chain may be longer than Python's.
    waiting = [(found.root, "", "└─ ", "   ")]
    while waiting:
        job, before, branch, below = waiting.pop()
        if job in shown:
            lines.append(f"{before}{branch}{job.name} (above)")
            continue
        shown.add(job)
        lines.append(f"{before}{branch}{job.name}  {_line(job)}")
        parents = found.parents[job]
        # A chain of thousands is drawn no further to the right than anybody reads.
        rail = before + below if len(before) < WIDEST else before
        bar = "│  " if parents else "   "
        lines += [
            f"{rail}{bar}{entry['path']}  sha256 {entry['sha256'][:16]}"
            for entry in job.identity["outputs"]
        ]
        lines += [f"{rail}{bar}{_failed_line(one)}" for one in _circumstances(job)["failed"]]
        if job.rule == "corpus":
            lines += [f"{rail}{bar}from {_raw_line(raw)}" for raw in _raw(job, made)]
        for place, parent in enumerate(reversed(parents)):
            last = place == 0
            waiting.append((parent, rail, "└─ " if last else "├─ ", "   " if last else "│  "))
    lines += [f"note: {note}" for note in found.notes]
    # Names come from records that anybody may have written: none of them steers a terminal.
    return "\n".join(
        "".join(letter if letter.isprintable() else "?" for letter in line) for line in lines
    )


def _line(job: Job) -> str:
    said = _circumstances(job)
    commit = str(said["commit"] or "no commit")[:12] + ("+changes" if said["changed"] else "")
    where = f"{said['host']}, SLURM {said['slurm_job']}" if said["slurm_job"] else said["host"]
    return f"[record {job.record['id'][:12]}, {said['when']}, {where}, {commit}]"


def _failed_line(failed: dict[str, Any]) -> str:
    return f"after {attempts.place(failed)}: {failed['problem']}"


def _raw_line(raw: dict[str, Any]) -> str:
    if "package" in raw:
        return f"package {raw['package']} {raw['version']}"
    return f"file {raw['file']}  sha256 {raw['sha256'][:16]}"
