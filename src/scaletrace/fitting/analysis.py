"""A whole analysis of one set of observations: arrays in, the plain data of `FIT.json` out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scaletrace.fitting import diagnostics, prediction, resampling
from scaletrace.fitting.allocation import derived
from scaletrace.fitting.curve import curve
from scaletrace.fitting.design import examine
from scaletrace.fitting.extrapolation import rolling
from scaletrace.fitting.fit import FittedLaw, Observations, fit
from scaletrace.fitting.intervals import intervals
from scaletrace.fitting.law import Array, Law
from scaletrace.fitting.law_error import learn
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.fitting.token_cost import token_cost_of

KEPT_DRAWS = 400  # resamples stored with the fit, for intervals of predictions
USABLE = 0.5  # share of resamples that must converge for their spread to be an error


@dataclass(frozen=True)
class Method:
    """How to fit and how to say how sure it is."""

    objective: Objective
    fixed: Mapping[str, float]
    unit: str
    resamples: int
    seed: int
    level: float


def analyse(
    observations: Observations,
    law: Law,
    method: Method,
    columns: Mapping[str, str],
    names: list[str],
) -> dict[str, Any]:
    """Fit a law with intervals, diagnostics, extrapolation, curves and residuals.

    columns: what variables are called, for curves and residuals; names: of the observations.

    Raises:
        NotConvergedError: the fit, or every resample of it, has no minimum.
        DesignError: what is resampled does not vary.
    """
    fixed = dict(method.fixed)
    fitted = fit(observations, law, method.objective, fixed)
    draws, failed = np.empty((0, len(law.names))), 0
    if method.resamples:
        counts = resampling.counts(observations, method.unit, method.resamples, method.seed)
        draws, failed = resampling.refit(fitted, counts)
    if method.resamples and not len(draws):
        raise NotConvergedError(
            f"{law.name}: none of {method.resamples} resamples has a minimum; "
            "too few runs or sizes for this law"
        )
    design, unsupported, design_warnings = examine(law, observations.variables)
    if len(draws) < USABLE * method.resamples:
        unsupported |= {*law.names, law.exponent_name}
    by_name: dict[str, dict[str, Any]] = {}
    if len(draws):
        by_name = intervals(fitted, draws, method.unit, method.level, unsupported)
    follows = {
        name: float(quantity(fitted.problem.natural(fitted.theta[None]))[0])
        for name, quantity in derived(law).items()
    }
    correlation, shared = diagnostics.shared_noise(fitted, observations.cluster, method.unit)
    errors = {name: by_name[name]["se"] for name in by_name}
    influence, influential = diagnostics.influence(fitted, errors, names)
    cost = token_cost_of(observations.variables, columns)
    best, outside = diagnostics.optimum(fitted, observations, cost)
    warnings = [
        *(diagnostics.warning(code, message) for code, message in design_warnings),
        *diagnostics.optimisation(fitted, failed, method.resamples),
        *diagnostics.weakly_identified(by_name),
        *shared,
        *influential,
        *outside,
    ]
    tail = 50.0 * (1.0 - method.level)
    kept = draws[np.linspace(0, len(draws) - 1, min(KEPT_DRAWS, len(draws))).astype(int)]
    return {
        "law": law.name,
        "formula": law.formula,
        "paper": law.paper,
        "params": fitted.params,
        "objective": {
            "name": method.objective.name,
            **_settings_of(method.objective),
            "reduction": "sum",
            "value": fitted.value,
        },
        "intervals": by_name,
        "derived": follows,
        "token_cost": asdict(cost),
        "n_observations": len(observations),
        "n_clusters": len(np.unique(observations.cluster)),
        "diagnostics": {
            "certificate": fitted.certificate,
            "design": design,
            "noise": fitted.noise,
            "r_squared": _r_squared(fitted),
            "resamples_failed": failed,
            "shared_noise": correlation,
            "influence": influence,
            "optimum": best,
        },
        "warnings": warnings,
        "extrapolation": rolling(observations, law, method.objective, fixed),
        "curve": curve(fitted, draws, observations, columns, tail),
        "residuals": _residuals(fitted, observations, columns, names),
        "runs": {
            "variables": {v: observations.variables[v].tolist() for v in law.variables},
            "loss": observations.loss.tolist(),
            "cluster": observations.cluster.tolist(),
            "weight": fitted.weights.tolist(),
        },
        "ahead": {
            "noise": prediction.run_noise(fitted, method.level),
            "law_error": asdict(learn(observations, law, method.objective, fixed)),
            "shared": diagnostics.widened_by(correlation, observations.cluster),
        },
        "draws": {
            "unit": method.unit,
            "names": list(law.names),
            "values": [[float(x) for x in row] for row in fitted.problem.natural(kept)],
        },
    }


def _settings_of(objective: Objective) -> dict[str, float]:
    settings = {}
    if objective.name in ("huber", "asymmetric"):
        settings["delta"] = objective.delta
    if objective.name == "asymmetric":
        settings["above"] = objective.above
    return settings


def _r_squared(fitted: FittedLaw) -> float | None:
    """Share of the variance of log loss that the law explains."""
    total = float(((fitted.problem.log_loss - fitted.problem.log_loss.mean()) ** 2).sum())
    return 1.0 - float((fitted.log_residuals**2).sum()) / total if total > 0.0 else None


def _residuals(
    fitted: FittedLaw, observations: Observations, columns: Mapping[str, str], names: list[str]
) -> list[dict[str, Any]]:
    residuals: Array = fitted.log_residuals
    predicted = observations.loss * np.exp(-residuals)
    return [
        {
            "run": names[i],
            **{columns[v]: float(observations.variables[v][i]) for v in fitted.law.variables},
            "observed": float(observations.loss[i]),
            "predicted": float(predicted[i]),
            "log_residual": float(residuals[i]),
        }
        for i in range(len(names))
    ]
