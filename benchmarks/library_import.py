"""Print how long `import scaletrace` takes in a fresh process, and what a command takes beside it.

Each number is the least of a few runs, in seconds: what the machine does besides only adds.
The commands fit the table and draw its picture, 1000 resamples included; `libraries` is the
import of what they compute with, in a process of its own.

    python benchmarks/library_import.py [TABLE LAW]
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
LIBRARIES = "import scipy.stats, scipy.optimize, pandas, pydantic, matplotlib.figure"
LIBRARIES += ", matplotlib.backends.backend_agg"


def seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def least(command: list[str]) -> float:
    return min(seconds(command) for _ in range(RUNS))


def main() -> None:
    python = [sys.executable, "-c"]
    print(f"python alone      {least([*python, 'pass']):6.3f}")
    print(f"import scaletrace {least([*python, 'import scaletrace']):6.3f}")
    if len(sys.argv) < 3:
        return
    print(f"libraries         {least([*python, LIBRARIES]):6.3f}")
    fit = [sys.executable, "-m", "scaletrace.cli", "fit", sys.argv[1], "--law", sys.argv[2]]
    print(f"fit               {least(fit):6.3f}")
    with tempfile.TemporaryDirectory() as folder:
        picture = str(Path(folder) / "fit.png")
        print(f"fit --figure      {least([*fit, '--figure', picture]):6.3f}")


if __name__ == "__main__":
    main()
