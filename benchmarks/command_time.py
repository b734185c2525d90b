"""Print the processor time of a fit with a picture beside that of importing what it needs.

The two take turns, each in a process of its own, so that what the machine does besides falls on
both; medians of a few turns, in seconds of processor time (user and system).

    python benchmarks/command_time.py TABLE LAW [OPTION …]
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

TURNS = 11
LIBRARIES = (
    "import numpy, scipy.special, pydantic, packaging, yaml, matplotlib.figure, "
    "matplotlib.backends.backend_agg"
)


# Who has it set compiles every module anew each time.
KEEPS_COMPILED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def processor_seconds(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=KEEPS_COMPILED)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def main() -> None:
    table, law, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "fit.svg")
        fit = [sys.executable, "-m", "scaletrace.cli", "fit", table, "--law", law, *options]
        commands = {
            "libraries": [sys.executable, "-c", LIBRARIES],
            "fit": fit,
            "fit --figure": [*fit, "--figure", picture],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(TURNS + 1):
            for name, command in commands.items():
                seconds = processor_seconds(command)
                if turn:
                    taken[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    for name, seconds in medians.items():
        more = seconds - medians["libraries"]
        print(f"{name:<14} {seconds:6.2f}  {more:+6.2f}  of {TURNS}: " + _spread(taken[name]))


def _spread(seconds: list[float]) -> str:
    return f"{min(seconds):.2f} to {max(seconds):.2f}"


if __name__ == "__main__":
    main()
