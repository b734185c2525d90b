"""Learning-rate schedules: pure functions of the step, relative to the peak rate."""

import math
from collections.abc import Iterable

COSINE_FLOOR = 0.1


def wsd(step: int, warmup_steps: int, cooldown_from_step: int, total_steps: int) -> float:
    """Return the warmup-stable-decay factor of `step` (0-based), between 0 and 1.

    Linear warm-up, constant rate, then 1 - sqrt(progress) down to zero at `total_steps`
    (Hägele et al. 2024, arXiv 2405.18392). A trunk that never cools down passes
    `cooldown_from_step` = `total_steps` at or after its last step.
    """
    factor = _warmup(step, warmup_steps)
    if step < cooldown_from_step:
        return factor
    progress = (step - cooldown_from_step) / (total_steps - cooldown_from_step)
    return factor * (1 - math.sqrt(progress))


def stepped(step: int, drops: Iterable[tuple[int, float]]) -> float:
    """Return the factor of `step` (0-based) on a trunk whose rate goes down in steps: at most 1.

    drops: (step, factor), ascending: from that step on the rate is so much of the peak.
    """
    factor = 1.0
    for first, lower in drops:
        if step < first:
            break
        factor = lower
    return factor


def cosine(step: int, warmup_steps: int, total_steps: int) -> float:
    """Return the cosine factor of `step` (0-based): linear warm-up, then down to a tenth.

    The half period spans the run (Hoffmann et al. 2022, arXiv 2203.15556, section 3.1).
    """
    if step < warmup_steps:
        return _warmup(step, warmup_steps)
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return COSINE_FLOOR + (1 - COSINE_FLOOR) * 0.5 * (1 + math.cos(math.pi * progress))


def _warmup(step: int, warmup_steps: int) -> float:
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
