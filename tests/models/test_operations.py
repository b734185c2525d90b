import pytest
import torch

from scaletrace.models import operations
from scaletrace.models.operations import (
    EPSILON,
    heads,
    linear,
    mlp,
    product,
    rms_norm,
    rotary_factors,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def plain_norm(x: torch.Tensor) -> torch.Tensor:
    return x / (x.square().mean(-1, keepdim=True) + EPSILON).sqrt()


def test_rms_norm_and_its_gradient():
    x = normal(5, 8)
    torch.testing.assert_close(rms_norm(x), plain_norm(x))
    assert torch.autograd.gradcheck(rms_norm, x)


@pytest.mark.parametrize("library", ["onednn", "torch"])
@pytest.mark.parametrize("turned_over", [False, True])
def test_products_in_single_precision(monkeypatch, library: str, turned_over: bool):
    available = library == "onednn"
    assert torch.backends.mkldnn.is_available() or not available
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: available)
    monkeypatch.setattr(operations, "ONEDNN_PAYS", 0)
    x, matrix, added = (normal(*shape).detach().float() for shape in ((33, 8), (17, 8), (33, 17)))
    if turned_over:
        x, matrix = x.T.contiguous().T, matrix.T.contiguous().T
    torch.testing.assert_close(product(x, matrix), x @ matrix.T)
    torch.testing.assert_close(product(x, matrix, added), added + x @ matrix.T)


def test_linear_and_its_gradients():
    x, matrix, added = normal(5, 4), normal(6, 4, seed=1), normal(5, 6, seed=2)
    torch.testing.assert_close(linear(x, matrix), x @ matrix.T)
    torch.testing.assert_close(linear(x, matrix, added), added + x @ matrix.T)
    assert torch.autograd.gradcheck(linear, (x, matrix))
    assert torch.autograd.gradcheck(linear, (x, matrix, added))


def test_mlp_and_its_gradients():
    x, up, down, added = normal(5, 4), normal(16, 4, seed=1), normal(4, 16, seed=2), normal(5, 4)
    expected = added + (x @ up.T).relu().square() @ down.T
    torch.testing.assert_close(mlp(x, up, down, added), expected)
    assert torch.autograd.gradcheck(mlp, (x, up, down, added))


def turned(x: torch.Tensor) -> torch.Tensor:
    """Rotate pairs (2i, 2i + 1) of (batch, time, heads, width) by time * 10000^(-2i / width)."""
    time, width = x.shape[1], x.shape[-1]
    angles = torch.arange(time)[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
    cos, sin = angles.double().cos()[:, None], angles.double().sin()[:, None]
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def test_heads_and_their_gradients():
    x, matrix, gain = normal(6, 8), normal(24, 8, seed=1), normal(2, seed=2)
    rotation = rotary_factors(context=3, heads=2, head_width=4).to(torch.complex128)
    query, key, value = heads(x, matrix, gain, rotation)
    qkv = (x @ matrix.T).view(2, 3, 3, 2, 4)
    torch.testing.assert_close(
        query, turned(plain_norm(qkv[:, :, 0])) * gain[:, None], rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(key, turned(plain_norm(qkv[:, :, 1])), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(value, qkv[:, :, 2])

    def mixed(x: torch.Tensor, matrix: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        query, key, value = heads(x, matrix, gain, rotation)
        return torch.nn.functional.scaled_dot_product_attention(query, key, value)

    assert torch.autograd.gradcheck(mixed, (x, matrix, gain))


@pytest.mark.parametrize("shift", [1, 5])
def test_attention_scores_depend_on_the_distance_alone(shift: int):
    rotation = torch.view_as_real(rotary_factors(context=12, heads=1, head_width=8))
    factors = torch.view_as_complex(rotation)[:, 0, 0]
    query, key = torch.view_as_complex(normal(2, 4, 2).detach().float())
    scores = torch.einsum("ti,si->ts", query * factors, (key * factors).conj()).real
    torch.testing.assert_close(scores[3, 1], scores[3 + shift, 1 + shift])
    assert not torch.isclose(scores[3, 1], scores[3 + shift, 1])
