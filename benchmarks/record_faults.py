"""Kill `scaletrace record` at random moments and between its renames, and let its disk run full.

    python -m benchmarks.record_faults [--kills 30] [--fillings 30]

A recorded study, beside a second one, has a new title and is recorded again. Whatever happens
meanwhile, what DVC, git and provenance/ hold is as before or as after, the second study's is never
touched, and recording once more ends as if nothing had happened. Needs root for the small disk.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import synthetic_study

ROOT = Path(__file__).parents[1]
STUDY, BESIDE = "synthetic", "beside"
TITLED = "\nfigures: {residuals: {title: Rest}}\n"
MB = 1 << 20
# From one filling of a disk to the next: a page (bytes).
STEP = 4096
# Kills its own process in place of the nth time that a file of the repository's is replaced.
KILLED = """
import os, signal, sys
left, replace = int(sys.argv.pop(1)), os.replace
def counting(source, target, **options):
    global left
    if os.path.abspath(target).startswith((os.path.abspath("provenance"), os.path.abspath("dvc."))):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target, **options)
os.replace = counting
from scaletrace.cli import main
sys.exit(main())
"""


def build(clone: Path) -> None:
    """Make a clone with two recorded studies, one of which has got a new title since."""
    words = ("git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone))
    subprocess.run(words, check=True)
    with contextlib.chdir(clone):
        example = ("results/example", "provenance/jobs/example")
        subprocess.run(["git", "rm", "-rq", *example], check=True)
        synthetic_study.write_config(2, 2)
        text = synthetic_study.CONFIG.read_text(encoding="utf-8")
        beside = Path(f"config/{BESIDE}.yaml")
        beside.write_text(text.replace(STUDY, BESIDE), encoding="utf-8")
        synthetic_study.write_results()
        synthetic_study.write_results(beside, BESIDE)
        for study in (STUDY, BESIDE):
            command = [sys.executable, "-m", "scaletrace.cli", "record", "--study", study]
            subprocess.run(command, check=True, capture_output=True)
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", *identity, "commit", "-qm", "recorded"], check=True)
        synthetic_study.CONFIG.write_text(text + TITLED, encoding="utf-8")
        synthetic_study.write_results()


def state(clone: Path) -> dict[str, bytes]:
    """Return what a record changes: DVC's files, the root, metrics, and git's index."""
    places = ("provenance/dvc", "provenance/roots", "provenance/metrics")
    files = [clone / "dvc.yaml", *(p for place in places for p in (clone / place).rglob("*"))]
    held = {str(p.relative_to(clone)): p.read_bytes() for p in files if p.is_file()}
    listed = ["git", "ls-files", "--stage"]
    index = subprocess.run(listed, cwd=clone, check=True, capture_output=True).stdout
    return {**held, "git's index": index}


def begin(clone: Path, killed_at: int | None = None) -> "subprocess.Popen[str]":
    """Begin to record, in a process group of its own; killed at a replacement, if one is given."""
    code = ["-m", "scaletrace.cli"] if killed_at is None else ["-c", KILLED, str(killed_at)]
    return subprocess.Popen(
        [sys.executable, *code, "record", "--study", STUDY],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def record(clone: Path) -> tuple[int, str]:
    """Record; return the exit code and what was said."""
    process = begin(clone)
    said, wrong = process.communicate()
    return process.returncode, said + wrong


def problems(clone: Path, before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """Look at a clone whose record was disturbed, record once more, and say what is wrong."""
    wrong = []
    # Drafts that lie there are nobody's, and swept by the next record.
    known = before.keys() | after.keys()
    found = {name: content for name, content in state(clone).items() if name in known}
    # What git was not told yet can be added by hand: the files are as after.
    unadded = {**after, "git's index": before["git's index"]}
    if found not in (before, after, unadded):
        wrong.append("neither as before nor as after")
    # A git that was killed with its parent leaves its lock, and says that a person removes it.
    (clone / ".git/index.lock").unlink(missing_ok=True)
    code, said = record(clone)
    if code:
        wrong.append(f"recording again ended with {code}: {said[-300:]}")
    if state(clone) != after:
        wrong.append("recording again did not end as if nothing had happened")
    return wrong


def killed(prepared: Path, clone: Path, seconds: float) -> None:
    """Kill a record, and what it started, after so many seconds."""
    shutil.copytree(prepared, clone, symlinks=True)
    process = begin(clone)
    time.sleep(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def killed_at(prepared: Path, clone: Path, replacement: int) -> bool:
    """Kill a record in place of its nth replacement; return whether it had so many."""
    shutil.copytree(prepared, clone, symlinks=True)
    process = begin(clone, replacement)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@contextlib.contextmanager
def disk(prepared: Path, folder: Path) -> Iterator[Path]:
    """Yield a copy of a clone on a small disk of its own.

    Raises:
        PermissionError: only root can mount one.
    """
    folder.mkdir()
    size = sum(p.lstat().st_size + 4096 for p in prepared.rglob("*")) + 16 * MB
    words = ("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if os.getuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        raise PermissionError("a small disk needs root and the right to mount")
    try:
        yield Path(shutil.copytree(prepared, folder / "clone", symlinks=True))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def filled(clone: Path, free: int) -> Path:
    """Fill a clone's disk but for some bytes; return the file that does so."""
    filling = clone.parent / "filling"
    with filling.open("wb") as stream:
        left = shutil.disk_usage(clone).free - free
        while left > 0:
            left -= stream.write(bytes(min(left, MB)))
    return filling


def full_disk(clone: Path, free: int, before: dict[str, bytes]) -> list[str]:
    """Record with so many bytes free; return what is wrong, or nothing where it succeeds."""
    filling = filled(clone, free)
    code, said = record(clone)
    found = state(clone)
    filling.unlink()
    if code == 0:
        return []
    wrong = [] if found == before else ["a full disk: not as before"]
    if code != 2 or "Traceback" in said or not said.startswith("scaletrace record: "):
        wrong.append(f"a full disk: ended with {code}: {said[-500:]}")
    return wrong


def main() -> int:
    """Disturb many records; 1 if one of them loses something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--fillings", type=int, default=30)
    arguments = parser.parse_args()
    chance, lost = random.Random(0), []
    with tempfile.TemporaryDirectory() as scratch:
        prepared, clone = Path(scratch, "prepared"), Path(scratch, "clone")
        build(prepared)
        before = state(prepared)
        shutil.copytree(prepared, clone, symlinks=True)
        began = time.perf_counter()
        code, said = record(clone)
        took, after = time.perf_counter() - began, state(clone)
        assert code == 0, said
        assert after != before
        for number in range(arguments.kills):
            shutil.rmtree(clone)
            moment = chance.uniform(0, 1.1 * took)
            killed(prepared, clone, moment)
            changed = state(clone) != before
            wrong = problems(clone, before, after)
            lost += wrong
            when = f"killed after {moment:5.2f} s, {'some' if changed else 'nothing'} changed"
            print(f"{number + 1:3} {when}: {'; '.join(wrong) or 'ok'}", flush=True)
        replacements = 0
        while True:
            shutil.rmtree(clone)
            if not killed_at(prepared, clone, replacements + 1):
                break
            replacements += 1
            code, said = record(clone)
            wrong = [] if code == 0 and state(clone) == after else [f"not mended: {said[-200:]}"]
            lost += wrong
            print(f"killed at replacement {replacements}: {'; '.join(wrong) or 'ok'}", flush=True)
        full = 0
        if arguments.fillings:
            with disk(prepared, Path(scratch, "disk")) as small:
                for number in range(arguments.fillings):
                    free = number * STEP
                    wrong = full_disk(small, free, before)
                    full += state(small) == before
                    lost += wrong
                    print(f"{free / 1024:6.0f} KiB free: {'; '.join(wrong) or 'ok'}", flush=True)
                    if state(small) != before:
                        break
                code, said = record(small)
                if code or state(small) != after:
                    lost.append(f"with room again: {said[-200:]}")
    print(
        f"{arguments.kills} random kills, {replacements} between replacements, {full} full disks: "
        f"{len(lost)} lost something"
    )
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
