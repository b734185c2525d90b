"""Questions about many points at once, from options or a table, and their answers as a table."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace import kinds
from scaletrace.commands._answers import VARIABLES, cost_of
from scaletrace.commands._columns import aligned
from scaletrace.errors import BadInput
from scaletrace.formats.fit import Answering

if TYPE_CHECKING:
    from scaletrace.fitting.columns import Numbers
    from scaletrace.formats.runs_table import RunsTable

# Counts that differ by more than rounding: a column of one is not read in the place of another.
COUNTS = (
    {"n_non_embedding", "n_total", "n_with_head"},
    {"flops_6nd", "flops_exact"},
)


@dataclass(frozen=True)
class Points:
    """Questions, the name of each for messages, and the columns (text) that answers stand beside.

    notes: how the table was read, in words.
    """

    questions: list[dict[str, float]]
    names: list[str]
    columns: dict[str, list[str]]
    notes: list[str]


def spread(given: Mapping[str, Sequence[float]]) -> Points:
    """Return a question for each place in lists of values; one value stands for as many.

    Raises:
        BadInput: lists of several lengths.
    """
    lengths = {name: len(values) for name, values in given.items()}
    count = max(lengths.values(), default=1)
    if set(lengths.values()) - {1, count}:
        said = ", ".join(f"--{name} has {length}" for name, length in lengths.items())
        raise BadInput(f"{said} values: equally many, or one, are needed of each")
    columns = {name: [*values] * (count // len(values)) for name, values in given.items()}
    questions = [{name: column[i] for name, column in columns.items()} for i in range(count)]
    names = [f"value {i + 1}" for i in range(count)]
    return Points(questions, names, {k: [f"{v:g}" for v in c] for k, c in columns.items()}, [])


def read_points(path: Path, fit: Answering) -> Points:
    """Return a question for each row of a table: N and D (and U) of the law, else C.

    Columns are those of the fit's table, in its units, else found by their usual names.

    Raises:
        BadInput: not a table, columns that the law needs are missing or count something else, or
            cells that are no positive numbers; a line each.
    """
    from scaletrace.formats.runs_table import read_runs, refuse

    table = read_runs(path)
    known = _with_tokens(path, _known(table, fit), fit)
    wanted = _wanted(fit.law, known)
    missing = [v for v in wanted if v not in known]
    if missing:
        raise BadInput(
            f"{path}: {fit.law} needs {' and '.join(v.upper() for v in wanted)}, and no column is "
            f"{' or '.join(v.upper() for v in missing)}; the table has {', '.join(table.header)}"
        )
    refuse(path, [fault for v in wanted for fault in known[v].faults])
    options = {variable: option for option, variable in VARIABLES.items()}
    columns = {options.get(v, v): known[v].values.tolist() for v in wanted}
    questions = [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    names = [f"{path}: line {line}" for line in table.lines]
    read = (f"{v.upper()} from {known[v].column}" + _times(known[v].factor) for v in wanted)
    left_out = [f"{len(runs)} rows left out: {why}" for why, runs in table.left_out.items()]
    return Points(questions, names, table.columns, [", ".join(read), *table.notes, *left_out])


def _times(factor: float) -> str:
    return "" if factor == 1.0 else f" x {factor:g}"


def _known(table: "RunsTable", fit: Answering) -> dict[str, "Numbers"]:
    """Return the variables that a table has."""
    from scaletrace.fitting.columns import Column, find, read
    from scaletrace.fitting.settings import Settings
    from scaletrace.formats.runs_table import refuse

    known, faults = {}, []
    for variable in ("n", "d", "c", "u"):
        own = fit.data.columns.get(variable, "")
        if own in table.columns:
            column = Column(own, fit.data.scales.get(variable, 1.0))
        else:
            column = find(table, variable, Settings(law=fit.law, budget=None))
        if column is None:
            continue
        if any({own, column.name} <= counts for counts in COUNTS) and own != column.name:
            faults.append(f"column {column.name!r} is another count than the fit's {own!r}")
            continue
        known[variable] = read(table, column)
    refuse(table.path, faults)
    return known


def _with_tokens(path: Path, known: dict[str, "Numbers"], fit: Answering) -> dict[str, "Numbers"]:
    """Add D where N and C alone are known, by what a token costs in the fit."""
    if "d" in known or not {"n", "c"} <= known.keys():
        if "n" not in known and {"d", "c"} <= known.keys():
            raise BadInput(f"{path}: D and C without N: give N and D, or C alone")
        return known
    import numpy as np

    from scaletrace.fitting.columns import Numbers

    n, c = known["n"], known["c"]
    with np.errstate(all="ignore"):
        d = c.values / cost_of(fit).flops(n.values, np.ones(()))
    faults = tuple(dict.fromkeys(n.faults + c.faults))
    return known | {"d": Numbers(d, f"{c.column} / FLOPs per token", faults=faults)}


def _wanted(law: str, known: Mapping[str, Any]) -> list[str]:
    """Return the variables of a question: of the law, or C alone where it stands for N and D."""
    from scaletrace.fitting.allocation import trades_off

    definition = kinds.load("laws", law).LAW
    if set(definition.variables) - {"n", "d", "c", "u"}:
        raise BadInput(f"--table: {law} is of loss curves; ask with a schedule")
    if definition.variables == ("c",):
        return ["n", "d"] if "c" not in known and {"n", "d"} <= known.keys() else ["c"]
    if trades_off(definition) and "c" in known and not {"n", "d"} <= known.keys():
        return ["c"]
    defaults = definition.counted_like.keys() - known.keys()
    return [v for v in definition.variables if v not in defaults]


def row_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as one row: estimates, ends of intervals, codes of warnings.

    inf: more than any. What is unreachable has no columns.
    """
    row: dict[str, Any] = {}
    for name, prediction in answer["predictions"].items():
        for key, end in (("estimate", ""), ("low", "_low"), ("high", "_high")):
            value = prediction[key]
            row[name + end] = math.inf if value is None else value
        for key, value in prediction.get("measured_run", {}).items():
            row[f"{name}_run_{key}"] = math.inf if value is None else value
    row["warnings"] = ", ".join(dict.fromkeys(one["code"] for one in answer["warnings"]))
    return row


def as_csv(points: Points, answers: Sequence[Mapping[str, Any]]) -> str:
    """Return the points' columns with the answers beside them.

    An answer that is called as one of the columns is called predicted_….
    """
    rows = [row_of(answer) for answer in answers]
    found = list(dict.fromkeys(name for row in rows for name in row if name != "warnings"))
    found.append("warnings")
    called = [f"predicted_{name}" if name in points.columns else name for name in found]
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*points.columns, *called])
    cells = zip(*points.columns.values(), strict=True)
    for own, row in zip(cells, rows, strict=True):
        writer.writerow([*own, *(row.get(name, "") for name in found)])
    return stream.getvalue()


def lines(points: Points, answers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table for people, and each warning once, with how many points have it."""
    names = list(dict.fromkeys(name for answer in answers for name in answer["predictions"]))
    levels = {p["level"] for answer in answers for p in answer["predictions"].values()}
    runs = [n for n in names if any("measured_run" in a["predictions"].get(n, {}) for a in answers)]
    header = [f"--{name}" for name in points.columns]
    for name in names:
        header += [name, "", *(["of a measured run"] if name in runs else [])]
    rows = [header]
    for place, answer in enumerate(answers):
        row = [column[place] for column in points.columns.values()]
        for name in names:
            prediction = answer["predictions"].get(name)
            row += [_cell(prediction, "estimate"), _interval(prediction)]
            if name in runs:
                row.append(_interval(prediction and prediction["measured_run"]))
        rows.append(row)
    yield from aligned(rows, left=0)
    if any(name in ("C", "a") for name in names) or "flops" in points.columns:
        yield f"C is {answers[0]['flop_convention']}"
    yield from (f"intervals of {100 * level:g} %" for level in sorted(levels))
    warnings = [warning for answer in answers for warning in answer["warnings"]]
    for code in dict.fromkeys(warning["code"] for warning in warnings):
        messages = [warning["message"] for warning in warnings if warning["code"] == code]
        count = "" if len(messages) == 1 else f" ({len(messages)} of {len(answers)} points)"
        yield f"warning: {messages[-1]} [{code}]{count}"


def _cell(prediction: Mapping[str, Any] | None, key: str) -> str:
    if prediction is None:
        return "unreachable"
    return "no limit" if prediction[key] is None else f"{prediction[key]:.5g}"


def _interval(prediction: Mapping[str, Any] | None) -> str:
    if prediction is None:
        return ""
    return f"[{_cell(prediction, 'low')}, {_cell(prediction, 'high')}]"
