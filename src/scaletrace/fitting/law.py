"""What a law is, and the calculus that laws share.

A law is fitted in internal coordinates: logarithms of amplitudes and locations, plain numbers for
exponents and for the level E, which may be zero, and every variable as a logarithm about its own
centre. That makes the prediction a log-sum-exp of terms that are linear, or nearly so, in the
coordinates, and keeps units out of the optimisation. `Law.natural` and `Law.internal` convert to
and from the published parameters.

Shapes: B coordinate vectors (starts, resamples, profile points) x p parameters x n observations.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Logs = Mapping[str, Array]  # variable (n, d, c, u, …) -> centred natural logarithms, shape (n,)
Centre = Mapping[str, float]  # variable -> the logarithm that was subtracted
Columns = Mapping[str, Array]  # parameter -> its published values, (…)
FLOPS_PER_PARAMETER_AND_TOKEN = 6.0
SMALLEST = 1e-300  # a level at or below it is zero
LEAST_LEFT = 1e-9  # of the largest term, by subtraction of others

VARIABLES = {
    "n": "model parameters N",
    "d": "training tokens D",
    "c": "training FLOPs C",
    "u": "unique tokens U",
    "s1": "area S1 under the learning rate",
    "s2": "annealing area S2 of the learning rate",
}


def logs_of(values: Any) -> Array:
    """Return natural logarithms; that of nothing, as S2 before any annealing, is -inf."""
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(values, dtype=float))


@dataclass(frozen=True)
class Jet:
    """Log prediction with its derivatives in the internal coordinates.

    value (B, n); gradient (B, p, n); curvature maps weights (B, n) to the weighted sum over
    observations of the second derivatives, (B, p, p), which are never held one by one.
    """

    value: Array
    gradient: Array
    curvature: Callable[[Array], Array]


@dataclass(frozen=True)
class Term:
    """Logarithm of one summand: value (B, n), first and second derivatives by coordinate.

    A derivative has shape (n,) where it is the same for all coordinate vectors, else (B, n).
    sign: -1.0 where the summand is subtracted.
    """

    value: Array
    first: dict[int, Array]
    second: dict[tuple[int, int], Array] = field(default_factory=dict)
    sign: float = 1.0


@dataclass(frozen=True)
class Level:
    """The summand E, the loss that no scale removes: value (B, 1) and its coordinate."""

    value: Array
    index: int


@dataclass(frozen=True)
class Parameter:
    """One parameter of a law.

    kind: `amplitude` (the size of a falling term, A), `location` (a value of a variable, Nc),
    `scale` (a positive pure number, R_D_star) are fitted as logarithms; `exponent` and `level` (a
    loss, E, zero or more) as they are. low and high bound exponents and scales, in natural units.
    variable: what an exponent multiplies or where a location lies.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = np.inf
    variable: str = ""

    @property
    def logarithmic(self) -> bool:
        """Whether the internal coordinate is the logarithm of the parameter."""
        return self.kind not in ("exponent", "level")


class TwoPowers(NamedTuple):
    """A law as loss = floor + ((A / N^alpha + B / D^beta) / f^compute)^outer, each (…).

    f is C / (6 N D), for laws in which the FLOPs C themselves occur; it is 1 where C is 6 N D.
    """

    floor: Array
    log_a: Array
    alpha: Array
    log_b: Array
    beta: Array
    outer: Array
    compute: Array | float = 0.0


@dataclass(frozen=True)
class Law:
    """A parametric form of the loss, with all that it is and does.

    formula and paper are for people. variables are the logs that `jet` needs; a law without
    derivatives by hand has `jet=ByDifferences(log_loss)`. offsets gives, for coordinates about a
    centre, what to add to each (by index) for coordinates about zero. guesses gives starts (S, p)
    for centred logs and log losses (n,).

    two_powers: the law as two powers, where it trades N against D; from it follow the best N and
    D of a budget. inverse: the variable (…) of a one-variable law at which published parameters
    (…, p) give a loss; found by bisection where it is None.
    counted_like: a variable that counts the same thing as another one: both are measured about
    that one's centre, and where it is not given it equals that one.
    describes: the quantity that the law is of: the loss, or the best N or D (n_opt, d_opt).
    may_be_constant: variables that the runs need not vary, for no exponent is theirs alone.
    same: exponents that are other ones, by index: (which, of which).
    along: the variable that grows along one training, where the law is of whole loss curves.
    """

    name: str
    formula: str
    paper: str
    variables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    jet: Callable[[Array, Logs], Jet]
    offsets: Callable[[Array, Centre], dict[int, Array]]
    guesses: Callable[[Logs, Array], Array]
    two_powers: Callable[[Columns], TwoPowers] | None = None
    inverse: Callable[[Array, float], Array] | None = None
    counted_like: Mapping[str, str] = field(default_factory=dict)
    may_be_constant: tuple[str, ...] = ()
    same: tuple[tuple[int, int], ...] = ()
    along: str | None = None
    describes: str = "loss"

    @property
    def names(self) -> tuple[str, ...]:
        """Parameter names in the order of the coordinates."""
        return tuple(parameter.name for parameter in self.parameters)

    def index(self, name: str) -> int:
        """Position of a parameter among the coordinates."""
        return self.names.index(name)

    @property
    def varied(self) -> tuple[str, ...]:
        """The variables that the runs must vary."""
        return tuple(v for v in self.variables if v not in self.may_be_constant)

    @property
    def exponent_name(self) -> str:
        """Name of the growth of N_opt with C; `a_opt` where a parameter is called a."""
        return "a_opt" if "a" in self.names else "a"

    @property
    def level(self) -> str | None:
        """Name of the loss that remains at any scale; None where the law has none."""
        return next((p.name for p in self.parameters if p.kind == "level"), None)

    def centre(self, logs: Logs) -> dict[str, float]:
        """Return what to subtract from each variable's logarithms (n,)."""
        means = {name: float(x[np.isfinite(x)].mean()) for name, x in logs.items()}
        return means | {name: means[other] for name, other in self.counted_like.items()}

    def columns(self, params: Array) -> Columns:
        """Return published parameters (…, p) by name, each (…)."""
        values = np.moveaxis(np.asarray(params, dtype=float), -1, 0)
        return dict(zip(self.names, values, strict=True))

    def predict(self, params: Mapping[str, float], values: Mapping[str, Array]) -> Array:
        """Return the loss (n,) at natural values of the variables, each (n,), by named params."""
        vector = np.array([params[name] for name in self.names])[None]
        zero = dict.fromkeys(VARIABLES, 0.0)
        logs = {name: logs_of(value) for name, value in values.items()}
        return np.exp(self.jet(self.internal(vector, zero), logs).value[0])

    def faults_of_fixed(self, fixed: Mapping[str, float]) -> Iterator[str]:
        """Yield a sentence for each parameter that cannot be held at its value."""
        for name, value in fixed.items():
            if name not in self.names:
                yield f"{self.name} has no parameter {name!r}; {', '.join(self.names)}"
                continue
            parameter = self.parameters[self.index(name)]
            if parameter.kind == "level":
                if not np.isfinite(value) or value < 0.0:
                    yield f"{name} held at {value}; a finite number of 0 or more is needed"
            elif parameter.logarithmic and not (np.isfinite(value) and value > 0.0):
                yield f"{name} held at {value}; a positive finite number is needed"
            elif parameter.kind in ("exponent", "scale") and not (
                parameter.low <= value <= parameter.high
            ):
                yield (
                    f"{name} held at {value}; {self.name} allows {parameter.low:g} to "
                    f"{parameter.high:g}"
                )
        if set(fixed) >= set(self.names):
            yield f"every parameter of {self.name} is held; leave at least one to fit"

    def natural(self, theta: Array, centre: Centre) -> Array:
        """Published parameters (…, p) of internal coordinates (…, p) about `centre`."""
        values = np.array(theta, dtype=float)
        for index, other in self.same:
            values[..., index] = values[..., other]
        for index, offset in self.offsets(values, centre).items():
            values[..., index] += offset
        logarithmic = [parameter.logarithmic for parameter in self.parameters]
        values[..., logarithmic] = np.exp(values[..., logarithmic])
        return values

    def internal(self, values: Array, centre: Centre) -> Array:
        """Internal coordinates (…, p) about `centre` of published parameters (…, p)."""
        theta = np.array(values, dtype=float)
        logarithmic = [parameter.logarithmic for parameter in self.parameters]
        theta[..., logarithmic] = np.log(theta[..., logarithmic])
        for index, offset in self.offsets(theta, centre).items():
            theta[..., index] -= offset
        return theta

    def bounds(self, logs: Logs, log_loss: Array) -> tuple[Array, Array]:
        """Lower and upper bounds (p,), (p,) of the coordinates for these observations.

        A level may be zero. An amplitude may shrink to a millionth of the loss: there its term is
        gone.
        """
        low, high = [], []
        for parameter in self.parameters:
            if parameter.kind == "level":
                pair = (0.0, np.exp(log_loss.max()))
            elif parameter.kind == "amplitude":
                pair = (log_loss.min() - 14.0, log_loss.max() + 14.0)
            elif parameter.kind == "location":
                x = logs[parameter.variable]
                pair = (x.min() - 70.0, x.max() + 70.0)
            elif parameter.kind == "scale":
                pair = (np.log(parameter.low), np.log(parameter.high))
            else:
                pair = (parameter.low, parameter.high)
            low.append(pair[0])
            high.append(pair[1])
        return np.array(low), np.array(high)


def log_sum_exp(terms: Sequence[Term | Level], coordinates: int) -> Jet:
    """Logarithm of a sum of exponentials of `terms` and a level, with derivatives by coordinate.

    coordinates: how many there are, p. What subtraction leaves is taken as more than nothing.
    """
    powers = [term for term in terms if isinstance(term, Term)]
    levels = [term for term in terms if isinstance(term, Level)]
    stack = np.stack(np.broadcast_arrays(*(term.value for term in powers)))
    top = stack.max(axis=0)
    for level in levels:
        top = np.maximum(top, np.log(np.maximum(level.value, SMALLEST)))
    shares = np.exp(stack - top) * np.array([term.sign for term in powers])[:, None, None]
    total = shares.sum(axis=0)
    one = np.exp(-top)
    for level in levels:
        total = total + level.value * one
    total = np.maximum(total, LEAST_LEFT)
    shares /= total
    batch, count = total.shape
    gradient = np.zeros((batch, coordinates, count))
    for term, share in zip(powers, shares, strict=True):
        for index, first in term.first.items():
            gradient[:, index] += share * first
    for level in levels:
        gradient[:, level.index] += one / total

    def curvature(weights: Array) -> Array:
        hessian = -(gradient * weights[:, None, :]) @ gradient.transpose(0, 2, 1)
        for term, share in zip(powers, shares, strict=True):
            weighted = weights * share
            pairs = [(i, j) for i in term.first for j in term.first if i <= j]
            for i, j in pairs:
                second = term.first[i] * term.first[j] + term.second.get((i, j), 0.0)
                if second.ndim == 1 and not second.any():
                    continue  # coordinates of different groups of observations
                entry = (
                    weighted @ second
                    if second.ndim == 1
                    else np.einsum("bn,bn->b", weighted, np.broadcast_to(second, weighted.shape))
                )
                hessian[:, i, j] += entry
                if i != j:
                    hessian[:, j, i] += entry
        return hessian

    return Jet(top + np.log(total), gradient, curvature)


def power(inner: Jet, exponent: Array, index: int, *, logarithmic: bool) -> Jet:
    """Raise a prediction to a power that is itself fitted: exponent (B, 1), coordinate `index`.

    logarithmic: the coordinate is the exponent's logarithm. The inner jet may depend on the
    coordinate too.
    """
    rate = exponent if logarithmic else np.ones_like(exponent)
    gradient = exponent[:, None] * inner.gradient
    gradient[:, index] += rate * inner.value

    def curvature(weights: Array) -> Array:
        hessian = exponent[:, None] * inner.curvature(weights)
        cross = rate * np.einsum("bn,bpn->bp", weights, inner.gradient)
        hessian[:, index, :] += cross
        hessian[:, :, index] += cross
        if logarithmic:
            hessian[:, index, index] += np.einsum("bn,bn->b", weights, exponent * inner.value)
        return hessian

    return Jet(exponent * inner.value, gradient, curvature)
