"""Times of trace and audit on a synthetic study, and how fast an audit reads a large file.

    python benchmarks/lineage.py FOLDER [SIZES] [BUDGETS]

FOLDER is a copy of the repository without results (a fresh clone). Prints CPU and wall seconds
of each command, then the throughput of sha256 and md5 in one read beside each hash alone.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import synthetic_study

from scaletrace.formats import files

LARGE = 1 << 30  # bytes
REPEATS = 3


def throughput(path: Path, read: Callable[[Path], object]) -> float:
    """Return the best of a few readings of a file in the page cache, in MB/s."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        read(path)
        best = min(best, time.perf_counter() - start)
    return path.stat().st_size / best / 1e6


def one_hash(name: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, name)

    return read


def main() -> None:
    folder, sizes, budgets = Path(sys.argv[1]), *map(int, [*sys.argv[2:], 40, 5][:2])
    os.chdir(folder)
    synthetic_study.write_config(sizes, budgets)
    synthetic_study.write_results()
    cli, study = (sys.executable, "-m", "scaletrace.cli"), synthetic_study.STUDY
    figure = f"results/{study}/figures/loss_vs_params"
    print(synthetic_study.measure(*cli, "record", "--study", study))
    for suffix in ("pdf", "csv"):
        print(synthetic_study.measure(*cli, "trace", f"{figure}.{suffix}"))
    for words in ([], ["--no-checkpoints"], [f"{figure}.pdf"]):
        print(synthetic_study.measure(*cli, "audit", "--study", study, *words))
    with tempfile.NamedTemporaryFile(dir=".") as large:
        for _ in range(LARGE >> 20):
            large.write(os.urandom(1 << 20))
        large.flush()
        path = Path(large.name)
        for name, read in (
            ("sha256", one_hash("sha256")),
            ("md5", one_hash("md5")),
            ("sha256 and md5 in one read", files.hashes),
        ):
            print(f"{throughput(path, read):7.0f} MB/s  {name}")


if __name__ == "__main__":
    main()
