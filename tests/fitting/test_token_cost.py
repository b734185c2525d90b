"""What a token costs is learnt from runs, whatever convention counted their FLOPs."""

import numpy as np
import pytest

from scaletrace.fitting.token_cost import SIX_N_D, TokenCost, token_cost, token_cost_of
from scaletrace.models import counts
from scaletrace.models.counts import Shape

WIDTHS = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


def ladder(vocabulary: int, context: int, widths: tuple[int, ...] = WIDTHS):
    """Return N and exact FLOPs per token of sizes with an even ratio of width to depth."""
    shapes = [Shape(w, w // 32, w // 32, context, vocabulary) for w in widths]
    n = np.array([float(counts.n_non_embedding(shape)) for shape in shapes])
    return n, np.array([float(counts.flops_per_token_exact(shape)) for shape in shapes])


def learnt(vocabulary: int = 4096, context: int = 256) -> TokenCost:
    n, flops = ladder(vocabulary, context)
    tokens = 7e6 * np.arange(1.0, len(n) + 1.0)
    return token_cost(n, tokens, flops * tokens, "flops_exact")


@pytest.mark.parametrize(
    ("vocabulary", "context"), [(1000, 128), (4096, 256), (32_000, 1024), (50_257, 2048)]
)
def test_exact_counts_are_met_between_the_sizes_too(vocabulary, context):
    cost = learnt(vocabulary, context)
    n, flops = ladder(vocabulary, context, tuple(range(64, 1024, 32)))
    assert cost.flops(n, np.ones(len(n))) == pytest.approx(flops, rel=0.01)
    # Against the true growth of the cost with N, by differences over the finer ladder.
    growth = np.gradient(np.log(flops), np.log(n))[2:-2]
    assert 1.0 + cost.slope(np.log(n))[2:-2] == pytest.approx(growth, abs=0.03)
    assert cost.error < 5e-3


def test_beyond_the_sizes_the_cost_goes_on_smoothly_and_tends_to_6nd():
    cost = learnt()
    end = np.log(cost.n_high)
    x = end + np.array([-1e-6, 1e-6])
    assert np.diff(cost.log_factor(x)) == pytest.approx(2e-6 * cost.slope(end), rel=1e-3)
    beyond = cost.log_factor(end + np.array([0.0, 2.0, 5.0, 10.0, 30.0]))
    assert (np.diff(beyond) < 0.0).all()
    assert abs(beyond[-1]) < 0.02
    n, flops = ladder(4096, 256, (2048, 4096))
    assert cost.flops(n, np.ones(2)) == pytest.approx(flops, rel=0.03)
    below = np.log(cost.n_low) - np.array([0.0, 1.0, 2.0])
    assert np.diff(cost.log_factor(below), 2) == pytest.approx([0.0], abs=1e-12)
    assert cost.reaches(cost.n_low)
    assert not cost.reaches(0.5 * cost.n_low)


@pytest.mark.parametrize("x", [-3.0, 12.0, 14.0, 16.5, 30.0])
def test_the_slope_is_the_derivative_everywhere(x):
    cost = learnt()
    x = np.array([x])
    difference = (cost.log_factor(x + 1e-5) - cost.log_factor(x - 1e-5)) / 2e-5
    assert cost.slope(x) == pytest.approx(difference, abs=1e-7)


def test_multiples_of_n_d_are_proportional_and_6nd_is_called_so():
    n, d = np.geomspace(1e6, 1e9, 6), np.geomspace(1e9, 1e10, 6)
    assert token_cost(n, d, 6.0 * n * d * (1.0 + 1e-5 * np.arange(6.0)), "flops") == SIX_N_D
    eight = token_cost(n, d, 8.0 * n * d, "flops")
    assert eight.proportional
    assert eight.flops(n, d) == pytest.approx(8.0 * n * d)
    # Parameters in millions and tokens in billions.
    units = token_cost(n / 1e6, d / 1e9, 6.0 * n * d, "flops")
    assert units.proportional
    assert units.flops(n / 1e6, d / 1e9) == pytest.approx(6.0 * n * d)


def test_uneven_sizes_are_smoothed_and_their_scatter_is_the_error():
    random = np.random.default_rng(0)
    n, flops = ladder(4096, 256)
    cost = token_cost(n, np.ones(10), flops * np.exp(0.03 * random.normal(size=10)), "flops")
    assert 0.005 < cost.error < 0.05
    assert cost.flops(n, np.ones(10)) == pytest.approx(flops, rel=0.05)


@pytest.mark.parametrize("sizes", [1, 2, 3])
def test_few_sizes_are_enough(sizes):
    n, flops = ladder(4096, 256, WIDTHS[4 : 4 + sizes])
    cost = token_cost(n, np.ones(sizes), flops, "flops_exact")
    assert cost.flops(n, np.ones(sizes)) == pytest.approx(flops, rel=0.03)


def test_without_flops_a_token_costs_six_n():
    assert token_cost_of({"n": np.ones(3)}, {"n": "n_params"}) == SIX_N_D
    assert SIX_N_D.words == "6 N D"
    assert "flops_exact" in learnt().words
