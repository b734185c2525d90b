"""Training settings whose rate, batch and second moment a study's tuning has found."""

from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import read_rate_law
from scaletrace.models.counts import Shape, n_non_embedding

STEPS = ("warmup_steps", "from_step", "to_step", "cooldown_from_step")


def with_tuned(settings: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    """Return training settings in which what was left to tuning stands as a number.

    Without a law they are as they were. With one, its rate at the model's N, its batch and second
    moment are put in. The steps are the plan's, of the plan's batch; a smaller batch takes as
    many more of them, so that every state stays at its number of tokens.
    """
    if not paths:
        return settings
    found = read_rate_law(paths[0])
    more, rest = divmod(settings["batch_tokens"], found.batch_tokens)
    if rest:
        raise BadInput(
            f"{paths[0]}: a batch of {found.batch_tokens} tokens, of which the plan's, "
            f"{settings['batch_tokens']}, is no multiple"
        )
    return {
        **settings,
        **{name: settings[name] * more for name in STEPS if name in settings},
        "learning_rate": found.rate(n_non_embedding(Shape(**settings["model"]))),
        "batch_tokens": found.batch_tokens,
        "beta2": found.beta2,
    }
