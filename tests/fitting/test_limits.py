"""The best N and D under several limits, against the closed form and against brute force."""

import numpy as np
import pytest

from scaletrace.fitting.allocation import optimal
from scaletrace.fitting.limits import Limits, Pace, best, pace_of
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost
from scaletrace.laws import chinchilla

LAW = chinchilla.LAW
PARAMS = np.array([[1.7, 400.0, 0.34, 1700.0, 0.37], [1.5, 300.0, 0.30, 900.0, 0.33]])
EXACT = TokenCost("flops_exact", 1e6, 1e10, [0.4, -0.3, 0.05], 0.0)
CONSTANT = Pace(np.zeros(1), np.log([1e15]))
RISING = Pace(np.log([1e7, 1e8, 1e9]), np.log([1e13, 8e13, 1e14]))


@pytest.mark.parametrize("cost", [SIX_N_D, EXACT])
def test_one_limit_is_the_budget_that_it_allows(cost):
    expected = optimal(LAW, 1e20, cost)
    for limits in (Limits(1e20), Limits(None, 1e5, CONSTANT), Limits(1e20, 1e6, CONSTANT)):
        for name, quantity in best(LAW, limits, cost).items():
            assert quantity(PARAMS) == pytest.approx(expected[name](PARAMS), rel=1e-6)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(1e20, 1e6, RISING),
        Limits(3e19, 1e6, RISING),
        Limits(1e20, 3e5, RISING, 3e7),
        Limits(None, 3e4, RISING),
    ],
)
def test_no_other_n_does_better(limits):
    places = np.linspace(np.log(1e5), np.log(limits.n_max or 1e13), 200_001)
    log_d = limits.log_budget(places) - EXACT.log_flops_per_token(places)
    found = best(LAW, limits, EXACT)
    for row, (e, a, alpha, b, beta) in enumerate(PARAMS):
        losses = e + a * np.exp(-alpha * places) + b * np.exp(-beta * log_d)
        n, loss = (found[name](PARAMS)[row] for name in ("N_opt", "loss"))
        assert loss == pytest.approx(losses.min(), rel=1e-9)
        assert np.log(n) == pytest.approx(places[losses.argmin()], abs=2e-4)


def test_limits_bind_or_do_not():
    assert Limits(1e20, 1e6, CONSTANT).binding(1e9) == {"flops"}
    assert Limits(1e22, 1e6, CONSTANT, 1e9).binding(1e9) == {"seconds", "n_max"}
    assert Limits(1e21, None, None, 1e9).without("flops") is None
    assert Limits(1e21, None, None, 1e9).without("n_max") == Limits(1e21)


def test_the_pace_of_trainings_is_in_the_convention_of_the_fit():
    pace = pace_of({1e8: [1e6], 1e7: [9e6, 1e7, 3e7]}, SIX_N_D)
    assert np.exp(pace(np.log([1e6, 1e7, 1e8, 1e9]))) == pytest.approx([6e14] * 4)
