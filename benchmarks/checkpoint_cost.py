"""What saving the state costs a training, and how much memory a training takes.

A save is timed on the clock, with the disk's part in it, and set against the 30 seconds between
two saves. Memory is the peak of a job as the rules start it, which saves all the time.

    python benchmarks/checkpoint_cost.py [--sizes 128x5 256x4 …]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from training_job import TrainingJob

from scaletrace import kinds
from scaletrace.formats.checkpoints import Generations
from scaletrace.models.counts import Shape
from scaletrace.training.loop import Training
from scaletrace.training.recipe import Recipe

SAVE_SECONDS, SAVES = 30, 15
BATCH_TOKENS = 4096


def seconds_of_a_save(settings: dict[str, Any], folder: Path) -> tuple[float, float]:
    """Return the median seconds of a save and the size of the state in megabytes."""
    shape = Shape(**settings["model"])
    rest = {"model", "threads", "save_seconds"}
    recipe = Recipe(**{key: value for key, value in settings.items() if key not in rest})
    tokens = np.zeros(10 * BATCH_TOKENS, dtype=np.uint16)
    training = Training(
        kinds.load("families", shape.family).build(shape, 0), tokens, shape.context, recipe
    )
    generations, seconds = Generations(folder), []
    for step in range(SAVES):
        began = time.perf_counter()
        generations.save(training.state(), {"step": step, "rows": []})
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), generations.older.stat().st_size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["128x5", "256x4"], help="width x layers")
    arguments = parser.parse_args()
    print("size     state MB  save ms  of 30 s  peak memory MB of a job")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            job = TrainingJob(Path(folder, "job"), size, 12, BATCH_TOKENS, save_seconds=0)
            seconds, megabytes = seconds_of_a_save(job.settings, Path(folder))
            measured = job.finish()
        print(
            f"{size:8} {megabytes:8.1f} {seconds * 1e3:8.0f} {seconds / SAVE_SECONDS:8.2%} "
            f"{measured['peak_memory_mb']:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
