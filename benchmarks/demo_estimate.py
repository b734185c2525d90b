"""How soon the demo shows a loss, and how right its time left is: a real run in a fresh clone.

    python benchmarks/demo_estimate.py [--cores N]

Prints what the demo printed with the seconds of each line; then, at some moments of the run, the
time that it said was left against the time that was.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLOCKS = re.compile(r"(\d+):(\d\d) gone, (\d+):(\d\d) left")
MOMENTS = (15.0, 30.0, 60.0, 120.0)


def run(folder: Path, cores: int) -> list[tuple[float, str]]:
    """Return the demo's lines with the seconds since its start; the last is that of its end."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-m", "scaletrace.cli", "demo", "--cores", str(cores)]
    lines, began = [], time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            lines.append((time.perf_counter() - began, line.rstrip()))
            print(f"{lines[-1][0]:7.1f}  {lines[-1][1]}", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lines = run(Path(name, "clone"), arguments.cores)
    whole = next(when for when, line in lines if line.startswith("done in"))
    told = []
    for when, line in lines:
        if found := CLOCKS.search(line):
            told.append((when, 60 * int(found[3]) + int(found[4])))
    rises = [(after - before, when) for (_, before), (when, after) in pairwise(told)]
    print(f"\nfirst line after {lines[0][0]:.1f} s")
    print(f"first loss after {next(when for when, line in lines if ' loss ' in line):.1f} s")
    print(f"largest rise of the time left: {max(rises)[0]} s, after {max(rises)[1]:.0f} s")
    print(f"whole run {whole:.1f} s\n\nafter s  left s  was s  error of the whole")
    for moment in (*MOMENTS, whole / 2):
        when, left = max(pair for pair in told if pair[0] <= moment + 1)
        error = (when + left - whole) / whole
        print(f"{when:7.1f} {left:7} {whole - when:6.1f}  {error:+.1%}")


if __name__ == "__main__":
    main()
