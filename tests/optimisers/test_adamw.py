"""AdamW's step against torch's own optimiser."""

import torch

from scaletrace.optimisers import Group, adamw


def test_steps_are_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    mine = torch.randn(6, 4, generator=generator)
    theirs = torch.nn.Parameter(mine.clone())
    optimizer = torch.optim.AdamW([theirs], betas=(0.8, 0.9), eps=1e-3, weight_decay=0.0)
    moments = {name: [torch.zeros_like(mine)] for name in adamw.MOMENTS}
    group = Group(beta1=0.8, beta2=0.9, epsilon=1e-3)
    for step in range(5):
        gradient = torch.randn(6, 4, generator=generator)
        optimizer.param_groups[0]["lr"] = rate = 0.1 / (step + 1)
        theirs.grad = gradient
        optimizer.step()
        adamw.update([mine], [gradient], moments, step, rate, group)
    torch.testing.assert_close(mine, theirs.detach(), rtol=1e-5, atol=1e-7)
