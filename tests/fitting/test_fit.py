"""A fit's starts: the law's own guesses, wherever the coordinates have their zero."""

import numpy as np
import pytest

from scaletrace.fitting.fit import starting_points
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.solver import problem_of
from scaletrace.laws import chinchilla

LAW = chinchilla.LAW
N, D = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e6, 1e9, 5), np.geomspace(1e8, 1e10, 4)))
LOSS = 1.7 + 400.0 / N**0.34 + 410.0 / D**0.28


def test_starts_are_the_laws_guesses_about_the_centre():
    problem = problem_of(LAW, {"n": N, "d": D}, LOSS, Objective())
    np.testing.assert_allclose(
        starting_points(problem, {}), LAW.guesses(problem.logs, problem.log_loss), atol=1e-9
    )


def test_starts_beside_a_held_amplitude_have_the_same_published_values():
    held = {"A": 400.0}
    problem = problem_of(LAW, {"n": N, "d": D}, LOSS, Objective(), held)
    about_centre = problem_of(LAW, {"n": N, "d": D}, LOSS, Objective())
    expected = about_centre.natural(starting_points(about_centre, {}))
    expected[:, LAW.index("A")] = 400.0
    np.testing.assert_allclose(problem.natural(starting_points(problem, held)), expected)
    assert problem.natural(starting_points(problem, held))[0, 1] == pytest.approx(400.0)
