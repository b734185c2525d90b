"""Muon's step: what it turns a matrix into, and that parts and batches of matrices are the same."""

import pytest
import torch

from scaletrace.optimisers import Group, muon

MUON = Group(optimiser="muon", beta1=0.95)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(24, 24), (96, 24), (24, 96)])
def test_all_directions_are_turned_equally_far(shape: tuple[int, int]):
    matrix = drawn(*shape)
    turned = muon.orthogonal(matrix)
    kept = torch.linalg.svdvals(turned)
    assert 0.6 < kept.min() < kept.max() < 1.25
    # The same directions: the polar factor of the matrix and of what it is turned into are one.
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    cosine = (turned * (left @ right)).sum() / turned.norm() / (left @ right).norm()
    assert cosine > 0.98


def test_a_step_is_the_published_one():
    weight, gradient, momentum = drawn(8, 4), drawn(8, 4, seed=1), drawn(8, 4, seed=2)
    ahead = 0.05 * gradient + 0.95 * (0.95 * momentum + 0.05 * gradient)
    x = (ahead / ahead.norm()).T
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    wanted = weight - 0.02 * 2**0.5 * x.T
    muon.update([weight], [gradient], {"momentum": [momentum]}, 0, 0.02, MUON)
    torch.testing.assert_close(weight, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(momentum, 0.95 * drawn(8, 4, seed=2) + 0.05 * gradient)


def test_parts_and_neighbours_are_matrices_of_their_own():
    weights = [drawn(3, 4, 4), drawn(3, 4, 4, seed=1), drawn(6, 4, seed=2)]
    gradients = [drawn(*weight.shape, seed=9) for weight in weights]
    apart = [part.clone() for weight in weights for part in weight.reshape(-1, *weight.shape[-2:])]
    slices = [part for g in gradients for part in g.reshape(-1, *g.shape[-2:])]
    for part, gradient in zip(apart, slices, strict=True):
        momentum = torch.zeros_like(part)
        muon.update([part], [gradient], {"momentum": [momentum]}, 3, 0.02, MUON)
    momenta = [torch.zeros_like(weight) for weight in weights]
    muon.update(weights, gradients, {"momentum": momenta}, 3, 0.02, MUON)
    together = [part for weight in weights for part in weight.reshape(-1, *weight.shape[-2:])]
    for part, alone in zip(together, apart, strict=True):
        assert torch.equal(part, alone)


def test_a_matrix_without_a_gradient_stays():
    weight, nothing = drawn(4, 4), torch.zeros(4, 4)
    muon.update([weight], [nothing], {"momentum": [nothing.clone()]}, 0, 0.02, MUON)
    assert torch.equal(weight, drawn(4, 4))
