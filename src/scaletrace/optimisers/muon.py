"""Muon for the blocks' matrices, AdamW for the rest (Jordan et al. 2024).

The momentum of a matrix is replaced by the orthogonal matrix nearest to it, so that a step turns
every direction equally far: https://kellerjordan.github.io/posts/muon.
"""

import math
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from scaletrace.optimisers import Group

MOMENTS = ("momentum",)
# An orthogonal matrix scaled by sqrt(rows / columns) changes root mean squares alike at any width.
UPDATE_GROWS = 0.0
ITERATIONS = 5
# Newton-Schulz of fifth order, x a + x³ b + x⁵ c, steepest at zero; singular values end between
# 0.7 and 1.2 (Jordan et al. 2024).
QUINTIC = (3.4445, -4.7750, 2.0315)


def update(
    weights: "list[Tensor]",
    gradients: "list[Tensor]",
    moments: "dict[str, list[Tensor]]",
    step: int,
    rate: float,
    group: "Group",
) -> None:
    """Take one step at `rate` by Nesterov's momentum, made orthogonal.

    A weight (parts, rows, columns) or (rows, columns) is as many matrices as it has parts. Matrices
    of one shape are made orthogonal in one batch.
    """
    import torch

    del step
    ahead = []
    for momentum, gradient in zip(moments["momentum"], gradients, strict=True):
        momentum.lerp_(gradient, 1.0 - group.beta1)
        ahead.append(gradient.lerp(momentum, group.beta1))
    places: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, weight in enumerate(weights):
        places[tuple(weight.shape)].append(place)
    for shape, alike in places.items():
        turned = orthogonal(torch.stack([ahead[place] for place in alike]))
        scale = rate * math.sqrt(max(1.0, shape[-2] / shape[-1]))
        for place, direction in zip(alike, turned, strict=True):
            weights[place].sub_(direction, alpha=scale)


def orthogonal(matrices: "Tensor") -> "Tensor":
    """Return matrices (…, m, n) with their singular values moved to about 1."""
    import torch

    *many, rows, columns = matrices.shape
    flat = matrices.reshape(-1, rows, columns)
    x = flat.mT.contiguous() if rows > columns else flat
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        square = torch.bmm(x, x.mT)
        polynomial = torch.baddbmm(square, square, square, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return (x.mT if rows > columns else x).reshape(*many, rows, columns)
