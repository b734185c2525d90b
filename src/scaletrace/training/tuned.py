"""Training settings whose rate, batch, second moment and decay a study's tuning has found."""

import dataclasses
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import RateLaw, read_rate_law
from scaletrace.models.counts import n_non_embedding
from scaletrace.optimisers import Group
from scaletrace.training.recipe import TrainingSettings


def with_tuned(settings: TrainingSettings, path: Path | None) -> TrainingSettings:
    """Return training settings in which what was left to tuning stands as a number.

    Without a law they are as they were. With one, its rate at the model's N and the training's D
    is put in, and its batch, second moment and decay where it has them; the plan's decays are then
    multiples of it. The steps are the plan's, of the plan's batch; a smaller batch takes as many
    more of them, so that every state stays at its number of tokens.

    Raises:
        BadInput: the law's batch does not divide the plan's.
    """
    if path is None:
        return settings
    law = read_rate_law(path)
    batch = law.batch_tokens or settings.batch_tokens
    more, rest = divmod(settings.batch_tokens, batch)
    if rest:
        raise BadInput(
            f"{path}: a batch of {batch} tokens, of which the plan's, "
            f"{settings.batch_tokens}, is no multiple"
        )
    n, d = n_non_embedding(settings.model), settings.to_step * settings.batch_tokens
    cooldown = settings.cooldown_from_step
    return dataclasses.replace(
        settings,
        warmup_steps=settings.warmup_steps * more,
        from_step=settings.from_step * more,
        to_step=settings.to_step * more,
        cooldown_from_step=None if cooldown is None else cooldown * more,
        drops=tuple((step * more, factor) for step, factor in settings.drops),
        learning_rate=law.rate(n, d),
        batch_tokens=batch,
        groups={role: _tuned_group(group, law) for role, group in settings.groups.items()},
    )


def _tuned_group(group: Group, law: RateLaw) -> Group:
    return dataclasses.replace(
        group,
        beta2=group.beta2 if law.beta2 is None else law.beta2,
        decay=group.decay if law.weight_decay is None else group.decay * law.weight_decay,
    )
