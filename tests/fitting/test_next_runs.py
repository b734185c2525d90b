"""Designs of further runs, against linear regression by hand and against brute force."""

import itertools

import numpy as np
import pytest

from scaletrace.fitting.goals import goal_of
from scaletrace.fitting.next_runs import Belief, Noise, belief, choose, goal_slopes
from scaletrace.fitting.token_cost import SIX_N_D
from scaletrace.laws import chinchilla

LAW = chinchilla.LAW
TRUE = np.array([[1.69, 406.4, 0.34, 410.7, 0.28]])
CENTRE = {"n": 17.0, "d": 21.0}


def grid(low_n: float, high_n: float, low_d: float, high_d: float, k: int = 5):
    n, d = np.meshgrid(np.geomspace(low_n, high_n, k), np.geomspace(low_d, high_d, k))
    return {"n": n.ravel(), "d": d.ravel()}


MEASURED = grid(1e7, 3e8, 3e8, 1e10)
PLACES = grid(1e7, 1e9, 3e8, 5e10)
FLOPS = 6.0 * PLACES["n"] * PLACES["d"]


TRUSTING = Noise(0.004, 0.0, 1e-9)


def known(goal: str, noise: Noise = TRUSTING) -> Belief:
    return belief(LAW, TRUE, MEASURED, PLACES, goal_of(goal, LAW, SIX_N_D), noise)


@pytest.mark.parametrize("goal", ["loss@2e9,4e10", "N_opt@1e22", "alpha", "a"])
def test_without_an_error_of_the_law_it_is_weighted_least_squares(goal):
    theta = LAW.internal(TRUE, CENTRE)
    logs = {name: np.log(x) - CENTRE[name] for name, x in MEASURED.items()}
    slopes = LAW.jet(theta, logs).gradient[0]
    wanted = goal_slopes(LAW, goal_of(goal, LAW, SIX_N_D), theta, CENTRE)[0]
    expected = 0.004 * np.sqrt(wanted @ np.linalg.inv(slopes @ slopes.T) @ wanted)
    assert known(goal).spread() == pytest.approx(expected, rel=0.01)


def test_a_run_more_tells_what_a_refit_with_it_would():
    about = known("alpha", Noise(0.004, 0.3, 0.002))
    before, gains = about.log_variance([]), about.gains([])
    for place in (0, 7, 24):
        assert before - about.log_variance([place]) == pytest.approx(gains[place])
    assert about.spread([3, 3, 9]) == pytest.approx(about.spread([9, 3, 3]))
    assert about.spread([3]) < about.spread()


def test_the_design_is_near_the_best_of_all():
    about = known("loss@2e9,4e10", Noise(0.004, 0.0, 0.002))
    spend = 2.5 * float(np.median(FLOPS))
    chosen = choose(about, FLOPS, spend)
    assert FLOPS[chosen].sum() <= spend
    every = itertools.combinations_with_replacement(range(len(FLOPS)), 3)
    best = min(about.log_variance(runs) for runs in every if FLOPS[list(runs)].sum() <= spend)
    assert about.log_variance(chosen) <= best + 0.1


def test_an_error_of_the_law_draws_runs_towards_the_goal():
    at_goal = {"n": 1e9, "d": 5e10}
    (place,) = np.flatnonzero((PLACES["n"] == at_goal["n"]) & (PLACES["d"] == at_goal["d"]))
    worth = []
    for error in (1e-9, 0.002, 0.01):
        about = known("loss@1e9,5e10", Noise(0.004, 0.0, error))
        worth.append(about.gains([])[place] / about.gains([]).max())
        # What the law gets wrong there, only a run there can tell.
        assert about.spread([0] * 50) > 0.5 * error
    assert worth == sorted(worth)
    assert worth[-1] == 1.0


def test_noise_that_a_size_shares_makes_other_sizes_worth_more():
    alone, shared = (known("alpha", Noise(0.004, rho, 1e-9)).gains([]) for rho in (0.0, 0.6))
    of_size = np.isclose(PLACES["n"], MEASURED["n"].min())
    others = PLACES["n"] > MEASURED["n"].max()
    assert shared[of_size].sum() / shared[others].sum() < alone[of_size].sum() / alone[others].sum()


def test_nothing_is_proposed_where_nothing_can_be_paid():
    assert choose(known("alpha"), FLOPS, 0.5 * FLOPS.min()) == []


def test_very_many_runs_tell_as_much_as_they_are():
    many = {name: np.tile(x, 80) for name, x in MEASURED.items()}
    goal = goal_of("alpha", LAW, SIX_N_D)
    about = belief(LAW, TRUE, many, PLACES, goal, TRUSTING)
    assert about.spread() == pytest.approx(known("alpha").spread() / np.sqrt(80.0), rel=0.02)
