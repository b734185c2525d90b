"""What a fit minimises: a sum over observations of a penalty on predicted against observed loss.

Penalties take log predictions and log observations and return value, first and second derivative
with respect to the log prediction, so that one solver serves them all.
"""

from dataclasses import dataclass

import numpy as np

from scaletrace.fitting.law import Array


@dataclass(frozen=True)
class Objective:
    """A penalty by name.

    huber: Huber's function of the log residual with threshold delta (Hoffmann et al. 2022);
    squared_log: half the squared log residual; squared: half the squared residual in nats;
    asymmetric: Huber's function, with observations above the law weighted by `above` and those
    below by 1 - above, for runs that were not tuned to their best: noise that only adds loss.
    """

    name: str = "huber"
    delta: float = 1e-3
    above: float = 0.2

    def __call__(self, predicted: Array, observed: Array) -> tuple[Array, Array, Array]:
        """Return penalty, slope and curvature, each of the shape of `predicted`."""
        if self.name == "squared":
            loss = np.exp(predicted)
            gap = loss - np.exp(observed)
            return 0.5 * gap**2, gap * loss, loss * (loss + gap)
        residual = predicted - observed
        if self.name == "squared_log":
            return 0.5 * residual**2, residual, np.ones_like(residual)
        slope = np.clip(residual, -self.delta, self.delta)
        value = slope * (residual - 0.5 * slope)
        curvature = (np.abs(residual) <= self.delta).astype(float)
        if self.name == "asymmetric":
            tilt = np.where(residual < 0.0, self.above, 1.0 - self.above)
            return tilt * value, tilt * slope, tilt * curvature
        return value, slope, curvature

    def coarser(self) -> list["Objective"]:
        """Easier versions to solve first, ending with this one: a wide threshold has one basin."""
        if self.name not in ("huber", "asymmetric"):
            return [self]
        wider = [delta for delta in (3e-2, 3e-3) if delta > self.delta]
        return [Objective(self.name, delta, self.above) for delta in (*wider, self.delta)]
