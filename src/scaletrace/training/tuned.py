"""Training settings whose rate, batch and second moment a study's tuning has found."""

import dataclasses
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import read_rate_law
from scaletrace.models.counts import n_non_embedding
from scaletrace.training.recipe import TrainingSettings, with_beta2


def with_tuned(settings: TrainingSettings, path: Path | None) -> TrainingSettings:
    """Return training settings in which what was left to tuning stands as a number.

    Without a law they are as they were. With one, its rate at the model's N, its batch and second
    moment are put in. The steps are the plan's, of the plan's batch; a smaller batch takes as
    many more of them, so that every state stays at its number of tokens.

    Raises:
        BadInput: the law's batch does not divide the plan's.
    """
    if path is None:
        return settings
    law = read_rate_law(path)
    more, rest = divmod(settings.batch_tokens, law.batch_tokens)
    if rest:
        raise BadInput(
            f"{path}: a batch of {law.batch_tokens} tokens, of which the plan's, "
            f"{settings.batch_tokens}, is no multiple"
        )
    cooldown = settings.cooldown_from_step
    return dataclasses.replace(
        settings,
        warmup_steps=settings.warmup_steps * more,
        from_step=settings.from_step * more,
        to_step=settings.to_step * more,
        cooldown_from_step=None if cooldown is None else cooldown * more,
        drops=tuple((step * more, factor) for step, factor in settings.drops),
        learning_rate=law.rate(n_non_embedding(settings.model)),
        batch_tokens=law.batch_tokens,
        groups=with_beta2(settings.groups, law.beta2),
    )
