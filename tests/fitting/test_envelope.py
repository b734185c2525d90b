"""Lower envelopes: which rows stay, and the bias that the lowest of noisy losses has."""

from pathlib import Path

import numpy as np
import pytest

from scaletrace.fitting.envelope import describe, expected_minimum, groups, lowest
from scaletrace.fitting.law import Array
from scaletrace.formats.runs_table import RunsTable


def table(**columns: Array) -> RunsTable:
    cells = {name: [repr(x) for x in values.tolist()] for name, values in columns.items()}
    return RunsTable(Path("t.csv"), cells, list(range(len(next(iter(cells.values()))))))


def sweep(noise: float, seed: int, sizes: int = 40, rates: int = 7):
    """Return a sweep over rates, its losses with noise, and its log losses without."""
    random = np.random.default_rng(seed)
    n, lr = np.meshgrid(np.geomspace(1e6, 1e9, sizes), np.geomspace(1e-4, 6.4e-3, rates))
    n, lr = n.ravel(), lr.ravel()
    best = 1e-3 * (n / 1e7) ** -0.1
    means = np.log(1.7 + 400 / n**0.34) + 0.004 * np.log(lr / best) ** 2
    loss = np.exp(means + noise * random.normal(size=len(n)))
    return table(n=n, lr=lr, loss=loss), n, loss, means


def test_the_lowest_of_each_n_and_d_in_the_order_of_the_table():
    n, d = np.array([1e6, 2e6, 1e6, 1e6, 2e6]), np.array([1e9, 1e9, 1e9, 5e9, 1e9])
    loss = np.array([3.0, 2.5, 2.9, 2.0, 2.5])
    group = groups({"n": n, "d": d})
    assert lowest(loss, group) == [1, 2, 3]


def test_the_expected_minimum_of_normals():
    # Of two, 1 / sqrt(pi) below the mean; of five, 1.16296 (Harter 1961, table 1).
    assert expected_minimum(np.zeros(2), 1.0) == pytest.approx(-1 / np.sqrt(np.pi), abs=1e-6)
    assert expected_minimum(np.full(5, 3.0), 0.1) == pytest.approx(3.0 - 0.116296, abs=1e-6)
    assert expected_minimum(np.array([1.0, 9.0]), 0.01) == pytest.approx(1.0, abs=1e-6)
    assert expected_minimum(np.array([1.0, 2.0]), 0.0) == 1.0


@pytest.mark.parametrize("noise", [0.003, 0.01])
def test_the_bias_of_a_sweep_over_rates_is_what_simulation_gives(noise):
    said, true = [], []
    for seed in range(8):
        runs, n, loss, means = sweep(noise, seed)
        group = groups({"n": n})
        rows = lowest(loss, group)
        found = describe(runs, loss, group, ["n"])
        assert (found.rows_before, found.rows_after, found.largest_group) == (280, 40, 7)
        assert found.bias is not None
        assert found.noise == pytest.approx(noise, rel=0.4)
        said.append(found.bias)
        least = np.array([means[group == code].min() for code in range(40)])
        true.append((np.log(loss[rows]) - least[group[rows]]).mean())
    assert np.mean(said) == pytest.approx(np.mean(true), rel=0.25)
    assert "scatter about parabolas in log lr" in found.sentence


def test_the_bias_of_repeats():
    n, seed = np.repeat(np.geomspace(1e6, 1e9, 50), 4), np.tile(np.arange(4.0), 50)
    loss = np.exp(0.02 * np.random.default_rng(0).normal(size=200))
    group = groups({"n": n})
    found = describe(table(n=n, seed=seed, loss=loss), loss, group, ["n"])
    assert found.noise == pytest.approx(0.02, rel=0.1)
    assert found.bias == pytest.approx(-1.02938 * 0.02, rel=0.1)
    assert "repeats" in found.sentence


def test_a_sweep_over_what_is_not_known_has_no_bias_that_can_be_told():
    n, width = np.repeat(np.geomspace(1e6, 1e9, 10), 3), np.tile([1.0, 2.0, 3.0], 10)
    found = describe(table(n=n, width=width), n + width, groups({"n": n}), ["n"])
    assert found.bias is None
    assert "cannot be told" in found.sentence
