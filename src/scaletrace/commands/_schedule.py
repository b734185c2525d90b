"""Options that say a learning-rate schedule, for laws of loss curves."""

import argparse
import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted

if TYPE_CHECKING:
    from scaletrace.fitting.law import Array

MOST_STEPS = 100_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: a file, or the numbers of a warm-up, a constant rate and a cooldown."""
    group = parser.add_argument_group("schedule", "the end of a training, for laws of loss curves")
    group.add_argument(
        "--schedule", type=Path, metavar="FILE", help="CSV with columns step and learning_rate"
    )
    group.add_argument("--steps", type=int, metavar="S", help="steps of the training")
    group.add_argument("--learning-rate", type=float, metavar="R", help="peak learning rate")
    group.add_argument("--warmup", type=int, default=0, metavar="W", help="steps, linear; of S")
    group.add_argument(
        "--cooldown", type=int, default=0, metavar="K", help="steps at the end, 1-sqrt; of S"
    )


def areas_of(arguments: argparse.Namespace, momentum: float | None) -> dict[str, float]:
    """Return S1 and S2 at the end of the schedule that is asked for; nothing where none is.

    momentum: of the annealing area, as the fit's curves chose it; None for other laws.

    Raises:
        BadInput: half a schedule, two, or one that cannot be.
    """
    numbers = {"--steps": arguments.steps, "--learning-rate": arguments.learning_rate}
    missing = [name for name, value in numbers.items() if value is None]
    if arguments.schedule is None and len(missing) == len(numbers):
        if arguments.warmup or arguments.cooldown:
            raise BadInput("--warmup and --cooldown are parts of --steps; give it")
        return {}
    if momentum is None:
        raise BadInput("a schedule is for a law of loss curves; this fit is of another law")
    from scaletrace.fitting.loss_curves import areas

    if arguments.schedule is None:
        if missing:
            raise BadInput(f"{missing[0]}: a schedule needs it, or give --schedule FILE")
        rates = _wsd(arguments)
    elif len(missing) < len(numbers):
        raise BadInput("--schedule says all; leave out --steps and --learning-rate")
    else:
        rates = _read(arguments.schedule)
    s1, s2 = areas(rates, momentum)
    return {"s1": float(s1[-1]), "s2": float(s2[-1])}


def _wsd(arguments: argparse.Namespace) -> "Array":
    import numpy as np

    from scaletrace.training.schedules import wsd

    steps, rate = arguments.steps, arguments.learning_rate
    warmup, cooldown = arguments.warmup, arguments.cooldown
    if not 0 < steps <= MOST_STEPS:
        raise BadInput(f"--steps {steps}: 1 to {MOST_STEPS} are allowed")
    if not (math.isfinite(rate) and rate > 0.0):
        raise BadInput(f"--learning-rate {rate}: a positive finite number is needed")
    if min(warmup, cooldown) < 0 or warmup + cooldown > steps:
        raise BadInput(
            f"--warmup {warmup} and --cooldown {cooldown}: each 0 or more, together at most "
            f"--steps {steps}"
        )
    return rate * np.array([wsd(step, warmup, steps - cooldown, steps) for step in range(steps)])


def _read(path: Path) -> "Array":
    """Return the learning rate of every step; between the rows' steps on a straight line.

    The curve of a study's run is read after those of the trunk that it left.
    """
    import numpy as np

    from scaletrace.fitting.loss_curves import rates_of
    from scaletrace.fitting.training_curves import read_trainings, trunk_of, with_trunks

    if trunk_of(path) is not None:
        *_, curve = read_trainings(with_trunks([path]))
        return rates_of([*curve.before, *curve.points])
    with untrusted.refused_in_words(path):
        content = untrusted.read_bytes(path)
    try:
        rows = list(untrusted.rows_of(content.decode("utf-8-sig")))
        steps = np.array([float(row["step"]) for row in rows])
        rates = np.array([float(row["learning_rate"]) for row in rows])
    except KeyError as error:
        raise BadInput(f"{path}: no schedule (it has no column {error.args[0]})") from None
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{path}: no schedule ({str(error)[:200]})") from None
    sound = len(steps) and np.isfinite(rates).all() and rates.min() >= 0.0 and rates.max() > 0.0
    if not sound or steps[0] < 1 or not (np.diff(steps) > 0).all() or steps[-1] > MOST_STEPS:
        raise BadInput(
            f"{path}: no schedule: steps ascend from 1 or more to at most {MOST_STEPS}, and rates "
            "are 0 or more, one of them above 0"
        )
    return np.interp(np.arange(1, int(steps[-1]) + 1), steps, rates)
