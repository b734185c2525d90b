"""The device of a training or an evaluation, set up so that equal work gives equal bits."""

import torch

from scaletrace import kinds


def open_device(name: str, number: int = 0, needed: int = 1) -> torch.device:
    """Return the CPU, or one of the machine's GPUs.

    Args:
        name: `cpu` or `cuda`.
        number: which GPU, from 0.
        needed: GPUs that the job needs in all.

    Raises:
        BadInput: the machine has not so many GPUs.
    """
    if name == "cpu":
        return torch.device("cpu")
    # By name, so that an edit there retrains nothing on the CPU.
    return kinds.load("training", name).open_gpu(number, needed)
