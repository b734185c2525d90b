"""AdamW for every weight (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from scaletrace.optimisers import Group

MOMENTS = ("mean", "square")
# Every entry of a matrix moves by about the rate, and the input's entries with it.
UPDATE_GROWS = 1.0


def update(
    weights: "list[Tensor]",
    gradients: "list[Tensor]",
    moments: "dict[str, list[Tensor]]",
    step: int,
    rate: float,
    group: "Group",
) -> None:
    """Take one step of Adam at `rate`; fused, a pass over memory."""
    import torch

    # The function, not the class torch.optim.AdamW, whose first use imports torch's compiler: more
    # than a second in every job.
    from torch.optim.adamw import adamw

    steps = torch.full((len(weights),), float(step), device=weights[0].device)
    adamw(
        weights,
        gradients,
        moments["mean"],
        moments["square"],
        [],
        list(steps.unbind()),
        fused=True,
        amsgrad=False,
        beta1=group.beta1,
        beta2=group.beta2,
        lr=rate,
        weight_decay=0.0,
        eps=group.epsilon,
        maximize=False,
    )
