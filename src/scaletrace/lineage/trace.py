"""`scaletrace trace`: from a figure, or a part of one, back to the raw text."""

import dataclasses
import datetime
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.figure_csv import read_plotted
from scaletrace.formats.figure_identity import read_identity
from scaletrace.formats.fit_file import read_residuals
from scaletrace.formats.observations import read_observations
from scaletrace.formats.record import RecordedFile, RecordedInput, inside
from scaletrace.jobs import acceptances, attempts, ledger
from scaletrace.lineage import links
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.study.rules import CORPUS, FIT, OBSERVE

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
    root: RecordedJob
    parents: dict[RecordedJob, list[RecordedJob]]
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
    root, table = _maker(figure, identity, ancestry)
    notes = list(ancestry.unreadable.values())
    digest = str(files.hashes(figure)["sha256"])
    recorded = root.identity.output(figure.suffix.lower()[1:])
    if recorded is None or recorded.sha256 != digest:
        notes.append(
            f"{figure}: not the recorded file byte for byte, only its identity is: found sha256 "
            f"{digest}, recorded {recorded and recorded.sha256}"
        )
    part = None
    if series is not None or point:
        part = _part(_rows(Path(table.path), identity), root, ancestry, series, point)
    parents = _parents(ancestry, root, part)
    notes += _accepted(ancestry.study, parents)
    return Trace({**identity, "sha256": digest}, root, parents, notes)


def _accepted(study: str, jobs: Iterable[RecordedJob]) -> list[str]:
    """Return in words which later code was accepted as equal to that of the jobs."""
    known = acceptances.Acceptances(study)
    ran = sorted({(job.rule, job.identity.code.fingerprint) for job in jobs})
    told = [acceptances.sentence(note) for each in ran for note in known.around(*each)]
    return [*known.unreadable.values(), *dict.fromkeys(told)]


def _maker(
    figure: Path, identity: dict[str, Any], ancestry: Ancestry
) -> tuple[RecordedJob, RecordedFile]:
    """Return the job that drew the figure, and the table that it drew."""
    study, name, digest = identity["study"], identity["figure"], identity["csv_sha256"]
    other = None
    for job in ancestry.jobs:
        for output in job.identity.outputs:
            if output.name == "csv" and job.identity.settings.get("figure") == name:
                if output.sha256 == digest:
                    return job, output
                other = f"{job.path} has {output.sha256}"
    raise BadInput(
        f"{figure}: is {name} of study {study} with csv_sha256 {digest}; "
        + (other or f"no record of it in {ledger.PROVENANCE}/jobs/{study}")
        + f"; if it was committed once, git log -S{digest[:16]} -- {ledger.PROVENANCE} finds where"
    )


def _rows(path: Path, identity: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of the figure's CSV.

    Raises:
        BadInput: it is not here, is not the one that the figure was drawn from, or has no series.
    """
    sha256 = read_identity(path)["csv_sha256"]
    if sha256 != identity["csv_sha256"]:
        raise BadInput(
            f"{path}: found sha256 {sha256}; the figure was drawn from {identity['csv_sha256']}, "
            "and only that table says what its series and points are"
        )
    return read_plotted(path)


def _part(
    rows: list[dict[str, str]],
    root: RecordedJob,
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
        if maker is not None and maker.rule == FIT.name and not point:
            part.runs |= read_residuals(Path(source)).keys()
    return part


def _at(
    rows: list[dict[str, str]], root: RecordedJob, point: dict[str, float]
) -> list[dict[str, str]]:
    """Return the rows of the runs with the given N and D."""
    table = "observations"
    try:
        (table,) = (
            file.path
            for file in root.identity.inputs
            if file.name == "observations" and inside(file.path)
        )
        convention = root.identity.settings["conventions"]["n"]
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


def _parents(
    ancestry: Ancestry, root: RecordedJob, part: Part | None
) -> dict[RecordedJob, list[RecordedJob]]:
    """Return each job's parents, for a part of a figure those alone that it rests on."""
    parents_of: dict[RecordedJob, list[RecordedJob]] = {}
    waiting = [root]
    while waiting:
        job = waiting.pop()
        if job in parents_of:
            continue
        parents = ancestry.parents(job)
        if part is not None and job is root:
            made = {id(ancestry.makers.get(path)) for path in part.sources}
            parents = [parent for parent in parents if id(parent) in made]
        if part is not None and job.rule == OBSERVE.name:
            parents = [parent for parent in parents if parent.run in part.runs]
        parents_of[job] = parents
        waiting.extend(parents)
    return parents_of


def _raw(job: RecordedJob, made: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the text that a job read and no job made: packages or files."""
    for name, version in job.packages.items():
        yield {"package": name, "version": version}
    for file in job.identity.inputs:
        if file.path not in made:
            yield {"file": file.path, "sha256": file.sha256, "size": file.size}


def _circumstances(job: RecordedJob) -> dict[str, Any]:
    """Return when, where and with which code a job ran, as far as its record says."""
    circumstances = job.record.circumstances
    return {
        "when": _when(circumstances.start),
        "host": circumstances.host,
        "slurm_job": circumstances.slurm_job,
        "failed": [dataclasses.asdict(one) for one in attempts.overcome(circumstances)],
        "cpu": circumstances.cpu,
        "cpu_features": circumstances.cpu_features,
        "gpu": circumstances.gpu,
        "commit": circumstances.git.commit,
        "changed": circumstances.git.changed,
        "code": job.identity.code.fingerprint,
        "environment": circumstances.environment,
    }


def _when(start: float | None) -> str | None:
    """Return seconds since 1970 as a date and time; None where they are none."""
    if start is None:
        return None
    try:
        return datetime.datetime.fromtimestamp(start, datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def to_json(trace: Trace) -> dict[str, Any]:
    """Return a trace as plain data: the figure, and jobs by record id, each with its parents."""
    made = _made(trace.parents)
    return {
        "figure": trace.figure,
        "root": trace.root.record.id,
        "jobs": {
            job.record.id: {
                "job": job.name,
                "record": str(job.path),
                "parents": [parent.record.id for parent in parents],
                "inputs": _as_json(_from(job, _made(parents))),
                "outputs": _as_json(job.identity.outputs),
                "raw": list(_raw(job, made)) if job.rule == CORPUS.name else [],
                **_circumstances(job),
            }
            for job, parents in trace.parents.items()
        },
        "notes": trace.notes,
    }


def _made(jobs: Iterable[RecordedJob]) -> set[str]:
    """Return what jobs made."""
    return {output.path for job in jobs for output in job.identity.outputs}


def _from(job: RecordedJob, made: set[str]) -> list[RecordedInput]:
    """Return the inputs of a job that are among the files."""
    return [file for file in job.identity.inputs if file.path in made]


def _as_json(recorded: Iterable[RecordedFile]) -> list[dict[str, Any]]:
    return [file.as_json() for file in recorded]


def to_text(trace: Trace) -> str:
    """Return a trace as a tree; what several jobs rest on is shown once."""
    figure = trace.figure
    lines = [
        f"{figure['figure']} of study {figure['study']}",
        f"  sha256 {figure['sha256']}, drawn from rows with sha256 {figure['csv_sha256']}",
    ]
    made = _made(trace.parents)
    shown: set[RecordedJob] = set()
    # Depth first with a stack of its own: a trunk chain may be longer than Python's.
    waiting = [(trace.root, "", "└─ ", "   ")]
    while waiting:
        job, before, branch, below = waiting.pop()
        if job in shown:
            lines.append(f"{before}{branch}{job.name} (above)")
            continue
        shown.add(job)
        lines.append(f"{before}{branch}{job.name}  {_line(job)}")
        parents = trace.parents[job]
        # A chain of thousands is drawn no further to the right than anybody reads.
        rail = before + below if len(before) < WIDEST else before
        bar = "│  " if parents else "   "
        lines += [
            f"{rail}{bar}{output.path}  sha256 {output.sha256[:16]}"
            for output in job.identity.outputs
        ]
        lines += [f"{rail}{bar}{_failed_line(one)}" for one in _circumstances(job)["failed"]]
        if job.rule == CORPUS.name:
            lines += [f"{rail}{bar}from {_raw_line(raw)}" for raw in _raw(job, made)]
        for place, parent in enumerate(reversed(parents)):
            last = place == 0
            waiting.append((parent, rail, "└─ " if last else "├─ ", "   " if last else "│  "))
    lines += [f"note: {note}" for note in trace.notes]
    return untrusted.printable(lines)


def _line(job: RecordedJob) -> str:
    ran = job.record.circumstances
    commit = (ran.git.commit or "no commit")[:12] + ("+changes" if ran.git.changed else "")
    where = f"{ran.host}, SLURM {ran.slurm_job}" if ran.slurm_job else ran.host
    return f"[record {job.record.id[:12]}, {_when(ran.start)}, {where}, {commit}]"


def _failed_line(failed: dict[str, Any]) -> str:
    return f"after {attempts.described(failed)}: {failed['problem']}"


def _raw_line(raw: dict[str, Any]) -> str:
    if "package" in raw:
        return f"package {raw['package']} {raw['version']}"
    return f"file {raw['file']}  sha256 {raw['sha256'][:16]}"
