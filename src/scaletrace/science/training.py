"""The training loop, one step at a time, whose whole state can be taken out and put back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from scaletrace.science.data import batch
from scaletrace.science.model import Decoder
from scaletrace.science.schedules import cosine, wsd

DENSE_ROWS = 64


@dataclass(frozen=True)
class Recipe:
    """How to train from one step to another; steps are 0-based, rates per step.

    A trunk of the `wsd` schedule leaves `cooldown_from_step` out; `cosine` does not read it.
    """

    seed: int
    batch_tokens: int
    learning_rate: float
    schedule: str
    warmup_steps: int
    from_step: int
    to_step: int
    weight_decay: float
    beta1: float
    beta2: float
    clip: float
    cooldown_from_step: int | None = None

    def rate(self, step: int) -> float:
        """Return the learning rate of `step`."""
        if self.schedule == "cosine":
            return self.learning_rate * cosine(step, self.warmup_steps, self.to_step)
        cooldown = self.to_step if self.cooldown_from_step is None else self.cooldown_from_step
        return self.learning_rate * wsd(step, self.warmup_steps, cooldown, self.to_step)


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

    def __init__(self, model: Decoder, tokens: np.ndarray, context: int, recipe: Recipe):
        self.model = model
        self.tokens = tokens
        self.context = context
        self.recipe = recipe
        self.step = recipe.from_step
        self.diverged = False
        self.rows: list[CurveRow] = []
        self._row_loss = torch.zeros((), dtype=torch.float64)
        self._row_steps = 0
        self._parameters = dict(model.named_parameters())
        matrices = [p for p in self._parameters.values() if p.ndim == 2]
        gains = [p for p in self._parameters.values() if p.ndim != 2]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": recipe.weight_decay},
                {"params": gains, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(recipe.beta1, recipe.beta2),
            fused=True,
        )

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.diverged or self.step >= self.recipe.to_step

    def advance(self) -> None:
        """Take one step; a curve row that ends without a finite loss marks the run diverged."""
        sequences = self.recipe.batch_tokens // self.context
        windows = batch(self.tokens, self.recipe.seed, self.step, sequences, self.context)
        rate = self.recipe.rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.model.loss(torch.from_numpy(windows))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), self.recipe.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self._row_loss += loss.detach()
        self._row_steps += 1
        if ends_curve_row(self.step) or self.step == self.recipe.to_step:
            self._end_row(rate)

    def _end_row(self, rate: float) -> None:
        mean = self._row_loss.item() / self._row_steps
        if np.isfinite(mean):
            self.rows.append(CurveRow(self.step, mean, rate))
        else:
            self.diverged = True
        self._row_loss.zero_()
        self._row_steps = 0

    def state(self) -> dict[str, Tensor]:
        """Return every tensor that later steps depend on: weights and optimiser moments."""
        tensors = {f"model.{name}": p.detach() for name, p in self._parameters.items()}
        for name, parameter in self._parameters.items():
            moments = self.optimizer.state.get(parameter)
            for moment in ("exp_avg", "exp_avg_sq"):
                tensors[f"{moment}.{name}"] = (
                    moments[moment] if moments else torch.zeros_like(parameter)
                )
        return tensors

    def put_state(self, tensors: dict[str, Tensor], step: int) -> None:
        """Take up training where `state` was taken, after `step` steps."""
        for name, parameter in self._parameters.items():
            parameter.detach().copy_(tensors[f"model.{name}"])
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"exp_avg.{name}"].clone(),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].clone(),
            }
        self.step = step

    def curve_state(self) -> tuple[float, int]:
        """Return the summed loss of the unfinished curve row, in nats, and its steps."""
        return self._row_loss.item(), self._row_steps

    def put_curve_state(self, rows: list[CurveRow], row_loss: float, row_steps: int) -> None:
        """Take up the curve where `rows` and `curve_state` were taken."""
        self.rows = rows
        self._row_loss.fill_(row_loss)
        self._row_steps = row_steps
