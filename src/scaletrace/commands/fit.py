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
from scaletrace.commands._fit_summary import summary
from scaletrace.commands._waiting import Waiting
from scaletrace.drawing.forms import form_of
from scaletrace.errors import BadInput
from scaletrace.fitting.progress import observed
from scaletrace.fitting.settings import AUTO, METRICS, Settings
from scaletrace.formats.fit import Fit
from scaletrace.formats.fit_file import fit_in
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
