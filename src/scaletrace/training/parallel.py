"""Training in several passes a step, on a GPU, or in several processes: the same batches.

The gradients lie in one fp32 array, to which every pass adds and which the processes sum. With
`sharded`, a process keeps the optimiser's moments for its share of the weights alone and passes on
what it has updated (ZeRO, stage 1: Rajbhandari et al. 2020, arXiv 1910.02054).
"""

from __future__ import annotations

import importlib
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from scaletrace import kinds
from scaletrace.models.counts import Shape
from scaletrace.models.language_model import LanguageModel
from scaletrace.training.batches import batch
from scaletrace.training.loop import Training
from scaletrace.training.recipe import Compute, Recipe

if TYPE_CHECKING:
    from scaletrace.training.group import Group

# Each weight's gradient begins at a multiple of 128 bytes, as a GPU reads best.
ALIGNMENT = 32
# The host prepares batches while the GPU works, but no further ahead than this.
STEPS_AHEAD = 2
WARM_UP_PASSES = 3


class ParallelTraining(Training):
    """A training that computes its steps as `Compute` says.

    Of several processes each has one of these; all call `join`, `advance`, `state` and `leave` at
    the same places. What one of them returns or saves holds for all.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokens: np.ndarray,
        shape: Shape,
        recipe: Recipe,
        compute: Compute,
        device: torch.device,
        rank: int = 0,
    ):
        super().__init__(model.to(device), tokens, shape.context, recipe)
        self.compute = compute
        self.device = device
        self.rank = rank
        self.group: Group | None = None
        share = recipe.batch_tokens // shape.context // compute.processes
        self.sequences = sequences_per_pass(share, shape.context, compute.micro_batch_tokens)
        self._share = slice(rank * share, (rank + 1) * share)
        self._row_loss = self._row_loss.to(self.device)
        # The process that keeps the moments of a weight; empty while all keep all.
        self._keeper: dict[str, int] = {}
        self._in_flight: deque[torch.cuda.Event] = deque()
        self._loss = model.loss
        mixed = kinds.load("families", shape.family).MIXED_PRECISION
        if device.type == "cuda" and mixed:
            # By name, so that an edit there retrains nothing on the CPU.
            form = importlib.import_module(mixed)
            self._loss = form.MixedPrecision(model, shape.context, compiler=form.compiler).loss

    @cached_property
    def _gradients(self) -> Tensor:
        """All weights' gradients, and in the last element the loss."""
        places, end = {}, 0
        for name, parameter in self._parameters.items():
            places[name] = slice(end, end + parameter.numel())
            end += -(-parameter.numel() // ALIGNMENT) * ALIGNMENT
        gradients = torch.zeros(end + 1, device=self.device)
        for name, parameter in self._parameters.items():
            parameter.grad = gradients[places[name]].view_as(parameter)
        return gradients

    @cached_property
    def _run(self) -> Callable[[Tensor], None]:
        if not self.compute.cuda_graphs:
            return self._pass
        return _replayed(self._pass, self._blank())

    def warm_up(self) -> float:
        """Compile and record what steps will use; return the seconds that it took."""
        began = time.perf_counter()
        self._gradients.zero_()
        self._run(self._blank())
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def _blank(self) -> Tensor:
        shape = self.sequences, self.context + 1
        return torch.zeros(shape, dtype=torch.int64, device=self.device)

    def _pass(self, windows: Tensor) -> None:
        loss = self._loss(windows, self.recipe.z_loss)
        loss.backward()
        self._gradients[-1].add_(loss.detach())

    def _differentiate(self) -> tuple[Tensor, Tensor]:
        gradients, run = self._gradients, self._run
        gradients.zero_()
        parts = self._windows().split(self.sequences)
        for part in parts:
            run(part)
        if self.group:
            self.group.sum(gradients)
        gradients.div_(len(parts) * self.compute.processes)
        norm = torch.linalg.vector_norm(gradients[:-1])
        gradients[:-1].mul_((self.recipe.clip / (norm + 1e-6)).clamp(max=1.0))
        return gradients[-1], norm

    def _windows(self) -> Tensor:
        sequences = self.recipe.batch_tokens // self.context
        drawn = batch(
            self.tokens, self.recipe.seed, self.step, sequences, self.context, self._share
        )
        windows = torch.from_numpy(drawn)
        if self.device.type == "cpu":
            return windows
        self._in_flight.append(torch.cuda.Event())
        self._in_flight[-1].record()
        if len(self._in_flight) > STEPS_AHEAD:
            self._in_flight.popleft().synchronize()
        return windows.pin_memory().to(self.device, non_blocking=True)

    def _update(self, factor: float) -> None:
        super()._update(factor)
        if self.group:
            for name, keeper in self._keeper.items():
                self.group.broadcast(self._parameters[name].detach(), keeper)

    def _kept(self) -> Iterable[str]:
        if not self._keeper:
            return self._parameters
        return [name for name, keeper in self._keeper.items() if keeper == self.rank]

    def _drop_gradients(self) -> None:
        """Keep them: they are zeroed where they lie."""

    def join(self, group: Group) -> None:
        """Take up the first process's state; from here on the processes go together."""
        self.group = group
        self.step = group.number(self.step)
        self.diverged = bool(group.number(self.diverged))
        self._row_steps = group.number(self._row_steps)
        for tensor in (self._row_loss, *self._places().values()):
            group.broadcast(tensor, 0)
        if self.compute.sharded:
            self._keeper = _keepers(self._parameters, group.size)
            for name in self._parameters.keys() - set(self._kept()):
                for held in self._moments.values():
                    held.pop(name, None)

    def leave(self) -> None:
        """Give the first process all that the others keep."""
        if self._keeper:
            tensors = self._collected()
            if self.rank == 0:
                for moment, held in self._moments.items():
                    held.update({n: tensors[f"{moment}.{n}"] for n in self._has(moment)})
        self._keeper, self.group = {}, None

    def state(self) -> dict[str, Tensor]:
        """Return weights and moments in the host's memory; whole in the first process alone."""
        if self._keeper:
            return self._collected()
        return {name: tensor.cpu() for name, tensor in self._places().items()}

    def _collected(self) -> dict[str, Tensor]:
        assert self.group is not None
        tensors = {f"model.{name}": p.detach().cpu() for name, p in self._parameters.items()}
        for moment, held in self._moments.items():
            for name in self._has(moment):
                tensor = held.get(name, torch.empty_like(self._parameters[name]).detach())
                self.group.broadcast(tensor, self._keeper[name])
                if self.rank == 0:
                    tensors[f"{moment}.{name}"] = tensor.cpu()
        if self.spikes:
            tensors |= {f"spikes.{name}": number for name, number in self.spikes.numbers.items()}
        return tensors

    def _has(self, moment: str) -> list[str]:
        """Return the names of the weights that have a moment, in any process."""
        return [name for name in self._parameters if moment in self._moments_of(name)]


def sequences_per_pass(sequences: int, context: int, most_tokens: int | None) -> int:
    """Return the largest divisor of `sequences` whose tokens are at most `most_tokens`."""
    most = sequences if most_tokens is None else min(sequences, most_tokens // context)
    return max((n for n in range(1, most + 1) if sequences % n == 0), default=1)


def _keepers(parameters: dict[str, Tensor], size: int) -> dict[str, int]:
    """Deal the weights out, largest first, each to the process with the least so far."""
    loads, keepers = [0] * size, {}
    for name in sorted(parameters, key=lambda name: (-parameters[name].numel(), name)):
        keepers[name] = loads.index(min(loads))
        loads[keepers[name]] += parameters[name].numel()
    return {name: keepers[name] for name in parameters}


def _replayed(function: Callable[[Tensor], None], windows: Tensor) -> Callable[[Tensor], None]:
    """Record a pass as a CUDA graph and return what replays it with other windows."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_PASSES):
            function(windows)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function(windows)

    def replay(others: Tensor) -> None:
        windows.copy_(others)
        graph.replay()

    return replay
