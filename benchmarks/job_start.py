"""How long a training job takes to start on tokens whose hash is known, and on new ones.

A job of a few steps on a small token file and on a large one, in turns: the first of each reads the
file for its hash, the later ones remember it. Wall seconds of the whole job, medians of the turns.

    python benchmarks/job_start.py [--gigabytes 4] [--turns 3]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from training_job import TrainingJob

from scaletrace.jobs import run_cache

STEPS, BATCH_TOKENS, SMALL = 3, 1024, 4_000_000


def job_on(folder: Path, size: int) -> TrainingJob:
    """Return a job on a token file of `size` bytes, most of them without content on the disk."""
    job = TrainingJob(folder, "32x1", STEPS, BATCH_TOKENS, save_seconds=30)
    job.settings["warmup_steps"] = 1
    with (folder / "tokens/train.bin").open("r+b") as tokens:
        tokens.truncate(size)
    header = folder / "tokens/train.json"
    said = json.loads(header.read_text(encoding="utf-8")) | {"count": size // 2}
    header.write_text(json.dumps(said), encoding="utf-8")
    return job


def seconds(job: TrainingJob) -> float:
    began = time.perf_counter()
    job.finish()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    os.environ[run_cache.VARIABLE] = "off"
    sizes = {"small": SMALL, "large": int(arguments.gigabytes * 1e9) // 2 * 2}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        jobs = {name: job_on(Path(folder, name), size) for name, size in sizes.items()}
        new = {name: seconds(job) for name, job in jobs.items()}
        known: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(arguments.turns):
            for name, job in jobs.items():
                known[name].append(seconds(job))
    print("tokens         MB  new, s  known, s")
    for name, size in sizes.items():
        median = statistics.median(known[name])
        print(f"{name:8} {size / 1e6:8.0f} {new[name]:7.2f} {median:9.2f}")


if __name__ == "__main__":
    main()
