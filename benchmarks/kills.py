"""Kill one training many times at random moments, and compare its result with an undisturbed one.

Every process is ended by SIGKILL after a random part of twice the time that a process takes to
its first saved state: while it starts, trains or saves. The state is saved every half second.

    python benchmarks/kills.py [--kills N] [--steps N] [--size WIDTHxLAYERS]
        [--optimiser muon]
"""

import argparse
import hashlib
import random
import subprocess
import tempfile
import time
from pathlib import Path

from training_groups import PLAIN_GROUPS
from training_job import TrainingJob

BATCH_TOKENS, SAVE_SECONDS = 1024, 0.5


def states(job: TrainingJob) -> set[int]:
    """Return the moments at which the states that lie in the working folder were saved."""
    return {path.stat().st_mtime_ns for path in job.folder.glob("work/benchmark/*/state-?.*")}


def digests(job: TrainingJob) -> list[str]:
    return [hashlib.sha256(p.read_bytes()).hexdigest() for p in (job.state, job.curve)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--size", default="64x2", help="width x layers")
    parser.add_argument("--optimiser", choices=PLAIN_GROUPS, default="adamw")
    arguments = parser.parse_args()
    moments = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = (
            TrainingJob(
                Path(folder, name),
                arguments.size,
                arguments.steps,
                BATCH_TOKENS,
                seconds,
                arguments.optimiser,
            )
            for name, seconds in (("whole", 1000), ("parts", SAVE_SECONDS))
        )
        whole.finish()
        began = time.monotonic()
        process = parts.start()
        while not states(parts) and process.poll() is None:
            time.sleep(0.01)
        longest = 2 * (time.monotonic() - began)
        kills = at_work = 0
        while kills < arguments.kills:
            before = states(parts)
            try:
                code = process.wait(moments.random() * longest)
                raise SystemExit(
                    f"finished with code {code} after {kills} kills: give it more --steps"
                )
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            kills += 1
            at_work += states(parts) != before
            process = parts.start()
        if process.wait():
            raise SystemExit((parts.folder / "log").read_text(encoding="utf-8"))
        said = (parts.folder / "log").read_text(encoding="utf-8").splitlines()
        resumed = sum(line.startswith("resuming") for line in said)
        equal = digests(whole) == digests(parts)
        print(
            f"{kills} processes killed, {at_work} of them after they had saved a state; training "
            f"was resumed {resumed} times"
        )
        print(f"sha256 of state and curve {'unchanged' if equal else 'CHANGED'}: {digests(parts)}")
        raise SystemExit(not equal)


if __name__ == "__main__":
    main()
