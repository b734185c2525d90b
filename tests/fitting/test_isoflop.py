"""IsoFLOP minima: exact on asymmetric curves, honest about minima that were not measured."""

import time

import numpy as np
import pytest

from scaletrace.fitting.design import DesignError
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.isoflop import analyse, budgets
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.token_cost import SIX_N_D, TokenCost

EXPONENTS = {"chinchilla": 0.28 / 0.62, "steep": 0.2 / 0.7, "kaplan": 0.095 / (0.076 + 0.095)}


def surface(name: str, n: np.ndarray, d: np.ndarray) -> np.ndarray:
    if name == "kaplan":
        return ((8.8e13 / n) ** (0.076 / 0.095) + 5.4e13 / d) ** 0.095
    if name == "steep":
        return 1.69 + 3000.0 / n**0.5 + 300.0 / d**0.2
    return 1.69 + 406.4 / n**0.34 + 410.7 / d**0.28


def study(
    name: str, centres: np.ndarray, noise: float = 0.0, cost: TokenCost = SIX_N_D
) -> Observations:
    """Return nine sizes on each of five budgets, geometrically about `centres` (5,)."""
    flops = 10.0 ** np.arange(18.0, 22.5, 1.0)
    n = (centres[:, None] * np.geomspace(0.05, 30.0, 9)).ravel()
    c = np.repeat(flops, 9)
    d = c / cost.flops(n, np.ones(len(n)))
    z = np.random.default_rng(0).normal(size=len(n))
    loss = surface(name, n, d) * np.exp(noise * z)
    codes = np.arange(len(n))
    return Observations({"n": n, "d": d, "c": c}, loss, codes, 0 * codes, np.ones(len(n)))


def minima(name: str, cost: TokenCost = SIX_N_D) -> np.ndarray:
    grid = np.geomspace(1e4, 1e13, 20001)
    tokens = 1.0 / cost.flops(grid, np.ones(len(grid)))
    return np.array(
        [grid[surface(name, grid, c * tokens).argmin()] for c in 10.0 ** np.arange(18.0, 22.5)]
    )


@pytest.mark.parametrize("name", EXPONENTS)
def test_asymmetric_noise_free_curves_give_the_exponent(name):
    # The sizes drift against the optimum, so that a biased method would not be biased evenly.
    centres = minima(name) * np.geomspace(0.5, 2.0, 5)
    found = analyse(study(name, centres), Objective(), 20, 0, 0.95)
    assert found["a"]["estimate"] == pytest.approx(EXPONENTS[name], abs=1e-4)
    assert found["b"]["estimate"] == pytest.approx(1.0 - EXPONENTS[name], abs=1e-4)
    if name != "kaplan":
        for budget, n in zip(found["budgets"], minima(name), strict=True):
            assert budget["n_opt"] == pytest.approx(n, rel=1e-3)
            best = surface(name, n, budget["flops"] / 6.0 / n)
            assert budget["loss_opt"] == pytest.approx(best, rel=1e-5)
            assert 0.0 <= min(budget["curve"]["loss"]) - budget["loss_opt"] < 1e-2
            assert len(budget["measured"]["n"]) == len(budget["measured"]["loss"]) == 9


def test_where_tokens_cost_more_than_6n_both_exponents_are_those_of_the_true_optima():
    cost = TokenCost("flops_exact", 1e6, 1e11, [0.6, -0.5, 0.1], 0.0)
    centres = minima("chinchilla", cost)
    found = analyse(study("chinchilla", centres, cost=cost), Objective(), 20, 0, 0.95, cost)
    flops = np.log(10.0) * np.arange(5)
    best_d = 10.0 ** np.arange(18.0, 22.5) / cost.flops(centres, np.ones(5))
    for name, best in (("a", centres), ("b", best_d)):
        slope = np.polyfit(flops, np.log(best), 1)[0]
        assert found[name]["estimate"] == pytest.approx(slope, abs=1e-3)
    assert found["a"]["estimate"] + found["b"]["estimate"] > 1.03
    for budget, d in zip(found["budgets"], best_d, strict=True):
        assert budget["d_opt"] == pytest.approx(d, rel=2e-3)
    assert found["flop_convention"] == "flops_exact"


def test_every_resample_of_clean_data_has_a_minimum_with_and_without_a_floor():
    for name in ("chinchilla", "kaplan"):
        data = study(name, minima(name), noise=1e-3)
        assert analyse(data, Objective(), 40, 0, 0.95)["resamples_failed"] == 0


def test_many_budgets_take_seconds():
    flops = np.geomspace(1e17, 1e21, 26)
    best = 1.345 * (flops / 6.0) ** 0.4516
    n = (best[:, None] * np.geomspace(0.1, 10.0, 10)).ravel()
    c = np.repeat(flops, 10)
    d = c / 6.0 / n
    z = np.random.default_rng(0).normal(size=len(n))
    codes = np.arange(len(n))
    data = Observations(
        {"n": n, "d": d, "c": c},
        surface("chinchilla", n, d) * np.exp(0.003 * z),
        *(codes, 0 * codes, np.ones(len(n))),
    )
    start = time.process_time()
    found = analyse(data, Objective(), 40, 0, 0.95)
    assert time.process_time() - start < 20.0
    assert len(found["budgets"]) == 26
    assert found["a"]["low"] < EXPONENTS["chinchilla"] < found["a"]["high"]


def test_budgets_are_within_two_percent_of_their_middle():
    # A continuum of budgets, each within 1 % of the next, is no one budget.
    dense = np.exp(np.arange(0.0, 1.0, 0.01))
    codes = budgets(dense)
    for code in range(codes.max() + 1):
        assert np.log(dense[codes == code].max() / dense[codes == code].min()) < 0.041
    jittered = np.repeat([1.0, 2.0, 4.0], 5) * np.tile([0.99, 1.0, 1.005, 1.01, 0.985], 3)
    assert budgets(jittered).tolist() == [0] * 5 + [1] * 5 + [2] * 5


def test_a_parabola_is_biased_on_the_same_curves():
    data = study("steep", minima("steep") * np.geomspace(0.5, 2.0, 5))
    log_n = np.log(data.variables["n"]).reshape(5, 9)
    vertices = []
    for x, y in zip(log_n, data.loss.reshape(5, 9), strict=True):
        quadratic, linear, _ = np.polyfit(x, y, 2)
        vertices.append(-linear / quadratic / 2.0)
    slope = np.polyfit(np.log(10.0) * np.arange(5), vertices, 1)[0]
    assert abs(slope - EXPONENTS["steep"]) > 1e-3


def test_noisy_curves_give_an_interval_that_holds_the_exponent():
    data = study("chinchilla", minima("chinchilla"), noise=0.002)
    a = analyse(data, Objective(), 100, 0, 0.95)["a"]
    assert a["low"] < EXPONENTS["chinchilla"] < a["high"]
    assert 0.0 < a["se"] < 0.05


def test_minima_outside_the_measured_range_are_left_out():
    centres = minima("chinchilla")
    centres[4] *= 1e3
    found = analyse(study("chinchilla", centres), Objective(), 20, 0, 0.95)
    assert [budget["inside_measured_range"] for budget in found["budgets"]] == [True] * 4 + [False]
    assert found["a"]["estimate"] == pytest.approx(EXPONENTS["chinchilla"], abs=1e-4)


def test_a_design_without_budgets_is_refused():
    random = np.random.default_rng(0)
    n, d = 10 ** random.uniform(6, 9, 40), 10 ** random.uniform(8, 11, 40)
    codes = np.arange(40)
    data = Observations(
        {"n": n, "d": d, "c": 6 * n * d},
        surface("chinchilla", n, d),
        *(codes, 0 * codes, np.ones(40)),
    )
    with pytest.raises(DesignError, match="at least 3 budgets"):
        analyse(data, Objective(), 20, 0, 0.95)
