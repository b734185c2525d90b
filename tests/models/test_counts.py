import pytest

from scaletrace.models.counts import (
    Shape,
    flops_6nd,
    flops_exact,
    flops_per_token_exact,
    n_non_embedding,
    n_total,
    n_with_head,
)
from scaletrace.models.families import MODULES, build

SHAPES = [
    Shape(width, layers, heads, context=8, vocabulary_size=vocabulary, family=family)
    for family in MODULES
    for width, heads in ((8, 1), (16, 4), (48, 3))
    for layers in (1, 2, 5)
    for vocabulary in (7, 300)
]


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_equal_the_parameters_of_the_built_model(shape: Shape):
    sizes = {"embedding": 0, "head": 0, "rest": 0}
    for name, parameter in build(shape, seed=0).named_parameters():
        part = name.partition(".")[0]
        sizes[part if part in sizes else "rest"] += parameter.numel()
    assert n_non_embedding(shape) == sizes["rest"]
    assert n_with_head(shape) == sizes["rest"] + sizes["head"]
    assert n_total(shape) == sizes["rest"] + sizes["head"] + sizes["embedding"]


def test_counts_by_hand_for_one_size():
    shape = Shape(width=16, layers=2, heads=2, context=128, vocabulary_size=1024)
    # A block: qkv 3*256, attention out 256, MLP up and down 2*4*256, one gain per head.
    assert n_non_embedding(shape) == 2 * (768 + 256 + 2048 + 2) == 6148
    assert n_with_head(shape) == 6148 + 16384
    assert n_total(shape) == 6148 + 2 * 16384
    assert flops_per_token_exact(shape) == 6 * (6144 + 16384) + 12 * 2 * 16 * 128 == 184320
    assert flops_exact(shape, 1000) == 184_320_000
    assert flops_6nd(shape, 1000) == 6 * 6148 * 1000


def test_counts_by_hand_for_one_textbook_encoder():
    shape = Shape(16, 2, 2, context=128, vocabulary_size=1024, family="encoder_textbook")
    # A layer: attention 4*256 and 4*16, MLP 8*256 and 4*16 + 16, two norms of 2*16.
    assert n_non_embedding(shape) == 2 * (1024 + 64 + 2048 + 80 + 64) == 6560
    assert n_with_head(shape) == 6560 + 16384 + 1024
    assert n_total(shape) == 6560 + 2 * 16384 + 1024
    assert flops_per_token_exact(shape) == 184320  # biases and norms are no matrix products
