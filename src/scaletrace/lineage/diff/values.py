"""The numbers that moved between two states of a study, file by file."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.formats.curve import curve_in
from scaletrace.formats.figure_csv import plotted_in
from scaletrace.formats.fit_file import estimates_in
from scaletrace.formats.observations import cells_in
from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import ledger
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.diff.causes import Causes, causes
from scaletrace.lineage.diff.side import Side
from scaletrace.lineage.drift import different
from scaletrace.study.rules import EVALUATE, FIGURES, FIT, OBSERVE

# An output then and now; None where it is new or gone.
Pair = tuple[RecordedFile | None, RecordedFile | None]


@dataclasses.dataclass(frozen=True)
class Moved:
    """One result that is not the same on both sides: its values by name, then and now.

    `kind` is observation, fit, figure, curve or file. `values` is empty where only the hashes of
    a file are at hand, or where a figure's looks alone changed.
    """

    kind: str
    name: str
    values: dict[str, tuple[Any, Any]]
    why: Causes


def moves(then: Side, now: Side) -> Iterator[Moved]:
    """Yield what moved: each run's observation, each fit, figure, loss curve and other file."""
    for path in sorted(then.jobs.keys() | now.jobs.keys()):
        a, b = then.jobs.get(path), now.jobs.get(path)
        before, after = _outputs(a), _outputs(b)
        pairs = {n: (before.get(n), after.get(n)) for n in sorted(before.keys() | after.keys())}
        moved = {name: pair for name, pair in pairs.items() if _sha256(pair[0]) != _sha256(pair[1])}
        if moved:
            why, one = causes(then, now, path), b or a
            rule = one.rule if one else ""
            yield from OF_RULE.get(rule, _files)(then, now, moved, why)


def _outputs(job: RecordedJob | None) -> dict[str, RecordedFile]:
    return {} if job is None else {output.name: output for output in job.identity.outputs}


def _sha256(output: RecordedFile | None) -> str | None:
    return output and output.sha256


def _path(pair: Pair) -> Path:
    return next(Path(output.path) for output in reversed(pair) if output is not None)


def _read(then: Side, now: Side, pair: Pair) -> tuple[bytes, bytes] | None:
    """Return a file's bytes on both sides, none for a file that is new or gone.

    None where they are not at hand.
    """
    texts = then.content(pair[0]), now.content(pair[1])
    if any(text is None and output is not None for text, output in zip(texts, pair, strict=True)):
        return None
    return texts[0] or b"", texts[1] or b""


def _observations(then: Side, now: Side, moved: dict[str, Pair], why: Causes) -> Iterator[Moved]:
    """Yield the runs of which a number moved, each with the causes in its own chain."""
    for pair in moved.values():
        path, contents = _path(pair), _read(then, now, pair)
        if contents is None:
            yield Moved("file", str(path), {}, why)
            continue
        before, after = ({row["run"]: row for row in cells_in(c, path)} for c in contents)
        for run in dict.fromkeys([*before, *after]):
            values = different(_cells(before.get(run, {})), _cells(after.get(run, {})))
            if values:
                yield Moved("observation", run, values, _of_run(then, now, run) or why)


def _of_run(then: Side, now: Side, run: str) -> Causes | None:
    """Return why a run's evaluation moved; None where it did not, or is on one side alone."""
    path = ledger.path_of(now.ancestry.study, EVALUATE.name, {"run": run})
    a, b = then.jobs.get(path), now.jobs.get(path)
    if a is None or b is None or _outputs(a) == _outputs(b):
        return None
    return causes(then, now, path)


def _fits(then: Side, now: Side, moved: dict[str, Pair], why: Causes) -> Iterator[Moved]:
    for pair in moved.values():
        contents, path = _read(then, now, pair) or (b"", b""), _path(pair)
        values = different(*(_parameters(content, path) for content in contents))
        yield Moved("fit", path.stem, values, why)


def _figures(then: Side, now: Side, moved: dict[str, Pair], why: Causes) -> Iterator[Moved]:
    """Yield a figure with the values that moved in it; none where its looks alone did."""
    name, pair = next(iter(moved.items()))
    if "csv" in moved:
        name, pair = "csv", moved["csv"]
    contents = (_read(then, now, pair) if name == "csv" else None) or (b"", b"")
    values = different(*(_plotted(plotted_in(content, _path(pair))) for content in contents))
    yield Moved("figure", _path(pair).stem, values, why)


def _files(then: Side, now: Side, moved: dict[str, Pair], why: Causes) -> Iterator[Moved]:
    """Yield a training's loss curve with its last loss, and every other file."""
    for name, pair in moved.items():
        path = _path(pair)
        if name != "curve":
            yield Moved("file", str(path), {}, why)
            continue
        contents = _read(then, now, pair) or (b"", b"")
        curves = [curve_in(content, path) for content in contents]
        ends = [{"last loss": points[-1].loss} for points in curves if points]
        values = different(*ends) if len(ends) == 2 else {}
        yield Moved("curve", "/".join(path.parts[2:-1]), values, why)


OF_RULE = {OBSERVE.name: _observations, FIT.name: _fits, FIGURES.name: _figures}


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of a row that are not empty, as numbers where they are."""
    return {name: _number(text) for name, text in row.items() if text}


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _parameters(content: bytes, path: Path) -> dict[str, Any]:
    """Return a fit's parameters and the ends of their intervals."""
    if not content:
        return {}
    fit = estimates_in(content, path)
    ends = {
        f"{name}.{end}": getattr(interval, end)
        for name, interval in fit.intervals.items()
        for end in ("low", "high")
    }
    return {**fit.params, **ends}


def _plotted(rows: list[dict[str, str]]) -> dict[str, Any]:
    """Return every number in a figure by its series, and by its run or its place in the curve."""
    numbers: dict[str, Any] = {}
    counted: Counter[str] = Counter()
    for row in rows:
        series = f"{row.get('series')}: {row.get('kind')}"
        counted[series] += 1
        place = row.get("run") or counted[series]
        numbers |= {
            f"{series} {place}: {axis}": _number(row[axis])
            for axis in ("x", "y", "low", "high")
            if row.get(axis)
        }
    return numbers
