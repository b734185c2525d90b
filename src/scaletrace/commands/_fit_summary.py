"""What a person reads first of a fit."""

import math
from collections.abc import Iterator

from scaletrace.commands._columns import with_ends
from scaletrace.formats.fit import SIX, Fit


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
