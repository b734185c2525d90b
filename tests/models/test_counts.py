import pytest

from scaletrace import kinds
from scaletrace.models.counts import (
    Shape,
    n_non_embedding,
    n_total,
    n_with_head,
)

SHAPES = [
    Shape(width, layers, heads, context=8, vocabulary_size=vocabulary, family=family)
    for family in kinds.names("families")
    for width, heads in ((8, 1), (16, 4), (48, 3))
    for layers in (1, 2, 5)
    for vocabulary in (7, 300)
]


@pytest.mark.parametrize("shape", SHAPES)
def test_counts_equal_the_parameters_of_the_built_model(shape: Shape):
    sizes = {"embedding": 0, "head": 0, "rest": 0}
    model = kinds.load("families", shape.family).build(shape, seed=0)
    for name, parameter in model.named_parameters():
        part = name.partition(".")[0]
        sizes[part if part in sizes else "rest"] += parameter.numel()
    assert n_non_embedding(shape) == sizes["rest"]
    assert n_with_head(shape) == sizes["rest"] + sizes["head"]
    assert n_total(shape) == sizes["rest"] + sizes["head"] + sizes["embedding"]
