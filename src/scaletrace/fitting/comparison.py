"""Laws compared by how they predict larger scales, and by information criteria."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from scaletrace.fitting import progress
from scaletrace.fitting.extrapolation import rolling
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import Law
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError


def compare(
    observations: Observations, laws: Iterable[Law], objective: Objective
) -> list[dict[str, Any]]:
    """Rows (law, parameters, AIC, BIC, rolling error), best extrapolation first.

    AIC = n log(S/n) + 2 k and BIC = n log(S/n) + k log n with S the least sum of squared log
    residuals and k the parameters and the noise: every law by the same likelihood, whatever the
    objective. A law that does not converge is a row that says so.
    """
    rows = []
    laws = list(laws)
    for place, law in enumerate(laws):
        progress.report("comparing laws", place, len(laws))
        row: dict[str, Any] = {"law": law.name, "formula": law.formula}
        try:
            squares = fit(observations, law, Objective("squared_log"))
            params = fit(observations, law, objective).params
            ahead = rolling(observations, law, objective, {})
        except NotConvergedError as error:
            rows.append({**row, "failed": str(error)})
            continue
        count, k = len(observations), len(law.names) + 1
        deviance = count * np.log(max((squares.log_residuals**2).mean(), 1e-300))
        rows.append(
            {
                **row,
                "params": params,
                "aic": float(deviance + 2 * k),
                "bic": float(deviance + k * np.log(count)),
                "rms_relative_error": ahead["rms_relative_error"],
                "largest_relative_error": ahead["largest_relative_error"],
                "scales_predicted": len(ahead["steps"]),
            }
        )

    def order(row: dict[str, Any]) -> tuple[bool, float]:
        error = row.get("rms_relative_error")
        return error is None, error or 0.0

    return sorted(rows, key=order)
