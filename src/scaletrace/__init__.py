"""Scaling-law studies in which every plotted point can be traced to its raw text.

In a notebook, with nothing but a table of runs:

    import scaletrace

    fit = scaletrace.fit("runs.csv", law="chinchilla")
    fit.plot()
    fit.predict(n=7e9, d=2e12)

`scaletrace.library` has what these functions return and take. It is loaded where they are called:
every job imports this package, and no job the library.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.errors import BadInput as BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    import pandas as pd

    from scaletrace.library import Fit, Options, Table

__all__ = ["BadInput", "compare", "fit", "next_runs", "read_fit"]


def fit(table: "Table", law: str = "auto", **options: "Unpack[Options]") -> "Fit":
    """Fit a scaling law to a table of runs, as `scaletrace fit` does and to the same numbers.

    Args:
        table: a DataFrame, one run a row; what DataFrame() takes; or the path of a table.
        law: its name, such as "chinchilla"; "auto" for the one that predicts larger scales best.
        options: those of the command with `_` for `-`: the columns n, d, flops, unique, loss,
            loss_se, cluster, seed_column; budget, family, where, scale, metric, envelope; weighted,
            objective, delta, above, drop_highest, fix, unit; bootstrap, seed, level; compare,
            sensitivity, isoflop. `scaletrace.library.Options` has their types.

    Raises:
        BadInput: the table or an option cannot be used, or the fit has no minimum.
    """
    return _library().fit(table, law, **options)


def compare(table: "Table", laws: "Sequence[str]", **options: "Unpack[Options]") -> "pd.DataFrame":
    """Compare laws on the same runs, as `scaletrace fit --compare` does.

    Returns:
        A row per law: error_ahead (root mean square, relative, of predictions of larger scales
        from smaller ones), aic, bic, and under failed why there are no numbers.

    Raises:
        BadInput: as `fit`.
    """
    return _library().compare(table, laws, **options)


def next_runs(
    fit: "Fit",
    spend: float,
    goal: str | None = None,
    smallest: float | None = None,
    largest: float | None = None,
) -> "pd.DataFrame":
    """Propose the runs that most shrink an interval for their FLOPs, as `scaletrace next` does.

    Args:
        fit: what is known.
        spend: FLOPs, counted as in the fit.
        goal: loss@N,D, loss@C, N_opt@C, D_opt@C, a parameter, or a.
        smallest: least parameters of a run.
        largest: most parameters of a run.

    Returns:
        A row per run: n, d, flops of one, seeds. Its attrs say the goal and, before and after,
        the estimate with its interval.

    Raises:
        BadInput: the fit, the goal or a limit cannot be used.
    """
    return _library().next_runs(fit, spend, goal, smallest, largest)


def read_fit(path: Path | str) -> "Fit":
    """Read a fit that `scaletrace fit --out` or `Fit.to_json` wrote.

    Raises:
        BadInput: it is none.
    """
    return _library().read_fit(path)


def _library() -> Any:
    return importlib.import_module("scaletrace.library")
