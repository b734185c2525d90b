"""Warnings as data: each appears where its cause is, and not where it is not."""

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.fitting import diagnostics, resampling
from scaletrace.fitting.design import examine
from scaletrace.fitting.extrapolation import rolling
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.token_cost import SIX_N_D
from scaletrace.laws import chinchilla, power_n

LAW = chinchilla.LAW
TRUTH = {"E": 1.7, "A": 400.0, "alpha": 0.34, "B": 410.0, "beta": 0.28}


def grid(sizes=None, tokens=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return N, D and the code of each size."""
    sizes = np.geomspace(1e6, 1e9, 10) if sizes is None else sizes
    tokens = np.geomspace(1e8, 1e11, 6) if tokens is None else tokens
    n, d = np.meshgrid(sizes, tokens)
    return n.ravel(), d.ravel(), np.tile(np.arange(len(sizes)), len(tokens))


def study(shared=0.0, noise=0.005, seed=0, sizes=None, tokens=None) -> Observations:
    n, d, size = grid(sizes, tokens)
    random = np.random.default_rng(seed)
    z = np.sqrt(1.0 - shared) * random.normal(size=len(n))
    z += np.sqrt(shared) * random.normal(size=size.max() + 1)[size]
    loss = LAW.predict(TRUTH, {"n": n, "d": d}) * np.exp(noise * z)
    return Observations({"n": n, "d": d}, loss, size, np.zeros(len(n), int), np.ones(len(n)))


def codes(found) -> list[str]:
    return [warning["code"] for warning in found]


def designed(law="chinchilla", **variables) -> tuple[set[str], list[str]]:
    _, unsupported, warnings = examine(kinds.load("laws", law).LAW, variables)
    return unsupported, [code for code, _ in warnings]


def test_sound_designs_carry_no_warning():
    n, d, _ = grid()
    assert designed(n=n, d=d) == (set(), [])


def test_narrow_ranges_are_named_and_unsupported_below_a_factor_of_three():
    n, d, _ = grid(tokens=np.geomspace(1e9, 8e9, 6))
    assert designed(n=n, d=d) == (set(), ["narrow_range_d"])
    n, d, _ = grid(tokens=np.geomspace(1e9, 2.9e9, 6))
    unsupported, found = designed(n=n, d=d)
    assert found == ["narrow_range_d"]
    assert unsupported == {"E", "B", "beta", "a"}


def test_few_values_are_named():
    n, d, _ = grid(tokens=np.array([1e8, 1e9, 1e10]))
    assert designed(n=n, d=d) == (set(), ["few_values_d"])
    n, d, _ = grid(sizes=np.array([1e6, 1e8]))
    unsupported, found = designed(n=n, d=d)
    assert found == ["few_values_n"]
    assert "alpha" in unsupported


def test_collinear_designs_carry_nothing():
    n = np.geomspace(1e6, 1e9, 9)
    for d in (20.0 * n, 1e9 * (n / 1e7) ** 0.5, np.full(9, 1e9) * np.geomspace(1.0, 1.2, 9)):
        unsupported, found = designed(n=n, d=d)
        assert "collinear_design" in found
        assert unsupported >= set(LAW.names)


def test_shared_noise_is_found_and_the_independent_bootstrap_warned_of():
    data = study(shared=0.5)
    fitted = fit(data, LAW, Objective())
    figures, found = diagnostics.shared_noise(fitted, data.cluster, "observation")
    assert figures["intraclass_correlation"] > 0.2
    assert "too narrow" in found[0]["message"]
    assert codes(found) == ["correlated_residuals"]
    _, found = diagnostics.shared_noise(fitted, data.cluster, "cluster")
    assert "allows for it" in found[0]["message"]


def test_independent_noise_is_rarely_taken_for_shared():
    found = [
        bool(diagnostics.shared_noise(fit(data, LAW, Objective()), data.cluster, "cluster")[1])
        for data in (study(seed=seed) for seed in range(20))
    ]
    assert sum(found) <= 2


def test_a_point_that_moves_an_exponent_is_named():
    data = study()
    names = [f"run-{i}" for i in range(len(data))]
    objective = Objective("squared_log")

    def influenced(observations: Observations):
        fitted = fit(observations, LAW, objective)
        counts = resampling.counts(observations, "observation", 200, 0)
        draws, _ = resampling.refit(fitted, counts)
        errors = dict(zip(LAW.names, fitted.problem.natural(draws).std(axis=0), strict=True))
        return diagnostics.influence(fitted, errors, names)

    assert codes(influenced(data)[1]) == []
    spoiled = data.loss.copy()
    spoiled[9] *= 1.2
    bad = Observations(data.variables, spoiled, data.cluster, data.seed, data.weights)
    figures, found = influenced(bad)
    assert "influential_point" in codes(found)
    assert "run-9" in found[0]["message"]
    assert {entry["observation"] for entry in figures.values()} == {"run-9"}


def test_a_term_that_the_data_do_not_ask_for_ends_on_its_bound():
    n, d, size = grid()
    loss = 410.0 / d**0.28 + 2.0 + 0.02 * np.log(n / 1e6)  # N only harms
    data = Observations({"n": n, "d": d}, loss, size, 0 * size, np.ones(len(n)))
    found = diagnostics.optimisation(fit(data, LAW, Objective()), 0, 100)
    (warning,) = [w for w in found if w["code"] == "parameter_on_bound"]
    assert warning["parameter"] in ("A", "alpha")


def test_failed_resamples_are_counted():
    fitted = fit(study(), LAW, Objective())
    assert codes(diagnostics.optimisation(fitted, 4, 100)) == []
    found = diagnostics.optimisation(fitted, 6, 100)
    assert codes(found) == ["resamples_failed"]
    assert "6 of 100" in found[0]["message"]


def test_optimum_outside_the_measured_range_is_said():
    inside = study()
    assert diagnostics.optimum(fit(inside, LAW, Objective()), inside, SIX_N_D)[1] == []
    outside = study(tokens=np.geomspace(3e12, 3e14, 6))
    figures, found = diagnostics.optimum(fit(outside, LAW, Objective()), outside, SIX_N_D)
    assert codes(found) == ["optimum_outside_range"]
    ratio = figures["D_opt"] / figures["N_opt"]
    assert ratio < figures["measured_d_over_n"][0]


def test_weak_quantities_are_told_with_their_range():
    interval = {"verdict": "weakly identified", "low": None, "high": 0.5}
    (warning,) = diagnostics.weakly_identified({"alpha": interval})
    assert warning["parameter"] == "alpha"
    assert "anything below 0.5" in warning["message"]


def test_rolling_extrapolation_is_small_for_the_true_law_and_not_for_a_wrong_one():
    data = study(noise=0.0)
    right = rolling(data, LAW, Objective(), {})
    assert [step["at"] for step in right["steps"]] == pytest.approx(
        sorted(np.geomspace(1e6, 1e9, 10))[:-4:-1]
    )
    assert right["rms_relative_error"] < 1e-6
    wrong = rolling(data, power_n.LAW, Objective(), {})
    assert wrong["rms_relative_error"] > 1e-3


def test_what_is_held_out_does_not_touch_the_prediction():
    data = study()
    spoiled = data.loss.copy()
    spoiled[data.variables["n"] > 5e8] *= 3.0
    other = Observations(data.variables, spoiled, data.cluster, data.seed, data.weights)
    first = rolling(data, LAW, Objective(), {})["steps"][0]
    second = rolling(other, LAW, Objective(), {})["steps"][0]
    assert second["predicted"] == pytest.approx(first["predicted"], rel=1e-6)
    assert second["observed"] == pytest.approx(3.0 * first["observed"])


def test_too_few_scales_leave_the_extrapolation_empty():
    data = study(sizes=np.array([1e6, 1e9]))
    assert rolling(data, LAW, Objective(), {})["steps"] == []
