"""Loss along a training under any learning-rate schedule, L0 + A S1^-alpha - C S2 (Tissue 2024).

For curves of one model size: S1 is the area under the learning rate, S2 the annealing area
(`scaletrace.fitting.loss_curves.areas`).
"""

import numpy as np

from scaletrace.fitting.law import Array, Centre, Jet, Law, Logs, Parameter, Term, log_sum_exp
from scaletrace.fitting.powers import EXPONENT, constant, falling, starting_grid

ANNEALED = (0.01, 0.1)  # shares of the middle loss that annealing may have removed


def _jet(theta: Array, logs: Logs) -> Jet:
    """Coordinates L0, log A, alpha, log C."""
    s1, s2 = logs["s1"], logs["s2"]
    removed = Term(theta[:, 3, None] + s2, {3: np.ones(len(s2))}, sign=-1.0)
    return log_sum_exp([constant(theta, 0), falling(theta, 1, 2, s1), removed], 4)


def _offsets(theta: Array, centre: Centre) -> dict[int, Array]:
    return {1: theta[..., 2] * centre["s1"], 3: np.full(theta.shape[:-1], -centre["s2"])}


def _guesses(logs: Logs, log_loss: Array) -> Array:
    # The largest annealing area must leave a loss above zero.
    largest = np.median(log_loss) - logs["s2"].max()
    grid = starting_grid(log_loss, [(0.25,), (0.5,), (1.0,)])
    return np.array([(*row, largest + np.log(share)) for row in grid for share in ANNEALED])


LAW = Law(
    name="annealing",
    formula="L0 + A S1^-alpha - C S2",
    paper="Tissue et al. 2024, arXiv:2408.11029",
    variables=("s1", "s2"),
    parameters=(
        Parameter("L0", "level"),
        Parameter("A", "amplitude", variable="s1"),
        Parameter("alpha", variable="s1", **EXPONENT),
        Parameter("C", "amplitude", variable="s2"),
    ),
    jet=_jet,
    offsets=_offsets,
    guesses=_guesses,
    may_be_constant=("s2",),
    along="s1",
)
