"""What a careful referee asks of a fit, answered from the fit itself."""

from typing import Any

from scaletrace.fitting import profiles, resampling
from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.law import VARIABLES, Law
from scaletrace.fitting.preparation import Prepared
from scaletrace.fitting.settings import Settings
from scaletrace.formats.fit import SIX, LearntCost


def checklist(
    result: dict[str, Any], law: Law, prepared: Prepared, chosen: Settings
) -> dict[str, Any]:
    """Return form, variables, conventions, objective, optimiser, weights, interval method."""
    columns, certificate = prepared.columns, result["diagnostics"]["certificate"]
    derivatives = "analytic gradient and Hessian"
    if isinstance(law.jet, ByDifferences):
        derivatives = "gradient and Hessian by checked central differences"
    return {
        "form": f"{law.formula} ({law.paper})",
        "variables": {VARIABLES[v]: columns[v] for v in law.variables},
        "parameters_fitted": [name for name in law.names if name not in chosen.fixed],
        "parameters_fixed": chosen.fixed,
        "n_observations": result["n_observations"],
        "n_convention": columns.get("n"),
        "flop_convention": columns.get("c"),
        "token_cost": _token_cost(result),
        "n_conventions": {row["n_column"]: _counted(row) for row in result["n_conventions"]},
        "loss": columns["loss"],
        "objective": {
            **{k: v for k, v in result["objective"].items() if k != "value"},
            "of": "loss" if chosen.objective == "squared" else "log loss",
        },
        "optimiser": f"damped Newton with {derivatives}, projected on the bounds; "
        "Huber threshold lowered in stages",
        "starts": certificate["starts"],
        "starts_agreeing": certificate["starts_agreeing"],
        "dropped_points": result["data"]["dropped_highest"],
        "rows_left_out": result["data"]["left_out"],
        "weights": "1 / (loss_se^2 + unexplained scatter^2), in log loss"
        if "loss_se" in columns
        else "equal",
        "interval_method": f"percentiles of {chosen.resamples} bootstrap refits over "
        f"{chosen.unit}s ({prepared.clusters if chosen.unit == 'cluster' else chosen.unit}), "
        f"level {chosen.level}; ranges of weakly identified parameters by profile likelihood",
        "interval_assumes": resampling.ASSUMES[chosen.unit],
        "profile_assumes": profiles.ASSUMES,
        "extrapolation": {
            "largest_relative_error": result["extrapolation"]["largest_relative_error"],
            "rms_relative_error": result["extrapolation"]["rms_relative_error"],
            "scales_predicted": len(result["extrapolation"]["steps"]),
        },
    }


def _token_cost(result: dict[str, Any]) -> str:
    cost = LearntCost(**result["token_cost"])
    if cost.convention == SIX:
        return "C = 6 N D"
    return (
        f"C = {cost.words}; learnt from the runs to {100 * cost.error:.2g} %, and used wherever "
        "C, N and D are converted"
    )


def _counted(row: dict[str, Any]) -> str:
    if "failed" in row:
        return row["failed"]
    return (
        f"a = {row['a']:.3f}, N_opt = {row['n_opt']:.3g}, D_opt = {row['d_opt']:.3g} at "
        f"C = {row['flops']:.3g} ({row['flop_convention']})"
    )
