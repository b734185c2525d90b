"""Optimisers, one a file: what a study names under `training.optimiser` is the file.

Such a file has

- `MOMENTS`: the names of the tensors that it keeps beside every weight;
- `UPDATE_GROWS`: the power of the fan-in with which the change that one step makes to a matrix's
  output grows, which a parametrisation takes back;
- `update(weights, gradients, moments, step, rate, group)`: one step, in place, of weights of one
  role; `step` counts from 0, decay is the training loop's.

What is no matrix of a block (embedding, head, gains, biases) is AdamW's whatever a study names. The
plan loads the file: what needs torch is imported in `update`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Group:
    """How the weights of one role are updated.

    optimiser: a file of this folder. rate: a multiple of the recipe's. decay: the share of a
    weight that a step at the peak rate takes away, whatever the rate is; it follows the schedule.
    beta1: of the mean of gradients, or Muon's momentum; beta2: of the mean of their squares.
    """

    optimiser: str = "adamw"
    rate: float = 1.0
    decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
