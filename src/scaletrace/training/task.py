"""What every process of a training has to know, and what they say to one another."""

import dataclasses
import signal
from pathlib import Path

import torch

from scaletrace import kinds
from scaletrace.formats.tokens import open_tokens
from scaletrace.models.counts import Shape
from scaletrace.training.device import open_device
from scaletrace.training.loop import Training
from scaletrace.training.recipe import Compute, Recipe

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GO_ON, SAVE, STOP = range(3)


@dataclasses.dataclass(frozen=True)
class Task:
    """What every process of a training has to know; plain JSON as a dictionary."""

    tokens: str
    header: str
    shape: Shape
    recipe: Recipe
    compute: Compute
    threads: int

    @property
    def alone(self) -> bool:
        """Whether one process on the CPU does it all, in one pass a step."""
        return self.compute == Compute()

    def open(self, rank: int = 0) -> Training:
        """Set this process up and return its training, before the first step.

        Raises:
            BadInput: the machine has not the devices, or the tokens are not the model's.
        """
        torch.set_num_threads(self.threads)
        torch.set_deterministic_debug_mode("error")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.set_flush_denormal(True)
        tokens, _ = open_tokens(Path(self.tokens), Path(self.header), self.shape.vocabulary_size)
        device = open_device(self.compute.device, rank, self.compute.processes)
        model = kinds.load("families", self.shape.family).build(self.shape, self.recipe.seed)
        if self.alone:
            return Training(model, tokens, self.shape.context, self.recipe)
        # By name, so that an edit there retrains nothing that one core trains.
        parallel = kinds.load("training", "parallel")
        return parallel.ParallelTraining(
            model, tokens, self.shape, self.recipe, self.compute, device, rank
        )
