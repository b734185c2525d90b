"""Print how long `import scaletrace` takes in a fresh process, and what a command takes beside it.

Of a few runs of each the least seconds by the clock and the least of processor time, which other
programs on the machine hardly change. The commands fit the table, 1000 resamples included, and
draw it; `libraries` is the import alone of what they compute and draw with.

    python benchmarks/library_import.py [TABLE LAW]
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
LIBRARIES = "import numpy, scipy.special, scipy.optimize, pydantic, matplotlib.figure"
LIBRARIES += ", matplotlib.backends.backend_agg, PIL.PngImagePlugin"


def seconds(command: list[str]) -> tuple[float, float]:
    begin, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system
    return time.perf_counter() - begin, spent - before.children_user - before.children_system


def tell(what: str, command: list[str]) -> None:
    clock, processor = (
        min(column) for column in zip(*(seconds(command) for _ in range(RUNS)), strict=True)
    )
    print(f"{what:<18} {clock:7.3f} s   {processor:7.3f} s of processor")


def main() -> None:
    python = [sys.executable, "-c"]
    tell("python alone", [*python, "pass"])
    tell("import scaletrace", [*python, "import scaletrace"])
    if len(sys.argv) < 3:
        return
    tell("libraries", [*python, LIBRARIES])
    fit = [sys.executable, "-m", "scaletrace.cli", "fit", sys.argv[1], "--law", sys.argv[2]]
    tell("fit", fit)
    with tempfile.TemporaryDirectory() as folder:
        tell("fit --figure", [*fit, "--figure", str(Path(folder) / "fit.png")])


if __name__ == "__main__":
    main()
