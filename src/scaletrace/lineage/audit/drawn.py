"""Do the identities inside the figures agree with the records, and the tables with each other?"""

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import EvaluatedRun, read_evaluation
from scaletrace.formats.figure_csv import read_plotted
from scaletrace.formats.figure_identity import read_identity
from scaletrace.formats.fit_file import read_residuals
from scaletrace.formats.observations import D_COLUMN, DRAWN, MEASURED, n_column, read_cells
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.stages.figures import FOLDER
from scaletrace.study.rules import FIGURES, OBSERVE

T = TypeVar("T")


def check(scope: Scope) -> Iterator[Finding]:
    """Compare what figures say of themselves and show with what was observed and evaluated.

    Hashes have no part in it: a forger who rewrites them all is found here where a number was
    changed on its way from an evaluation to a figure.
    """
    for job in scope.jobs:
        if job.rule == FIGURES.name:
            yield from _identities(scope, job)
            at, shows = _drawn_as(job.identity.settings.get("figure"))
            if shows == "loss":
                yield from _losses(scope, job, at)
            elif shows == "residual":
                yield from _residuals(scope, job)
        elif job.rule == OBSERVE.name:
            yield from _evaluations(scope, job)


def _drawn_as(figure: object) -> tuple[str, str]:
    """Return what each run stands at in a figure and shows; nothing of a figure without runs."""
    if figure not in kinds.names(FOLDER):
        return "", ""
    return getattr(kinds.load(FOLDER, str(figure)), "POINTS", ("", ""))


def _output(job: RecordedJob, name: str) -> str | None:
    output = job.identity.output(name)
    return output and output.path


def _input(job: RecordedJob, name: str) -> str | None:
    return next((file.path for file in job.identity.inputs if file.name == name), None)


def _identities(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    table, name = job.identity.output("csv"), job.identity.settings.get("figure")
    digest = table and table.sha256
    inputs = {file.path: file.sha256 for file in job.identity.inputs}
    for output in job.identity.outputs:
        path = Path(output.path)
        if not path.is_file():
            continue
        try:
            identity = read_identity(path)
        except BadInput as problem:
            reason = str(problem).removeprefix(f"{path}: ")
            yield scope.finding(str(path), "identity", "that of a figure", reason)
            continue
        for field, expected in (("study", scope.study), ("figure", name), ("csv_sha256", digest)):
            if identity[field] != expected:
                yield scope.finding(str(path), f"identity.{field}", expected, identity[field])
        for source, sha256 in identity["sources"].items():
            if inputs.get(source) != sha256:
                expected = inputs.get(source, "no input of the figure")
                yield scope.finding(str(path), f"identity.sources.{source}", expected, sha256)


def _read(reader: Callable[[Path], T], path: str | None) -> T | None:
    """Return what a file holds; None where it is not here or no such file, which hashes tell."""
    try:
        return reader(Path(path or ""))
    except BadInput:
        return None


def _losses(scope: Scope, job: RecordedJob, at: str) -> Iterator[Finding]:
    """Every plotted point is an observation, and every usable observation is plotted."""
    path, conventions = _output(job, "csv"), job.identity.settings.get("conventions")
    rows, observed = _read(read_plotted, path), _read(read_cells, _input(job, "observations"))
    if rows is None or observed is None or not isinstance(conventions, dict):
        return
    x = D_COLUMN if at == "d" else n_column(str(conventions.get("n")))
    by_run = {row.get("run"): row for row in observed}
    points = [row for row in rows if row.get("kind") == "point"]
    for row in points:
        run, seen = row.get("run"), by_run.get(row.get("run"))
        if seen is None:
            actual = f"({row.get('x')}, {row.get('y')})"
            yield scope.finding(
                str(path), f"point of {run}", "an observation", f"none has {actual}"
            )
            continue
        for axis, name in (("x", x), ("y", "loss")):
            if _number(row.get(axis)) != _number(seen.get(name)):
                yield scope.finding(
                    str(path), f"point of {run}: {axis}", seen.get(name), row.get(axis)
                )
    drawn = {row.get("run") for row in points}
    for run, row in by_run.items():
        usable = row.get("status") in DRAWN and _number(row.get("loss")) is not None
        if usable and run not in drawn:
            actual = f"left out, though its status is {row['status']}"
            yield scope.finding(str(path), f"point of {run}", f"loss {row['loss']}", actual)


def _residuals(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    """Every run that a fit was made with is plotted with the residual that the fit tells."""
    path = _output(job, "csv")
    rows = _read(read_plotted, path)
    if rows is None:
        return
    residuals = {
        (file.path, run): residual
        for file in job.identity.inputs
        if file.name == "fits"
        for run, residual in (_read(read_residuals, file.path) or {}).items()
    }
    points = [row for row in rows if row.get("kind") == "point"]
    drawn = {(row.get("source", ""), row.get("run", "")): row.get("y") for row in points}
    for source, run in sorted(residuals.keys() | drawn.keys()):
        then = residuals.get((source, run), "no residual")
        now = drawn.get((source, run), "no point")
        if then != _number(now):
            yield scope.finding(str(path), f"point of {run} in {source}", then, now)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _evaluations(scope: Scope, job: RecordedJob) -> Iterator[Finding]:
    """Every observation has the numbers of its evaluation, or a reason why it has none."""
    path = _output(job, "observations")
    observed = {row["run"]: row for row in _read(read_cells, path) or ()}
    if not observed:
        return
    evaluated: dict[str, EvaluatedRun] = {}
    for file in job.identity.inputs:
        maker = scope.ancestry.makers.get(file.path)
        if file.name == "evals" and maker is not None and maker.run is not None:
            with contextlib.suppress(BadInput):
                evaluated[maker.run] = read_evaluation(Path(file.path))
    for run, content in evaluated.items():
        row = observed.get(run)
        if row is None:
            yield scope.finding(str(path), f"run {run}", "an observation", "none")
            continue
        for name in MEASURED:
            there, here = getattr(content, name), _number(row.get(name))
            if there != here:
                yield scope.finding(str(path), f"run {run}: {name}", there, row.get(name))
    for run, row in observed.items():
        if row.get("status") != "ok" and not row.get("reason"):
            yield scope.finding(str(path), f"run {run}: reason", "why it is not ok", "nothing")
