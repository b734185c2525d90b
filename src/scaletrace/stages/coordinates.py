"""Take the first steps of a training and measure how far each layer's activations move."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.training.recipe import TrainingSettings
from scaletrace.training.recipe import kinds as kinds

# Windows that the activations are of: a layer's root mean square needs no more.
WINDOWS = 8


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Training tokens with their header, and the tuned law of the rate if one is."""

    tokens: Path
    header: Path
    law: Path | None = None


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Activations and their changes, by step and layer."""

    coordinates: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(TrainingSettings):
    """Those of a run, of which the first `steps` are taken."""

    steps: int


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Take the steps; write every layer's activation and its change since the start.

    The activations are those of tokens that no step was trained on, the batch after the last.

    Raises:
        BadInput: the tokens are not the model's, or do not fill a batch.
    """
    import torch

    from scaletrace.formats.coordinates import CoordinateRow, write_coordinates
    from scaletrace.formats.tokens import window_count
    from scaletrace.training.batches import batch
    from scaletrace.training.coordinates import coordinates
    from scaletrace.training.task import Task
    from scaletrace.training.tuned import with_tuned

    del work
    shape = settings.model
    tuned = with_tuned(settings, inputs.law)
    recipe = dataclasses.replace(tuned, to_step=settings.steps).recipe()
    task = Task(
        tokens=str(inputs.tokens),
        header=str(inputs.header),
        shape=shape,
        recipe=recipe,
        compute=settings.compute,
        threads=settings.threads,
    )
    training = task.open()
    sequences = recipe.batch_tokens // shape.context
    if (available := window_count(len(training.tokens), shape.context)) < sequences:
        raise BadInput(
            f"{inputs.tokens}: {available} windows of {shape.context} tokens; one batch takes "
            f"{sequences}"
        )
    seen = batch(
        training.tokens, recipe.seed, recipe.to_step, sequences, shape.context, slice(WINDOWS)
    )
    rows = [
        CoordinateRow(
            shape.family, shape.width, shape.layers, recipe.seed, **dataclasses.asdict(one)
        )
        for one in coordinates(training, torch.from_numpy(seen[:, :-1]))
    ]
    write_coordinates(outputs.coordinates, rows)
    return {"steps": training.step}
