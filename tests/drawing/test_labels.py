import numpy as np
import pytest

from scaletrace.drawing.labels import spread


def test_labels_keep_their_distance_and_move_no_more_than_needed():
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = np.sort(rng.uniform(0, 1, 8))
        placed = spread(wanted, 0.1, 0.0, 1.05)
        assert np.diff(placed).min() >= 0.1 - 1e-12
        assert placed.min() >= 0
        assert placed.max() <= 1.05 + 1e-12
    apart = np.array([0.1, 0.5, 0.9])
    assert spread(apart, 0.1, 0.0, 1.05) == pytest.approx(apart)
    assert spread(np.array([0.5, 0.5]), 0.1, 0.0, 1.0) == pytest.approx([0.45, 0.55])


def test_positions_are_those_of_least_squares():
    from scipy.optimize import isotonic_regression

    random = np.random.default_rng(1)
    for count in (1, 2, 7, 40):
        wanted = random.normal(size=count)
        steps = 0.1 * np.arange(count)
        expected = isotonic_regression(wanted - steps).x + steps
        assert spread(wanted, 0.1, -1e9, 1e9) == pytest.approx(expected)
