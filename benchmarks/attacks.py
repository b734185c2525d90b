"""What forgers and hostile clones try, what notices it, and whether the documents say so.

    python -m benchmarks.attacks [--only WORDS] [--no-hostile]

Each forgery is done in a clone of its own, and met there by the command line: `scaletrace audit`,
and where an audit is documented not to notice, the command that does. Prints a line for each and
the counts; then those of the hostile inputs (`benchmarks.hostile`). Ends with 1 where something is
noticed otherwise than documented.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks import forger, hostile
from benchmarks.forgeries import FORGERIES, SPRUNG, TINY, Forgery

ROOT = Path(__file__).parents[1]
UNSEEN = "pictures are not drawn again here"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Who noticed a forgery, in words; what was documented, if that differs; seconds it took."""

    by: str
    wrong: str
    seconds: float


def outcome(forgery: Forgery, recorded: Path, clone: Path) -> Outcome:
    """Forge in a clone of a repository with the recorded study, and see who notices.

    A study with checkpoints, which git does not hold, is copied with all that lies there.
    """
    began = time.perf_counter()
    if forgery.study == TINY:
        shutil.copytree(recorded, clone, symlinks=True)
    else:
        forger.git("clone", "--quiet", "--shared", str(recorded), str(clone))
    here = Path.cwd()
    os.chdir(clone)
    try:
        forgery.forge()
        by, wrong = _noticed(forgery)
        if Path(SPRUNG).exists():
            wrong = "that nothing of the clone is executed"
    finally:
        os.chdir(here)
    return Outcome(by, wrong, time.perf_counter() - began)


def _noticed(forgery: Forgery) -> tuple[str, str]:
    """Return who noticed what, and what was documented where that is something else."""
    words = ("audit", "--study", forgery.study, "--json", *forgery.arguments)
    # Nothing is made again where what is documented is found without.
    code, lines, notes = _told(*words, "--hashes-only")
    if forgery.noted == "" and not any(forgery.caught_by in line for line in lines):
        code, lines, notes = _told(*words)
    if code == 0:
        lines = []
    matching = [line for line in lines if forgery.caught_by in line]
    if lines:
        expected = forgery.caught_by or "that an audit finds nothing"
        sound = bool(forgery.caught_by and matching)
        return f"audit: {(matching or lines)[0][:160]}", "" if sound else expected
    if forgery.caught_by:
        elsewhere = forgery.pictures and any(UNSEEN in note for note in notes)
        return (f"nothing, since {UNSEEN}", "") if elsewhere else ("nothing", forgery.caught_by)
    if forgery.noted:
        told = next((note for note in notes if forgery.noted in note), None)
        return (f"note: {told[:160]}", "") if told else ("nothing", f"the note {forgery.noted}")
    if not forgery.shown_by:
        return "nothing", ""
    command = f"scaletrace {' '.join(forgery.shown_by)}"
    return (command, "") if _run(*forgery.shown_by).returncode == 1 else ("nothing", command)


def _told(*words: str) -> tuple[int, list[str], list[str]]:
    """Return the exit code of an audit, what it finds or does not verify, and its notes."""
    done = _run(*words)
    if done.returncode == 2:
        return 2, done.stderr.splitlines(), []
    report = json.loads(done.stdout)
    found = [f"{finding['file']}: {finding['field']}" for finding in report["findings"]]
    unverified = [f"not verified: {what}" for what in report["unverified"]]
    return done.returncode, found + unverified, report["notes"]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "scaletrace.cli", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if "Traceback" in done.stderr:
        raise AssertionError(f"{words}: {done.stderr[-500:]}")
    return done


def main() -> int:
    """Forge, audit, count; 1 if something is noticed otherwise than documented."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="forgeries whose names have these words")
    parser.add_argument("--no-hostile", action="store_true", help="forgeries alone")
    arguments = parser.parse_args()
    chosen = [forgery for forgery in FORGERIES if arguments.only in forgery.name]
    failed = _forgeries(chosen)
    return int(bool(failed + (0 if arguments.no_hostile else hostile.met(hostile.CASES))))


def _forgeries(chosen: list[Forgery]) -> int:
    """Do forgeries, two at a time; print who notices and the counts; return how many differ."""
    began, counts = time.perf_counter(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2) as pool:
        scratch = Path(folder)
        tiny = any(forgery.study == TINY for forgery in chosen)
        recorded = {TINY: hostile.build(scratch, light=False)} if tiny else {}
        places = [scratch / str(number) for number in range(len(chosen))]
        for place in places:
            place.mkdir()
        asked = [
            (forgery.name, recorded.get(forgery.study, ROOT), place / "clone")
            for forgery, place in zip(chosen, places, strict=True)
        ]
        for forgery, one in zip(chosen, pool.map(_named, asked), strict=True):
            kind = "harmless" if forgery.harmless else one.by.partition(" ")[0]
            counts.update([kind, "not as documented"] if one.wrong else [kind])
            said = f"{one.by}; NOT AS {one.wrong}" if one.wrong else one.by
            print(f"{one.seconds:5.1f} s  {forgery.name}: {said}", flush=True)
    told = {
        "audit:": "noticed by an audit",
        "note:": "told of in its notes",
        "scaletrace": "noticed by another command",
        "nothing": "noticed by nothing",
        "harmless": "harmless",
        "not as documented": "not as documented",
    }
    said = ", ".join(f"{counts[kind]} {words}" for kind, words in told.items())
    print(f"{len(chosen)} forgeries: {said}; {time.perf_counter() - began:.0f} s")
    return counts["not as documented"]


def _named(asked: tuple[str, Path, Path]) -> Outcome:
    name, recorded, clone = asked
    try:
        return outcome(next(f for f in FORGERIES if f.name == name), recorded, clone)
    finally:
        shutil.rmtree(clone, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
