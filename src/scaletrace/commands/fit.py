"""Fit a scaling law to any table of runs, and say how far to trust it."""

import argparse
import contextlib
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaletrace import contract, kinds
from scaletrace.commands._columns import with_ends
from scaletrace.commands._waiting import Waiting
from scaletrace.drawing.forms import form_of
from scaletrace.errors import BadInput
from scaletrace.fitting.progress import observed
from scaletrace.fitting.settings import AUTO, METRICS, Settings
from scaletrace.formats.fit import SIX, Fit, fit_in
from scaletrace.formats.untrusted import LARGEST_TEXT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments; a column left out is the table's default."""
    parser.add_argument(
        "table",
        nargs="+",
        help="one run a row, under a header: text with commas, tabs, semicolons or pipes; JSON "
        "lines or an array; Parquet; Excel; - for standard input (docs/tables.md); of loss "
        "curves, the curve.csv files",
    )
    parser.add_argument(
        "--law",
        default=AUTO,
        help=f"{', '.join(kinds.names('laws'))}; or auto (default), the one that predicts best",
    )
    columns = parser.add_argument_group("columns")
    for name, what in (
        ("n", "model parameters"),
        ("d", "training tokens"),
        ("flops", "training FLOPs"),
        ("unique", "unique tokens"),
        ("loss", "loss, in nats unless the column says otherwise"),
        ("loss-se", "standard error of the loss: weights"),
        ("cluster", "what shares noise (default: size, else equal N)"),
        ("seed-column", "random seed"),
    ):
        columns.add_argument(f"--{name}", metavar="COLUMN", help=what)
    columns.add_argument(
        "--scale",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FACTOR",
        help="multiply n, d, flops, unique or loss, as in n=1e6",
    )
    columns.add_argument("--metric", help=f"what the loss column measures: {', '.join(METRICS)}")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help='use only the rows of which it holds, such as "split == test"; may be repeated',
    )
    parser.add_argument(
        "--envelope",
        action="store_true",
        help="of rows with the same N and D, such as a sweep over learning rates, use the lowest",
    )
    parser.add_argument("--budget", help="use only the rows with this label in column budget")
    parser.add_argument("--family", help="use only the rows with this name in column family")
    parser.add_argument(
        "--unweighted", dest="weighted", action="store_false", help="ignore standard errors of loss"
    )
    parser.add_argument(
        "--objective", default="huber", help="huber (default), squared_log, squared, asymmetric"
    )
    parser.add_argument("--delta", type=float, default=1e-3, help="Huber threshold (default 1e-3)")
    parser.add_argument(
        "--above",
        type=float,
        default=0.2,
        help="asymmetric: weight of losses above the law (default 0.2)",
    )
    parser.add_argument("--drop-highest", type=int, default=0, metavar="K", help="losses to drop")
    parser.add_argument(
        "--fix",
        dest="fixed",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="hold at a value",
    )
    parser.add_argument(
        "--tie",
        dest="tied",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=NAME",
        help="let two exponents be one",
    )
    parser.add_argument(
        "--unit", default="cluster", help="what to resample: cluster (default), observation, seed"
    )
    parser.add_argument(
        "--bootstrap",
        dest="resamples",
        type=int,
        default=1000,
        metavar="B",
        help="resamples (0: no intervals)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    parser.add_argument("--level", type=float, default=0.95, help="of the intervals")
    parser.add_argument(
        "--compare", nargs="+", default=[], metavar="LAW", help="compare with these laws"
    )
    parser.add_argument(
        "--sensitivity", action="store_true", help="refit under other choices, one at a time"
    )
    parser.add_argument(
        "--isoflop", action="store_true", help="also find each budget's best N, and its growth"
    )
    parser.add_argument(
        "--multiplier",
        metavar="COLUMN",
        help="also how many times less compute the second of its two groups of runs needs",
    )
    parser.add_argument("--out", type=Path, metavar="FIT.json", help="write the whole result here")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="draw it: .pdf .svg .png .html, see `figure`"
    )
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Fit, write `--out` if given, and print a summary, or everything with `--json`.

    Raises:
        BadInput: the table or an argument cannot be used, or the fit has no minimum.
    """
    from scaletrace.formats.files import write_text

    if arguments.figure:
        form_of(arguments.figure)
    names = Settings.__dataclass_fields__
    settings = {name: getattr(arguments, name) for name in names}
    settings["fixed"] = _by_name("--fix", "E=1.7", arguments.fixed)
    settings["tied"] = dict(_pairs("--tie", "alpha=beta", arguments.tied))
    settings["scale"] = scales(_by_name("--scale", "n=1e6", arguments.scale))
    with (
        tempfile.TemporaryDirectory() as folder,
        _ordinary(arguments.table, folder) as files,
        observed(Waiting()),
    ):
        text = fitted(files, settings)
    if arguments.out:
        try:
            write_text(arguments.out, text)
        except OSError as error:
            raise BadInput(f"{arguments.out}: cannot be written ({error.strerror})") from error
    path = arguments.out or Path("FIT.json")
    fit = _drawn(text, path, arguments.figure) if arguments.figure else fit_in(text.encode(), path)
    if arguments.json:
        print(text, end="")
        return 0
    print("\n".join(summary(fit)))
    for written in filter(None, (arguments.out, arguments.figure)):
        print(f"written: {written}")
    return 0


def fitted(files: Sequence[Path], settings: Mapping[str, Any]) -> str:
    """Return FIT.json of a table, or of curves, under the stage's settings.

    Raises:
        BadInput: files or settings cannot be used, or the fit has no minimum.
    """
    from scaletrace.stages import fit

    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "fit.json"
        observations = {"observations": _with_trunks(list(files))}
        contract.run(fit, observations, {"fit": written}, settings, Path(folder))
        return written.read_text(encoding="utf-8")


def _with_trunks(given: list[Path]) -> list[Path]:
    """Return a table, or curves with those of the trunks that they left."""
    from scaletrace.fitting.training_curves import trunk_of, with_trunks

    return with_trunks(given) if any(trunk_of(path) for path in given) else given


def _drawn(text: str, path: Path, figure: Path) -> Fit:
    """Draw a fit; return it."""
    from scaletrace.drawing.fitted_runs import fitted_runs
    from scaletrace.drawing.picture import save

    runs = fitted_runs(text.encode(), path)
    save(runs, figure)
    return runs.fit


@contextlib.contextmanager
def _ordinary(given: list[str], folder: str) -> Iterator[list[Path]]:
    """Yield the paths of tables; of one that comes through a pipe, that of a copy in the folder."""
    paths = [Path(path) for path in given]
    piped = [i for i, path in enumerate(paths) if given[i] == "-" or path.is_fifo()]
    for i in piped:
        copy = Path(folder) / f"piped{i}"
        with sys.stdin.buffer if given[i] == "-" else paths[i].open("rb") as stream:
            copy.write_bytes(stream.read(LARGEST_TEXT + 1))
        paths[i] = copy
    try:
        yield paths
    except BadInput as problem:
        said = str(problem)
        for i in piped:
            name = "standard input" if given[i] == "-" else given[i]
            said = said.replace(str(paths[i]), name)
        raise BadInput(said) from None


def scales(given: Mapping[str, float]) -> dict[str, float]:
    """Return factors by variable.

    Raises:
        BadInput: another name, or a factor that is none.
    """
    variables = {"n": "n", "d": "d", "flops": "c", "c": "c", "unique": "u", "loss": "loss"}
    for name, factor in given.items():
        if name not in variables or not 0.0 < factor < math.inf:
            allowed = ", ".join(variables)
            raise BadInput(f"--scale {name}={factor:g}: a positive factor of one of {allowed}")
    return {variables[name]: factor for name, factor in given.items()}


def _by_name(option: str, example: str, pairs: list[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    faults = []
    for name, value in _pairs(option, example, pairs):
        try:
            values[name] = float(value)
        except ValueError:
            faults.append(
                f"{option} {f'{name}={value}'!r}: NAME=VALUE is needed, such as {example}"
            )
    if faults:
        raise BadInput("\n".join(faults))
    return values


def _pairs(option: str, example: str, pairs: list[str]) -> list[tuple[str, str]]:
    """Return names with what each equals; raise BadInput for what is none or comes twice."""
    split = [(name, value) for name, _, value in (pair.partition("=") for pair in pairs)]
    names = [name for name, _ in split]
    faults = [
        f"{option} {pair!r}: NAME=VALUE is needed, such as {example}"
        for pair, (name, value) in zip(pairs, split, strict=True)
        if not (name and value)
    ]
    faults += [
        f"{option} {pair!r}: {name} is given {names.count(name)} times"
        for pair, name in zip(pairs, names, strict=True)
        if names.count(name) > 1
    ]
    if faults:
        raise BadInput("\n".join(faults))
    return split


def summary(fit: Fit) -> Iterator[str]:
    """Yield the lines that a person reads first."""
    # N_opt, D_opt, loss
    symbol = fit.describes[0].upper() + fit.describes[1:] if "_" in fit.describes else "loss"
    yield f"{fit.law}: {symbol} = {fit.formula}"
    yield from _choice(fit)
    yield from _taken(fit, symbol)
    yield f"{fit.n_observations} runs in {fit.n_clusters} clusters; objective " + (
        f"{fit.objective.name} = {fit.objective.value:.6g} (sum)"
    )
    for name in [*fit.draws.names, *fit.derived]:
        yield _line(name, fit)
    yield from _optima(fit)
    for step in fit.extrapolation.steps[:1]:
        yield (
            f"the law of the smaller scales predicts {fit.extrapolation.variable.upper()} = "
            f"{step.at:.4g} with an error of {100 * step.relative_error:+.2f} %"
        )
    yield from _tables(fit)
    for warning in fit.warnings:
        yield f"warning: {warning.message} [{warning.code}]"


def _choice(fit: Fit) -> Iterator[str]:
    """Yield why this law, where none was named, and what the others would predict."""
    if fit.law_choice is None:
        return
    from scaletrace.fitting.law_choice import reasons

    yield f"law chosen: {fit.law_choice.because}"
    at = ", ".join(f"{name.upper()} {value:.3g}" for name, value in fit.law_choice.at.items())
    yield f"  what each says of {at}, and its error when larger scales were predicted:"
    refused = {row.law: row.failed or "" for row in fit.law_choice.laws if row.loss is None}
    for row in fit.law_choice.laws:
        if row.loss is None:
            continue
        error = row.rms_relative_error
        ahead = "" if error is None else f"  {100 * error:.2f} %"
        yield f"    {row.law:<16} {row.loss:.5g}{ahead}"
    yield from (f"  left out: {line}" for line in reasons(refused))


def _taken(fit: Fit, symbol: str) -> Iterator[str]:
    """Yield what was read as what, and how."""
    words = {"loss_se": "standard errors", "cluster": "clusters", "seed": "seeds"}
    taken = []
    for name in ("n", "d", "c", "u", "loss", "loss_se", "cluster", "seed"):
        column = fit.data.columns.get(name)
        if column is None or (name in ("cluster", "seed") and column in (name, "size")):
            continue
        scale = f" x {fit.data.scales[name]:g}" if name in fit.data.scales else ""
        what = words.get(name, symbol if name == "loss" else name.upper())
        taken.append(f"{what} from {column}{scale}")
    unit = f" ({fit.metric.unit})" if fit.metric else ""
    yield ", ".join(taken) + unit
    yield from fit.data.notes


def _line(name: str, fit: Fit) -> str:
    interval = fit.intervals.get(name)
    if interval is None:
        value = fit.params.get(name, fit.derived.get(name, math.nan))
        held = " held" if name in fit.settings.fixed else ""
        return f"  {name:<8} {value:.6g}{held}"
    estimate, *ends = with_ends(interval.estimate, interval.low, interval.high)
    if interval.low == interval.high:
        return f"  {name:<8} {estimate:<12} given by the form of the law"
    sure = "weakly identified" if interval.se is None else f"standard error {interval.se:.3g}"
    if name in fit.derived and fit.token_cost and fit.token_cost.convention != SIX:
        sure += ", where C is 6 N D"
    return f"  {name:<8} {estimate:<12} [{ends[0]}, {ends[1]}]  {sure}"


def _optima(fit: Fit) -> Iterator[str]:
    """Yield the best N and D of the largest budget, by every count of N."""
    for row in fit.n_conventions:
        if row.failed is not None:
            yield f"  with N from {row.n_column}: {row.failed}"
            continue
        yield (
            f"  with N from {row.n_column}, C = {row.flops:.4g} ({row.flop_convention}): "
            f"N_opt = {row.n_opt:.4g}, D_opt = {row.d_opt:.4g}, growing as C^{row.a:.3f} there"
        )


def _tables(fit: Fit) -> Iterator[str]:
    """Yield the lines of what was asked for beyond the fit."""
    for row in fit.comparison:
        if row.failed is not None:
            yield f"  {row.law:<16} {row.failed}"
            continue
        error = row.rms_relative_error
        ahead = "none" if error is None else f"{100 * error:.3f} %"
        criteria = f"AIC {row.aic:.1f}  BIC {row.bic:.1f}"
        yield f"  {row.law:<16} error ahead {ahead:<9} {criteria}"
    for row in fit.sensitivity:
        values = {**row.params, **row.derived}
        order = [*fit.draws.names, *fit.derived]
        numbers = "  ".join(f"{name} {values[name]:.5g}" for name in order if name in values)
        yield f"  {row.choice} {row.setting}: {numbers or row.failed}"
    if fit.multiplier is not None:
        found = fit.multiplier
        value, *ends = with_ends(found.estimate, found.low, found.high)
        yield (
            f"  {found.column} {found.of} needs {value} [{ends[0]}, {ends[1]}] times less compute "
            f"than {found.against}, whose law this is, for equal loss, at C = {found.flops:.3g} "
            f"({found.shared} shared)"
        )
    if fit.isoflop is not None:
        a, b, apart = fit.isoflop.a, fit.isoflop.b, fit.isoflop.disagreement
        line = f"  IsoFLOP: a = {a.estimate:.4f} [{a.low:.4f}, {a.high:.4f}]"
        if apart is not None:
            line += f", {apart.a:+.4f} from the law's"
        if b is not None:
            line += f"; b = {b.estimate:.4f} [{b.low:.4f}, {b.high:.4f}]"
        if fit.isoflop.at_flops is not None:
            line += f"; at C = {fit.isoflop.at_flops:.4g} ({fit.isoflop.flop_convention})"
        yield line
