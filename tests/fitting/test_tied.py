"""Exponents that are one: the same minimum as a law written with one."""

import numpy as np
import pytest

from scaletrace.fitting.allocation import derived
from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.tied import faults, tied
from scaletrace.laws import chinchilla, power_n

LAW = tied(chinchilla.LAW, {"alpha": "beta"})


def runs(noise: float) -> Observations:
    random = np.random.default_rng(0)
    n, d = 10 ** random.uniform(6, 9, 60), 10 ** random.uniform(8, 11, 60)
    loss = (1.7 + 400 / n**0.3 + 900 / d**0.3) * np.exp(noise * random.normal(size=60))
    codes = np.arange(60)
    return Observations({"n": n, "d": d}, loss, codes, 0 * codes, np.ones(60))


def test_exponents_that_are_one_are_recovered_as_one():
    params = fit(runs(0.0), LAW, Objective()).params
    assert params == pytest.approx(
        {"E": 1.7, "A": 400.0, "alpha": 0.3, "B": 900.0, "beta": 0.3}, rel=1e-6
    )


def test_a_tie_costs_fit_and_never_gains():
    data = runs(0.005)
    free, one = fit(data, chinchilla.LAW, Objective()), fit(data, LAW, Objective())
    assert one.params["alpha"] == one.params["beta"]
    assert one.value > free.value
    vector = np.array([list(one.params.values())])
    assert derived(LAW)["a"](vector)[0] == 0.5


def test_derivatives_agree_with_differences():
    random, logs = np.random.default_rng(1), {v: np.linspace(-2, 2, 9) for v in ("n", "d")}
    theta = np.array([[1.7, -1.0, 0.3, -0.5, 0.4]])
    weights = random.random((1, 9))
    by_hand, plain = LAW.jet(theta, logs), ByDifferences(lambda t, x: LAW.jet(t, x).value)
    np.testing.assert_allclose(by_hand.gradient, plain(theta, logs).gradient, atol=1e-8)
    np.testing.assert_allclose(
        by_hand.curvature(weights), plain(theta, logs).curvature(weights), atol=1e-5
    )


def test_only_exponents_can_be_tied_and_each_once():
    assert faults(chinchilla.LAW, {"alpha": "beta"}, {}) == []
    assert len(faults(chinchilla.LAW, {"A": "B", "alpha": "alpha"}, {})) == 2
    assert faults(power_n.LAW, {"alpha": "beta"}, {})
    assert faults(chinchilla.LAW, {"alpha": "beta"}, {"beta": 0.3})
