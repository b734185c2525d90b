"""The training loop, one step at a time, whose whole state can be taken out and put back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.adamw import adamw

from scaletrace.models.language_model import LanguageModel
from scaletrace.training.batches import batch
from scaletrace.training.recipe import Recipe

DENSE_ROWS = 64


@dataclass(frozen=True)
class CurveRow:
    """The mean loss in nats per token of the steps since the row before, up to `step` done."""

    step: int
    loss: float
    learning_rate: float


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
        self._parameters: dict[str, Tensor] = dict(model.named_parameters())
        self._means = {k: torch.zeros_like(p) for k, p in self._parameters.items()}
        self._squares = {k: torch.zeros_like(p) for k, p in self._parameters.items()}

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.diverged or self.step >= self.recipe.to_step

    def advance(self) -> None:
        """Take one step; a curve row that ends without a finite loss marks the run diverged."""
        rate = self.recipe.rate(self.step)
        loss = self._differentiate()
        self._update(rate)
        self._drop_gradients()
        self.step += 1
        self._row_loss += loss
        self._row_steps += 1
        if ends_curve_row(self.step) or self.step == self.recipe.to_step:
            self._end_row(rate)

    def _differentiate(self) -> Tensor:
        """Put the clipped gradients of the step's batch in place and return its mean loss."""
        sequences = self.recipe.batch_tokens // self.context
        windows = batch(self.tokens, self.recipe.seed, self.step, sequences, self.context)
        loss = self.model.loss(torch.from_numpy(windows))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.clip)
        return loss.detach()

    @torch.no_grad()
    def _update(self, rate: float) -> None:
        device = self._row_loss.device
        for decay, dimensions in ((self.recipe.weight_decay, 2), (0.0, 1)):
            names = [name for name in self._means if self._parameters[name].ndim == dimensions]
            parameters = [self._parameters[name] for name in names]
            # The function, not the class torch.optim.AdamW, whose first use imports torch's
            # compiler: more than a second in every job.
            adamw(
                parameters,
                [p.grad for p in parameters if p.grad is not None],
                [self._means[name] for name in names],
                [self._squares[name] for name in names],
                [],
                list(torch.full((len(names),), float(self.step), device=device).unbind()),
                fused=True,
                amsgrad=False,
                beta1=self.recipe.beta1,
                beta2=self.recipe.beta2,
                lr=rate,
                weight_decay=decay,
                eps=1e-8,
                maximize=False,
            )

    def _drop_gradients(self) -> None:
        for parameter in self._parameters.values():
            parameter.grad = None

    def _end_row(self, rate: float) -> None:
        mean = self._row_loss.item() / self._row_steps
        if np.isfinite(mean):
            self.rows.append(CurveRow(self.step, mean, rate))
        else:
            self.diverged = True
        self._row_loss.zero_()
        self._row_steps = 0

    def weights(self) -> dict[str, Tensor]:
        """Return the model's weights, in the host's memory."""
        return {name: parameter.detach().cpu() for name, parameter in self._parameters.items()}

    def state(self) -> dict[str, Tensor]:
        """Return every tensor that later steps depend on: weights and AdamW's moments."""
        return self._places()

    def _places(self) -> dict[str, Tensor]:
        parts = {"model": self._parameters, "mean": self._means, "square": self._squares}
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
