"""Each law against its paper's formula, its derivatives against differences, its recovery."""

import dataclasses
import math

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.fitting.allocation import needed, optimal
from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import VARIABLES, Array, Jet, Law, Logs, logs_of
from scaletrace.fitting.penalties import Objective
from scaletrace.laws import chinchilla

# Parameters as in each law's paper, or of its size; sizes, tokens and repetition of a small study.
TRUE = {
    "power_n": {"E": 1.7, "A": 400.0, "alpha": 0.34},
    "power_d": {"E": 1.7, "B": 400.0, "beta": 0.28},
    "power_c": {"E": 1.7, "A": 1100.0, "alpha": 0.15},
    "chinchilla": {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
    "kaplan": {"Nc": 8.8e13, "alpha_n": 0.076, "Dc": 5.4e13, "alpha_d": 0.095},
    "data_constrained": {
        **{"E": 1.87, "A": 521.0, "alpha": 0.353, "B": 1488.0, "beta": 0.353},
        **{"R_D_star": 15.4, "R_N_star": 5.3},
    },
    "overtraining": {"E": 1.8, "a": 141.0, "b": 190.0, "eta": 0.121},
    "broken": {"a": 1.5, "b": 30.0, "c0": 0.2, "c1": 0.15, "d1": 3e7, "f1": 0.4},
    "n_opt": {"k": 0.1, "a": 0.5},
    "d_opt": {"k": 1.7, "b": 0.5},
    "annealing": {"L0": 2.6, "A": 0.6, "alpha": 0.5, "C": 0.4},
}


def law_of(name: str) -> Law:
    return kinds.load("laws", name).LAW


def design() -> dict[str, np.ndarray]:
    """Return a full grid of sizes, tokens and shares of unique tokens."""
    n, d, share = np.meshgrid(np.geomspace(1e5, 1e10, 8), np.geomspace(1e7, 1e11, 6), [1.0, 0.01])
    n, d, u = n.ravel(), d.ravel(), (d * share).ravel()
    s1, step = np.geomspace(1.0, 100.0, len(n)), np.arange(len(n))
    s2 = np.where(step % 3 == 0, 1e-3 * step, 0.0)
    return {"n": n, "d": d, "c": 6.0 * n * d, "u": u, "s1": s1, "s2": s2}


def observations(variables: dict[str, np.ndarray], loss: np.ndarray) -> Observations:
    codes = np.arange(len(loss))
    return Observations(variables, loss, codes, np.zeros_like(codes), np.ones(len(loss)))


def assert_derivatives_agree(law: Law) -> None:
    """Compare the derivatives of a law with differences, about every third of its own starts."""
    variables, random = design(), np.random.default_rng(0)
    logs = {v: logs_of(variables[v]) for v in law.variables}
    centre = law.centre(logs)
    centred = {v: x - centre[v] for v, x in logs.items()}
    log_loss = np.log(2.0 + 40.0 * variables["n"] ** -0.3 + 400.0 * variables["d"] ** -0.3)
    theta = law.guesses(centred, log_loss)[::3]
    theta = theta + 0.01 * random.normal(size=theta.shape)
    weights = random.random((len(theta), len(variables["n"])))
    jet = law.jet(theta, centred)
    plain = ByDifferences(lambda theta, logs: law.jet(theta, logs).value)(theta, centred)
    np.testing.assert_allclose(jet.gradient, plain.gradient, rtol=1e-6, atol=1e-8)
    size = max(np.abs(plain.curvature(weights)).max(), 0.01)
    # Where repetition begins, a second derivative jumps, and differences see both sides.
    np.testing.assert_allclose(jet.curvature(weights), plain.curvature(weights), atol=1e-4 * size)


@pytest.mark.parametrize("name", kinds.names("laws"))
def test_gradient_and_curvature_agree_with_differences(name):
    assert_derivatives_agree(law_of(name))


@pytest.mark.parametrize("wrong", ["gradient", "curvature"])
@pytest.mark.parametrize("name", kinds.names("laws"))
def test_a_wrong_derivative_is_noticed(name, wrong):
    law = law_of(name)

    def jet(theta: Array, logs: Logs) -> Jet:
        right = law.jet(theta, logs)
        if wrong == "gradient":
            gradient = right.gradient.copy()
            gradient[:, -1] *= 1.001
            return dataclasses.replace(right, gradient=gradient)
        # Of a law that is linear in its coordinates, as a power alone is, the curvature is zero.
        return dataclasses.replace(right, curvature=lambda w: 1.001 * right.curvature(w) + 0.01)

    with pytest.raises(AssertionError):
        assert_derivatives_agree(dataclasses.replace(law, jet=jet))


@pytest.mark.parametrize("name", kinds.names("laws"))
def test_a_law_says_what_it_is(name):
    law = law_of(name)
    assert law.name == name
    assert set(law.variables) <= set(VARIABLES)
    assert {*law.may_be_constant, *law.counted_like, *law.counted_like.values()} <= {*law.variables}
    assert "arXiv:" in law.paper
    assert name in TRUE, "give its parameters above, so that it is tried"


@pytest.mark.parametrize("name", [n for n in TRUE if law_of(n).two_powers])
def test_two_powers_are_the_law_where_c_is_6nd_and_nothing_is_repeated(name):
    law, variables = law_of(name), design()
    # Of data_constrained: at its optimum, N = U_N and D = U.
    at = optimal(law, 1e20) if law.counted_like else None
    params = np.array([[TRUE[name][p] for p in law.names]])
    if at is not None:
        variables = {v: at[f"{v.upper()}_opt"](params) for v in ("n", "d")}
        variables |= {"u": variables["d"]}
    assert law.two_powers is not None
    powers = law.two_powers(law.columns(params))
    inner = np.exp(powers.log_a) * variables["n"] ** -powers.alpha
    inner += np.exp(powers.log_b) * variables["d"] ** -powers.beta
    expected = law.predict(TRUE[name], {v: variables[v] for v in law.variables})
    np.testing.assert_allclose(powers.floor + inner**powers.outer, expected, rtol=1e-9)


@pytest.mark.parametrize("name", [n for n in TRUE if len(law_of(n).variables) == 1])
def test_a_law_of_one_variable_is_inverted(name):
    law = law_of(name)
    (variable,) = law.variables
    params = np.array([[TRUE[name][p] for p in law.names]])
    loss = float(law.predict(TRUE[name], {variable: np.array([3e8])})[0])
    assert float(needed(law, loss)[variable](params)[0]) == pytest.approx(3e8)


@pytest.mark.parametrize("name", kinds.names("laws"))
def test_noise_free_losses_give_the_parameters_back(name):
    law, variables = law_of(name), design()
    loss = law.predict(TRUE[name], {v: variables[v] for v in law.variables})
    fitted = fit(observations(variables, loss), law, Objective())
    for parameter, value in TRUE[name].items():
        assert fitted.params[parameter] == pytest.approx(value, rel=1e-6), parameter


@pytest.mark.parametrize("name", kinds.names("laws"))
def test_natural_and_internal_are_inverse(name):
    law, values = law_of(name), np.array(list(TRUE[name].values()))
    centre = {"n": 15.0, "d": 20.0, "c": 37.0, "u": 20.0, "s1": 3.0, "s2": -4.0}
    np.testing.assert_allclose(law.natural(law.internal(values, centre), centre), values)


def one(name: str, params: dict[str, float], **variables: float) -> float:
    return float(law_of(name).predict(params, {k: np.array([v]) for k, v in variables.items()})[0])


def test_power_laws_by_hand():
    # 4096 = 8^4, so 4096^-0.25 = 1/8.
    assert one("power_n", {"E": 2.0, "A": 12.0, "alpha": 0.25}, n=4096.0) == pytest.approx(3.5)
    assert one("power_d", {"E": 2.0, "B": 12.0, "beta": 0.25}, d=4096.0) == pytest.approx(3.5)
    assert one("power_c", {"E": 2.0, "A": 12.0, "alpha": 0.25}, c=4096.0) == pytest.approx(3.5)


def test_chinchilla_by_hand():
    params = {"E": 1.5, "A": 8.0, "alpha": 0.5, "B": 27.0, "beta": 1.0 / 3.0}
    # 8 / sqrt(1e6) + 27 / cbrt(2.7e10)
    expected = 1.5 + 8.0 / 1000.0 + 27.0 / 3000.0
    assert one("chinchilla", params, n=1e6, d=2.7e10) == pytest.approx(expected)


def test_kaplan_by_hand():
    params = {"Nc": 1e14, "alpha_n": 0.05, "Dc": 3e13, "alpha_d": 0.1}
    # (1e14/1e10)^(1/2) + 3e13/1e12 = 100 + 30
    assert one("kaplan", params, n=1e10, d=1e12) == pytest.approx(130.0**0.1)


def test_data_constrained_by_hand():
    params = {**{"E": 2.0, "A": 100.0, "alpha": 0.5, "B": 100.0, "beta": 0.5}, "R_D_star": 2.0}
    params["R_N_star"] = 4.0
    # Equal terms make the optimal U_N equal to U_D = 1e4: 9 repeats of data, 3 of parameters.
    tokens = 1e4 * (1.0 + 2.0 * (1.0 - math.exp(-9.0 / 2.0)))
    model = 1e4 * (1.0 + 4.0 * (1.0 - math.exp(-3.0 / 4.0)))
    expected = 2.0 + 100.0 / math.sqrt(model) + 100.0 / math.sqrt(tokens)
    assert one("data_constrained", params, n=4e4, d=1e5, u=1e4) == pytest.approx(expected)
    # Neither repeated nor too large for its data: exactly the law without repetition.
    plain = {name: params[name] for name in chinchilla.LAW.names}
    assert one("data_constrained", params, n=1e3, d=1e4, u=1e4) == pytest.approx(
        one("chinchilla", plain, n=1e3, d=1e4)
    )


def test_overtraining_by_hand():
    params = {"E": 1.8, "a": 3.0, "b": 5.0, "eta": 0.5}
    # M = 4: (3 * 2 + 5 / 2) / sqrt(1e4)
    assert one("overtraining", params, n=1e6, d=4e6, c=1e4) == pytest.approx(1.8 + 8.5 / 100.0)


def test_annealing_by_hand():
    params = {"L0": 2.5, "A": 0.5, "alpha": 0.5, "C": 2.0}
    assert one("annealing", params, s1=25.0, s2=0.0) == pytest.approx(2.6)
    assert one("annealing", params, s1=25.0, s2=0.05) == pytest.approx(2.5)


def test_broken_by_hand():
    params = {"a": 1.0, "b": 6.0, "c0": 0.5, "c1": 0.25, "d1": 100.0, "f1": 0.5}
    # At the break: 6 / 10 * (1 + 1)^(-0.125)
    assert one("broken", params, n=100.0) == pytest.approx(1.0 + 0.6 * 2.0**-0.125)
    # Far beyond it the exponent is c0 + c1.
    ratio = (one("broken", params, n=1e12) - 1.0) / (one("broken", params, n=1e8) - 1.0)
    assert math.log(ratio) / math.log(1e4) == pytest.approx(-0.75, abs=1e-6)
