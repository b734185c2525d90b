"""The compute multiplier of one group of runs against another, and laws for two groups at once."""

import dataclasses

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.fitting.design import DesignError
from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.fit import Observations
from scaletrace.fitting.law import Law
from scaletrace.fitting.multiplier import both, groups_of, multiplier
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.token_cost import SIX_N_D
from tests.laws.test_laws import TRUE, law_of

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 1e9, 5), np.geomspace(3e8, 1e10, 4)))
SECOND = np.arange(2 * len(N)) >= len(N)
LABELS = ["old"] * len(N) + ["new"] * len(N)


def runs(law: Law, gain: float, other: dict[str, float] | None = None) -> Observations:
    """Return two groups of equal runs; the second's N and D count for sqrt(gain) as much more."""
    scale = np.where(SECOND, np.sqrt(gain), 1.0)
    n, d = np.tile(N, 2), np.tile(D, 2)
    values = {"n": n * scale, "d": d * scale, "c": 6.0 * n * d * scale**2}
    counted = {v: values[v] for v in law.variables}
    loss = law.predict(TRUE[law.name], counted)
    if other is not None:
        loss = np.where(SECOND, law.predict(TRUE[law.name] | other, counted), loss)
    actual = {"n": n, "d": d, "c": 6.0 * n * d}
    size = np.unique(n, return_inverse=True)[1]
    return Observations(
        {v: actual[v] for v in law.variables}, loss, size, 0 * size, np.ones(len(n))
    )


def of_second(law: Law, data: Observations, resamples: int = 100) -> dict:
    return multiplier(
        *(data, groups_of("recipe", LABELS), law, Objective(), {}, SIX_N_D),
        *(("cluster", resamples, 0), 0.95),
    )


@pytest.mark.parametrize("name", ["chinchilla", "kaplan", "power_c"])
def test_without_noise_it_is_the_truth(name):
    found = of_second(law_of(name), runs(law_of(name), 1.3))
    assert found["estimate"] == pytest.approx(1.3, rel=1e-4)
    assert found["low"] == pytest.approx(1.3, rel=1e-3)
    assert found["shared"] == "level and exponents"
    assert (found["of"], found["against"]) == ("new", "old")
    for parameter, value in TRUE[name].items():
        assert found["params"]["old"][parameter] == pytest.approx(value, rel=1e-4)


def test_noise_leaves_an_interval_about_it():
    law = law_of("chinchilla")
    data = runs(law, 1.3)
    noise = 0.004 * np.random.default_rng(0).normal(size=len(data))
    found = of_second(law, dataclasses.replace(data, loss=data.loss * np.exp(noise)))
    assert found["low"] < 1.3 < found["high"]
    assert found["high"] / found["low"] < 1.5


def test_groups_of_other_exponents_share_nothing():
    law = law_of("power_c")
    found = of_second(law, runs(law, 1.0, {"alpha": 0.17, "A": 2400.0}))
    assert found["shared"] == "nothing"
    assert found["params"]["new"]["alpha"] == pytest.approx(0.17, rel=1e-3)
    new = law.predict(found["params"]["new"], {"c": np.array([found["flops"] / found["estimate"]])})
    assert new[0] == pytest.approx(found["loss"])


@pytest.mark.parametrize("name", [n for n in kinds.names("laws") if n in ("chinchilla", "kaplan")])
def test_derivatives_of_two_groups_agree_with_differences(name):
    law = both(law_of(name), SECOND, (0, 2))
    logs = {"n": np.log(np.tile(N, 2)), "d": np.log(np.tile(D, 2))}
    centre = law.centre(logs)
    logs = {v: x - centre[v] for v, x in logs.items()}
    random = np.random.default_rng(0)
    theta = law.guesses(logs, np.full(len(SECOND), 1.0))[:3]
    theta = theta + 0.05 * random.random(theta.shape)
    weights = random.random((len(theta), len(SECOND)))
    jet = law.jet(theta, logs)
    plain = ByDifferences(lambda theta, logs: law.jet(theta, logs).value)(theta, logs)
    np.testing.assert_allclose(jet.gradient, plain.gradient, rtol=1e-6, atol=1e-8)
    size = np.abs(plain.curvature(weights)).max()
    np.testing.assert_allclose(jet.curvature(weights), plain.curvature(weights), atol=1e-5 * size)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(DesignError, match="holds a, b, c; two labels"):
        groups_of("recipe", ["a", "b", "c"])
    with pytest.raises(DesignError, match=r"power_n is .*: it knows no compute"):
        of_second(law_of("power_n"), runs(law_of("power_n"), 1.3))
    data, few = runs(law_of("power_c"), 1.3), [0, 1, 2, 3, 20, 21]
    groups = groups_of("recipe", [LABELS[i] for i in few])
    with pytest.raises(DesignError, match="2 runs in the smaller group"):
        multiplier(
            *(data.take(np.array(few)), groups, law_of("power_c"), Objective(), {}, SIX_N_D),
            *(("observation", 100, 0), 0.95),
        )
