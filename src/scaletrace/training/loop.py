"""The training loop, one step at a time, whose whole state can be taken out and put back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from scaletrace import kinds
from scaletrace.models.language_model import LanguageModel
from scaletrace.training.batches import batch
from scaletrace.training.recipe import Recipe

if TYPE_CHECKING:
    from scaletrace.training.spikes import Spikes

DENSE_ROWS = 64


@dataclass(frozen=True)
class CurveRow:
    """The mean loss in nats per token of the steps since the row before, up to `step` done.

    skipped: steps among them that were skipped, whose loss is not in it; None where none can be.
    """

    step: int
    loss: float
    learning_rate: float
    skipped: int | None = None


def ends_curve_row(step: int) -> bool:
    """Return whether a row of the loss curve ends after `step` steps.

    Every step up to 64, then 32 rows for each doubling, so that a row's place depends on its step
    alone and a million steps give 512 rows.
    """
    return step < DENSE_ROWS or step % (1 << (step.bit_length() - DENSE_ROWS.bit_length() + 1)) == 0


class Training:
    """A model on its way through a recipe."""

    def __init__(self, model: LanguageModel, tokens: np.ndarray, context: int, recipe: Recipe):
        self.model = model
        self.tokens = tokens
        self.context = context
        self.recipe = recipe
        self.step = recipe.from_step
        self.diverged = False
        self.rows: list[CurveRow] = []
        self._row_loss = torch.zeros((), dtype=torch.float64)
        self._row_steps = 0
        self.spikes: Spikes | None = None
        if recipe.spike is not None:
            # By name, so that an edit there retrains nothing that skips no step.
            spikes = kinds.load("training", "spikes")
            self.spikes = spikes.Spikes(recipe.spike, recipe.warmup_steps)
        self._parameters: dict[str, Tensor] = dict(model.named_parameters())
        self._roles = {name: model.role(name) for name in self._parameters}
        # Of each optimiser, by the name of the tensor and of the weight.
        self._moments: dict[str, dict[str, Tensor]] = {}
        for name, parameter in self._parameters.items():
            for moment in self._moments_of(name):
                self._moments.setdefault(moment, {})[name] = torch.zeros_like(parameter)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.diverged or self.step >= self.recipe.to_step

    def advance(self) -> None:
        """Take one step; a curve row that ends without a finite loss marks the run diverged."""
        factor = self.recipe.factor(self.step)
        loss, norm = self._differentiate()
        if self.spikes and self.spikes.skips(self.step, norm.item()):
            self.diverged = self.spikes.diverged
        else:
            self._update(factor)
            self._row_loss += loss
            self._row_steps += 1
        self._drop_gradients()
        self.step += 1
        if ends_curve_row(self.step) or self.step == self.recipe.to_step:
            self._end_row(self.recipe.learning_rate * factor)

    def _differentiate(self) -> tuple[Tensor, Tensor]:
        """Put the step's clipped gradients in place; return the mean loss and the norm before."""
        sequences = self.recipe.batch_tokens // self.context
        windows = batch(self.tokens, self.recipe.seed, self.step, sequences, self.context)
        loss = self.model.loss(torch.from_numpy(windows), self.recipe.z_loss)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.clip)
        return loss.detach(), norm

    @torch.no_grad()
    def _update(self, factor: float) -> None:
        for role, group in self.recipe.groups.items():
            names = [name for name in self._kept() if self._roles[name] == role]
            if not names:
                continue
            weights = [self._matrices(name, self._parameters[name]) for name in names]
            gradients = [p.grad for p in (self._parameters[name] for name in names)]
            optimiser = kinds.load("optimisers", group.optimiser)
            for weight in weights if group.decay else []:
                weight.mul_(1.0 - group.decay * factor)
            optimiser.update(
                weights,
                [
                    self._matrices(name, gradient)
                    for name, gradient in zip(names, gradients, strict=True)
                    if gradient is not None
                ],
                {
                    moment: [self._matrices(name, self._moments[moment][name]) for name in names]
                    for moment in optimiser.MOMENTS
                },
                self.step - (self.spikes.skipped if self.spikes else 0),
                self.recipe.learning_rate * group.rate * factor,
                group,
            )

    def _moments_of(self, name: str) -> tuple[str, ...]:
        """Return the names of the moments that a weight's optimiser keeps."""
        group = self.recipe.groups[self._roles[name]]
        return kinds.load("optimisers", group.optimiser).MOMENTS

    def _kept(self) -> Iterable[str]:
        """Return the names of the weights that this process updates: all."""
        return self._parameters

    def _matrices(self, name: str, tensor: Tensor) -> Tensor:
        """Return a weight, or what belongs to it, as the matrices that it is made of."""
        parts = self.model.parts(name)
        return tensor.unflatten(0, (parts, -1)) if parts > 1 else tensor

    def _drop_gradients(self) -> None:
        for parameter in self._parameters.values():
            parameter.grad = None

    def _end_row(self, rate: float) -> None:
        if not self._row_steps:  # All skipped: the next row tells how many.
            return
        mean = self._row_loss.item() / self._row_steps
        if np.isfinite(mean):
            skipped = self.spikes.tell() if self.spikes else None
            self.rows.append(CurveRow(self.step, mean, rate, skipped))
        else:
            self.diverged = True
        self._row_loss.zero_()
        self._row_steps = 0

    def weights(self) -> dict[str, Tensor]:
        """Return the model's weights, in the host's memory."""
        return {name: parameter.detach().cpu() for name, parameter in self._parameters.items()}

    def state(self) -> dict[str, Tensor]:
        """Return every tensor that later steps depend on: weights, moments, norms' mean."""
        return self._places()

    def _places(self) -> dict[str, Tensor]:
        parts = {"model": self._parameters, **self._moments}
        if self.spikes:
            parts["spikes"] = self.spikes.numbers
        return {
            f"{part}.{name}": tensor.detach()
            for part, tensors in parts.items()
            for name, tensor in tensors.items()
        }

    def put_state(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take up training where `state` was taken, after `step` steps.

        Raises:
            ValueError: the tensors have other names or shapes than this training's.
        """
        places = self._places()
        given, wanted = (
            {name: tensor.shape for name, tensor in held.items()} for held in (tensors, places)
        )
        other = sorted(n for n in given | wanted if given.get(n) != wanted.get(n))
        if other:
            raise ValueError(
                f"{other[0]} has the shape {_shown(given, other[0])}; "
                f"this version of the code trains {_shown(wanted, other[0])}"
            )
        for name, place in places.items():
            place.copy_(tensors[name])
        self.step = step

    def curve_state(self) -> tuple[float, int]:
        """Return the summed loss of the unfinished curve row, in nats, and its steps."""
        return self._row_loss.item(), self._row_steps

    def put_curve_state(self, rows: list[CurveRow], row_loss: float, row_steps: int) -> None:
        """Take up the curve where `rows` and `curve_state` were taken."""
        self.rows = rows
        self._row_loss.fill_(row_loss)
        self._row_steps = row_steps


def _shown(shapes: dict[str, torch.Size], name: str) -> str:
    return " x ".join(map(str, shapes[name])) if name in shapes else "none"
