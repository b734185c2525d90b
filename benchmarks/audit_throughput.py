"""How fast an audit hashes many gigabytes of checkpoints, beside the disk and beside one hash.

    python benchmarks/audit_throughput.py FOLDER [--gigabytes 10] [--files 20] [--turns 3] [--json]

Writes files of random bytes into FOLDER and removes them at the end. The ways of reading them take
turns, each on files that were dropped from the page cache: reading alone, one file after the other
and several at a time; the audit's own hashing (sha256 and md5 in one read, several at a time); the
same by hashlib on one core; and `sha256sum`. Prints the median of each way over the turns, and the
CPU seconds that it took: on a busy machine the wall clock says more about the neighbours.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scaletrace.lineage.hashing import hashes_of

BLOCK = 1 << 20


def read_through(path: Path) -> None:
    buffer = bytearray(BLOCK)
    with path.open("rb", buffering=0) as stream:
        while stream.readinto(buffer):
            pass


def read_alone(paths: list[Path]) -> None:
    for path in paths:
        read_through(path)


def read_together(paths: list[Path]) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(read_through, paths))


def audit(paths: list[Path]) -> None:
    found = hashes_of({str(path): path.stat().st_size for path in paths})
    assert all(isinstance(hashes, dict) for hashes in found.values())


def one_core(paths: list[Path]) -> None:
    for path in paths:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                sha256.update(block)
                md5.update(block)


def sha256sum(paths: list[Path]) -> None:
    subprocess.run(["sha256sum", *map(str, paths)], check=True, stdout=subprocess.DEVNULL)


WAYS: dict[str, Callable[[list[Path]], None]] = {
    "read, one file after the other": read_alone,
    "read, several at a time": read_together,
    "audit: sha256 and md5, several at a time": audit,
    "hashlib: sha256 and md5, one core": one_core,
    "sha256sum: sha256 alone, one core": sha256sum,
}


def written(folder: Path, count: int, size: int) -> list[Path]:
    """Write files of random bytes, each of `size` bytes, through to the disk."""
    paths = [folder / f"{number}.bin" for number in range(count)]
    for path in paths:
        with path.open("wb") as stream:
            for _ in range(size // BLOCK):
                stream.write(os.urandom(BLOCK))
            stream.flush()
            os.fsync(stream.fileno())
    return paths


def forget(paths: list[Path]) -> None:
    """Drop files from the page cache, so that the next reading comes from the disk."""
    for path in paths:
        with path.open("rb") as stream:
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    size = int(arguments.gigabytes * 1e9 / arguments.files) // BLOCK * BLOCK
    if shutil.disk_usage(arguments.folder).free < 1.1 * size * arguments.files:
        parser.error(f"{arguments.folder}: too little space for {arguments.gigabytes} GB")
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        paths = written(Path(folder), arguments.files, size)
        for _ in range(arguments.turns):
            for name, way in WAYS.items():
                forget(paths)
                clock, cpu = time.perf_counter(), sum(os.times()[:4])
                way(paths)
                took[name].append((time.perf_counter() - clock, sum(os.times()[:4]) - cpu))
    total = size * arguments.files / 1e6
    report = {
        name: {
            "mb_per_s": total / statistics.median(wall for wall, _ in times),
            "mb_per_cpu_s": total / statistics.median(cpu for _, cpu in times),
        }
        for name, times in took.items()
    }
    if arguments.json:
        print(json.dumps({"megabytes": total, "cores": os.cpu_count(), "ways": report}, indent=2))
        return
    print(f"{total / 1e3:.1f} GB in {arguments.files} files, {os.cpu_count()} cores")
    for name, rates in report.items():
        print(f"{rates['mb_per_s']:7.0f} MB/s {rates['mb_per_cpu_s']:7.0f} MB per CPU s  {name}")


if __name__ == "__main__":
    main()
