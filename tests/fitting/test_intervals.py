"""Intervals: coverage, assumptions, profiles, and verdicts on designs that cannot answer."""

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.fitting import profiles, resampling
from scaletrace.fitting.allocation import optimal
from scaletrace.fitting.design import DesignError, examine
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.intervals import IDENTIFIED, WEAK, intervals
from scaletrace.fitting.penalties import Objective
from scaletrace.laws import chinchilla

TRUTH = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}


def study(sizes=12, budgets=6, noise=0.005, shared=0.0, seed=0) -> Observations:
    """Return a grid of sizes and budgets; noise in log loss, part of it shared by each size."""
    random = np.random.default_rng(seed)
    n, d = np.meshgrid(np.geomspace(1e6, 1e10, sizes), np.geomspace(1e9, 1e12, budgets))
    size = np.tile(np.arange(sizes), budgets)
    n, d = n.ravel(), d.ravel()
    own, common = random.normal(size=len(n)), random.normal(size=sizes)[size]
    z = np.sqrt(1.0 - shared) * own + np.sqrt(shared) * common
    loss = chinchilla.LAW.predict(TRUTH, {"n": n, "d": d}) * np.exp(noise * z)
    return Observations({"n": n, "d": d}, loss, size, np.zeros(len(n), int), np.ones(len(n)))


def judged(data: Observations, law="chinchilla", unit="cluster", resamples=300):
    fitted = fit(data, kinds.load("laws", law).LAW, Objective())
    draws, _ = resampling.refit(fitted, resampling.counts(data, unit, resamples, 0))
    _, unsupported, warnings = examine(kinds.load("laws", law).LAW, data.variables)
    return intervals(fitted, draws, unit, 0.95, unsupported), [code for code, _ in warnings]


def test_default_interval_covers_where_noise_is_shared_and_the_independent_one_does_not():
    hits = {"cluster": 0, "observation": 0}
    repetitions = 40
    for seed in range(repetitions):
        data = study(sizes=16, budgets=4, shared=0.8, seed=seed)
        fitted = fit(data, chinchilla.LAW, Objective())
        for unit in hits:
            counts = resampling.counts(data, unit, 100, seed)
            alpha = fitted.problem.natural(resampling.refit(fitted, counts)[0])[:, 2]
            low, high = np.percentile(alpha, [2.5, 97.5])
            hits[unit] += low <= TRUTH["alpha"] <= high
    # Nominal is 38 of 40, with a standard deviation of 1.4.
    assert hits["cluster"] >= 34
    assert hits["observation"] <= 32


def test_squared_log_profile_agrees_with_the_linear_theory():
    data = study()
    fitted = fit(data, chinchilla.LAW, Objective("squared_log"))
    jet = fitted.law.jet(fitted.theta[None], fitted.problem.logs)
    spare = len(data) - 5
    variance = (fitted.log_residuals**2).sum() / spare
    covariance = variance * np.linalg.inv(jet.gradient[0] @ jet.gradient[0].T)
    half = 1.9983 * np.sqrt(covariance[2, 2])  # the 97.5 % point of t with 67 degrees of freedom
    rise = profiles.threshold(fitted, 0.95)
    found = profiles.profile(fitted, lambda theta: theta[:, 2], rise)
    assert not found.open
    alpha = fitted.params["alpha"]
    assert found.low == pytest.approx(alpha - half, abs=0.1 * half)
    assert found.high == pytest.approx(alpha + half, abs=0.1 * half)


def test_noise_scale_means_the_same_for_every_penalty():
    data = study(noise=0.005)
    for objective in (Objective(), Objective("huber", 1e-2), Objective("squared_log")):
        fitted = fit(data, chinchilla.LAW, objective)
        assert fitted.noise == pytest.approx(0.005, rel=0.25)


def test_profile_bounds_derived_quantities():
    data = study()
    fitted = fit(data, chinchilla.LAW, Objective())
    quantity = optimal(chinchilla.LAW, 1e21)["N_opt"]
    rise = profiles.threshold(fitted, 0.95)
    found = profiles.profile(
        fitted, lambda theta: np.log(quantity(fitted.problem.natural(theta))), rise
    )
    true = float(np.log(quantity(np.array([list(TRUTH.values())]))[0]))
    assert not found.open
    assert found.low < true < found.high < found.low + 1.0


def test_good_design_is_identified():
    found, codes = judged(study())
    assert codes == []
    for name, interval in found.items():
        assert interval["verdict"] == IDENTIFIED, name
        assert interval["low"] < interval["estimate"] < interval["high"]
        assert interval["se"] > 0.0


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_tokens_proportional_to_parameters_identify_nothing(noise):
    data = study(sizes=14, budgets=1, noise=noise)
    n = data.variables["n"]
    d = 20.0 * n
    loss = data.loss / chinchilla.LAW.predict(TRUTH, data.variables)
    loss *= chinchilla.LAW.predict(TRUTH, {"n": n, "d": d})
    line = Observations({"n": n, "d": d}, loss, data.cluster, data.seed, data.weights)
    found, codes = judged(line, resamples=100)
    assert "collinear_design" in codes
    for interval in found.values():
        assert interval["verdict"] == WEAK
        assert interval["se"] is None


def test_points_on_one_curve_identify_nothing():
    n = np.geomspace(1e6, 1e9, 7)
    d = 1e9 * np.sqrt(n / 1e7) * (1.0 + 0.1 * np.sin(np.arange(7)))
    loss = chinchilla.LAW.predict(TRUTH, {"n": n, "d": d})
    codes = np.arange(7)
    line = Observations({"n": n, "d": d}, loss, codes, 0 * codes, np.ones(7))
    found, warned = judged(line, resamples=100)
    assert "collinear_design" in warned
    assert {interval["verdict"] for interval in found.values()} == {WEAK}


@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_narrow_range_identifies_nothing_of_its_variable(noise):
    random = np.random.default_rng(1)
    n = np.geomspace(1e6, 2.9e6, 10)
    loss = (1.7 + 400.0 / n**0.34) * np.exp(noise * random.normal(size=10))
    codes = np.arange(10)
    data = Observations({"n": n}, loss, codes, 0 * codes, np.ones(10))
    found, warned = judged(data, "power_n")
    assert "narrow_range_n" in warned
    for interval in found.values():
        assert interval["verdict"] == WEAK
        assert interval["se"] is None
    # What the data allow is wide, whatever the noise.
    assert found["E"]["high"] - found["E"]["low"] > 0.5


def test_flat_profile_gives_the_range_that_the_data_allow():
    n = np.geomspace(1e4, 1e6, 7)
    random = np.random.default_rng(5)
    loss = (2.9 + 60.0 / n**0.4) * np.exp(0.02 * random.normal(size=7))
    codes = np.arange(7)
    found, _ = judged(Observations({"n": n}, loss, codes, 0 * codes, np.ones(7)), "power_n")
    assert found["E"]["verdict"] == WEAK
    assert found["E"]["se"] is None
    assert found["E"]["low"] < 2.9 < found["E"]["high"]


def test_resamples_draw_what_they_say():
    data = study(sizes=5, budgets=4)
    counts = resampling.counts(data, "cluster", 50, 0)
    assert (counts.reshape(50, 4, 5) == counts.reshape(50, 4, 5)[:, :1]).all()
    assert (counts.sum(axis=1) == 20).all()
    assert (resampling.counts(data, "observation", 50, 0).sum(axis=1) == 20).all()
    seeds = np.repeat([0, 1, 2, 3], 5)
    several = Observations(data.variables, data.loss, data.cluster, seeds, data.weights)
    counts = resampling.counts(several, "seed", 50, 0)
    for size in range(5):
        assert (counts[:, data.cluster == size].sum(axis=1) == 4).all()
    with pytest.raises(DesignError, match="two or more seeds"):
        resampling.counts(data, "seed", 50, 0)


@pytest.mark.parametrize("slope", [-0.02, 0.0, 0.05])
def test_losses_without_a_visible_bend_are_fitted_and_called_weak(slope):
    n = np.geomspace(1e3, 1e5, 7)
    codes = np.arange(7)
    for seed in range(3):
        noise = 0.02 * np.random.default_rng(seed).normal(size=7)
        loss = (5.0 + slope * np.log(n)) * np.exp(noise)
        data = Observations({"n": n}, loss, codes, 0 * codes, np.ones(7))
        found, _ = judged(data, "power_n", resamples=100)
        assert found["E"]["verdict"] == WEAK
        assert found["alpha"]["verdict"] == WEAK
