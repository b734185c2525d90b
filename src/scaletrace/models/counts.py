"""Parameters N and training FLOPs of a model, in every convention that the tables carry.

What a family has of its own, its file under `families/` counts.

- n_non_embedding: blocks and norms; neither the token embedding nor the output head.
- n_with_head: n_non_embedding and the output head.
- n_total: all parameters; embedding and head are separate.
- flops_6nd: 6 N D with N = n_non_embedding (Kaplan et al. 2020, arXiv 2001.08361).
- flops_exact: 6 FLOPs per matrix parameter and token, the head included, and the attention
  products (Chowdhery et al. 2022, arXiv 2204.02311, appendix B; the causal mask not deducted).
"""

from dataclasses import dataclass
from types import ModuleType

from scaletrace import kinds


@dataclass(frozen=True)
class Shape:
    """The architecture of a model; widths and lengths are numbers of elements."""

    width: int
    layers: int
    heads: int
    context: int
    vocabulary_size: int
    family: str = "decoder"


def _family(shape: Shape) -> ModuleType:
    return kinds.load("families", shape.family)


def matrix_parameters(shape: Shape) -> int:
    """Return the parameters of the usual blocks' matrices: attention 4 width², MLP 8 width²."""
    return 12 * shape.layers * shape.width**2


def attention_flops(shape: Shape) -> int:
    """Return the training FLOPs of one token's attention: its products with the whole context."""
    return 12 * shape.layers * shape.width * shape.context


def n_non_embedding(shape: Shape) -> int:
    """Return the parameters of blocks and norms."""
    return _family(shape).n_non_embedding(shape)


def n_head(shape: Shape) -> int:
    """Return the parameters of the output head."""
    return _family(shape).n_head(shape)


def n_with_head(shape: Shape) -> int:
    """Return the parameters of blocks, norms and output head."""
    return n_non_embedding(shape) + n_head(shape)


def n_total(shape: Shape) -> int:
    """Return all parameters."""
    return n_with_head(shape) + shape.vocabulary_size * shape.width


def flops_per_token_exact(shape: Shape) -> int:
    """Return the training FLOPs of one token, forward and backward."""
    return _family(shape).flops_per_token_exact(shape)


def flops_exact(shape: Shape, tokens: int) -> int:
    """Return the training FLOPs of `tokens` tokens, matrix by matrix."""
    return flops_per_token_exact(shape) * tokens


def flops_6nd(shape: Shape, tokens: int) -> int:
    """Return 6 N D with N = n_non_embedding."""
    return 6 * n_non_embedding(shape) * tokens
