"""What Gaussian noise of log loss makes of a penalty, so that noise means the same for each."""

import numpy as np

from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import ROUNDING

Z = np.linspace(-8.0, 8.0, 4001)
DENSITY = np.exp(-0.5 * Z**2) / np.exp(-0.5 * Z**2).sum()
LARGEST = 10.0  # noise that is looked for, in log loss
HALVINGS = 60


def moments(objective: Objective, log_loss: float, sigma: float) -> tuple[float, float, float]:
    """E[penalty], E[slope^2], E[curvature] about `log_loss` for noise of standard deviation sigma.

    The curvature by Stein's lemma, E[z slope] / sigma, for penalties with kinks.
    """
    value, slope, _ = objective(log_loss + sigma * Z, np.full(len(Z), log_loss))
    return (
        float(DENSITY @ value),
        float(DENSITY @ slope**2),
        float(DENSITY @ (Z * slope)) / sigma,
    )


def scale(objective: Objective, log_loss: float, penalty: float) -> float:
    """Return the standard deviation whose expected penalty is `penalty`."""
    low, high = ROUNDING, LARGEST
    for _ in range(HALVINGS):
        middle = float(np.sqrt(low * high))
        below = moments(objective, log_loss, middle)[0] < penalty
        low, high = (middle, high) if below else (low, middle)
    return high
