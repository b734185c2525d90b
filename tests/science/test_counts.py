import pytest

from scaletrace.science.counts import (
    Shape,
    flops_6nd,
    flops_exact,
    flops_per_token_exact,
    n_non_embedding,
    n_total,
    n_with_head,
)
from scaletrace.science.model import Decoder

SHAPES = [
    Shape(width, layers, heads, context=8, vocabulary_size=vocabulary)
    for width, heads in ((8, 1), (16, 4), (48, 3))
    for layers in (1, 2, 5)
    for vocabulary in (7, 300)
]


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_equal_the_parameters_of_the_built_model(shape: Shape):
    sizes = {name: p.numel() for name, p in Decoder(shape, seed=0).named_parameters()}
    head, embedding = sizes.pop("head"), sizes.pop("embedding")
    assert n_non_embedding(shape) == sum(sizes.values())
    assert n_with_head(shape) == sum(sizes.values()) + head
    assert n_total(shape) == sum(sizes.values()) + head + embedding


def test_counts_by_hand_for_one_size():
    shape = Shape(width=16, layers=2, heads=2, context=128, vocabulary_size=1024)
    # A block: qkv 3*256, attention out 256, MLP up and down 2*4*256, one gain per head.
    assert n_non_embedding(shape) == 2 * (768 + 256 + 2048 + 2) == 6148
    assert n_with_head(shape) == 6148 + 16384
    assert n_total(shape) == 6148 + 2 * 16384
    assert flops_per_token_exact(shape) == 6 * (6144 + 16384) + 12 * 2 * 16 * 128 == 184320
    assert flops_exact(shape, 1000) == 184_320_000
    assert flops_6nd(shape, 1000) == 6 * 6148 * 1000
