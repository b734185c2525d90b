"""Optimal allocation and targets, against direct minimisation and against the law itself."""

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.fitting.allocation import derived, loss_at, needed, needed_beside, optimal
from scaletrace.fitting.law import Law
from scaletrace.fitting.token_cost import TokenCost
from scaletrace.laws import broken, chinchilla, power_n

PARAMS = {
    "chinchilla": {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
    "kaplan": {"Nc": 8.8e13, "alpha_n": 0.076, "Dc": 5.4e13, "alpha_d": 0.095},
    "overtraining": {"E": 1.8, "a": 141.0, "b": 190.0, "eta": 0.121},
    "data_constrained": {
        **{"E": 1.87, "A": 521.0, "alpha": 0.353, "B": 1488.0, "beta": 0.36},
        **{"R_D_star": 15.4, "R_N_star": 5.3},
    },
}


def law_of(name: str) -> Law:
    return kinds.load("laws", name).LAW


def vector(law: str) -> np.ndarray:
    return np.array([[PARAMS[law][name] for name in law_of(law).names]])


# A token costs from 12 x 6 N at a million parameters to 1.05 x 6 N at ten billion.
EXACT = TokenCost("flops_exact", 1e6, 1e10, [1.05, -1.15, 0.22, 0.0], 0.0)


def cost_of(n: float, d: float) -> float:
    return float(EXACT.flops(np.array(n), np.array(d)))


def loss(law: str, n: np.ndarray, d: np.ndarray, c: np.ndarray | None = None) -> np.ndarray:
    everything = {"n": n, "d": d, "c": 6.0 * n * d if c is None else c, "u": d}
    return law_of(law).predict(PARAMS[law], {v: everything[v] for v in law_of(law).variables})


@pytest.mark.parametrize("law", PARAMS)
@pytest.mark.parametrize("flops", [1e18, 1e23])
def test_optimum_is_the_least_loss_on_the_isoflop_line(law, flops):
    found = {name: float(q(vector(law))[0]) for name, q in optimal(law_of(law), flops).items()}
    assert 6.0 * found["N_opt"] * found["D_opt"] == pytest.approx(flops)
    n = found["N_opt"] * np.geomspace(0.01, 100.0, 4001)
    losses = loss(law, n, flops / 6.0 / n)
    assert n[losses.argmin()] == pytest.approx(found["N_opt"], rel=0.01)
    assert losses.min() == pytest.approx(found["loss"], rel=1e-9)


# By its definition of U_N, data_constrained counts parameters beyond the optimum of 6 N D for less.
@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "overtraining"])
@pytest.mark.parametrize("flops", [1e17, 1e20, 1e24])
def test_optimum_is_the_least_loss_where_tokens_cost_what_was_learnt(law, flops):
    found = {n: float(q(vector(law))[0]) for n, q in optimal(law_of(law), flops, EXACT).items()}
    n = found["N_opt"] * np.geomspace(0.01, 100.0, 4001)
    d = flops / EXACT.flops(n, np.ones(len(n)))
    assert cost_of(found["N_opt"], found["D_opt"]) == pytest.approx(flops)
    losses = loss(law, n, d, np.full(len(n), flops))
    assert n[losses.argmin()] == pytest.approx(found["N_opt"], rel=0.005)
    assert losses.min() == pytest.approx(found["loss"], rel=1e-7)
    more = float(optimal(law_of(law), 1.1 * flops, EXACT)["N_opt"](vector(law))[0])
    assert found["a"] == pytest.approx(np.log(more / found["N_opt"]) / np.log(1.1), abs=0.01)


@pytest.mark.parametrize("law", PARAMS)
def test_exponent_is_the_growth_of_the_optimum(law):
    a = float(derived(law_of(law))[law_of(law).exponent_name](vector(law))[0])
    small, large = (float(optimal(law_of(law), c)["N_opt"](vector(law))[0]) for c in (1e20, 1e22))
    assert np.log(large / small) / np.log(100.0) == pytest.approx(a)


@pytest.mark.parametrize("law", PARAMS)
def test_what_a_target_needs_reaches_it_and_no_less_does(law):
    need = {name: float(q(vector(law))[0]) for name, q in needed(law_of(law), 2.3).items()}
    assert 6.0 * need["N_opt"] * need["D_opt"] == pytest.approx(need["C"])
    best = optimal(law_of(law), need["C"])
    assert float(best["loss"](vector(law))[0]) == pytest.approx(2.3)
    assert float(best["N_opt"](vector(law))[0]) == pytest.approx(need["N_opt"])


@pytest.mark.parametrize("law", PARAMS)
@pytest.mark.parametrize("target", [2.3, 3.5])
def test_what_a_target_needs_is_the_optimum_of_its_budget_under_a_learnt_cost(law, target):
    need = {n: float(q(vector(law))[0]) for n, q in needed(law_of(law), target, EXACT).items()}
    assert cost_of(need["N_opt"], need["D_opt"]) == pytest.approx(need["C"])
    best = optimal(law_of(law), need["C"], EXACT)
    assert float(best["loss"](vector(law))[0]) == pytest.approx(target)
    assert float(best["N_opt"](vector(law))[0]) == pytest.approx(need["N_opt"], rel=1e-4)


def test_a_budget_of_all_resamples_is_found_at_once():
    random = np.random.default_rng(0)
    params = vector("chinchilla") * np.exp(0.1 * random.normal(size=(400, 5)))
    best = optimal(chinchilla.LAW, 1e19, EXACT)["N_opt"]
    alone = [float(best(row[None])[0]) for row in params[:9]]
    assert best(params)[:9] == pytest.approx(alone, rel=1e-10)


@pytest.mark.parametrize("law", ["chinchilla", "overtraining"])
def test_what_a_target_needs_beside_a_held_variable_under_a_learnt_cost(law):
    for held, value in (("n", 1e9), ("d", 1e11)):
        other = float(needed_beside(law_of(law), 3.0, held, value, EXACT)(vector(law))[0])
        n, d = (value, other) if held == "n" else (other, value)
        at = loss(law, np.array([n]), np.array([d]), EXACT.flops(np.array([n]), np.array([d])))
        assert at[0] == pytest.approx(3.0)


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "overtraining"])
def test_what_a_target_needs_beside_a_held_variable(law):
    d = float(needed_beside(law_of(law), 3.0, "n", 1e9)(vector(law))[0])
    assert loss(law, np.array([1e9]), np.array([d]))[0] == pytest.approx(3.0)
    n = float(needed_beside(law_of(law), 3.0, "d", 1e11)(vector(law))[0])
    assert loss(law, np.array([n]), np.array([1e11]))[0] == pytest.approx(3.0)


def test_target_below_the_floor_needs_no_finite_size():
    with np.errstate(all="ignore"):
        assert np.isinf(needed(chinchilla.LAW, 1.6)["C"](vector("chinchilla"))[0])
        # 1e6 parameters alone cost 406.4 / 1e6^0.34 = 3.7 nats above E.
        small = needed_beside(chinchilla.LAW, 3.0, "n", 1e6)(vector("chinchilla"))
    assert np.isinf(small[0])


def test_one_variable_laws_are_inverted_with_e_in_place():
    params = np.array([[2.0, 12.0, 0.25]])
    # 3.5 = 2 + 12 / 4096^0.25; without E the answer would be (12 / 3.5)^4 = 138.
    n = needed(power_n.LAW, 3.5)["n"](params)
    assert float(n[0]) == pytest.approx(4096.0)
    bent = np.array([[1.0, 6.0, 0.5, 0.25, 100.0, 0.5]])
    n = float(needed(broken.LAW, 1.2)["n"](bent)[0])
    assert float(loss_at(broken.LAW, {"n": n})(bent)[0]) == pytest.approx(1.2)
