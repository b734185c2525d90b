"""What strangers' clones and exports try, and what becomes of it.

    python -m benchmarks.hostile [--seconds 60]

Each case is planted in a clone of a recorded tiny study and met by one command. The command must
end in time, with 0, 1 or 2 and no traceback, and leave everything outside the clone as it was;
`audit` and `trace` leave the clone itself as it was, too. Prints a line a case and the counts.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.forger import edit_record, edit_root

from scaletrace.formats import files
from scaletrace.study.rules import LARGE

ROOT = Path(__file__).parents[1]
CONFIG, FIGURE = "config/tiny.yaml", "results/tiny/figures/loss_vs_params"
RECORD = "provenance/jobs/tiny/anneal/run=d8-l1-s0-32k.json"
PIPELINE, LOCK = "provenance/dvc/tiny/dvc.yaml", "provenance/dvc/tiny/dvc.lock"
HERE = socket.gethostname()
SECRET = "nobody's business\n"
# Folders and files that a clone may bring as links, and the file beside them that is private.
LINKED = (
    *("results", "results/tiny", "results/tiny/figures", "results/tiny/observations.csv"),
    *("provenance", "provenance/jobs/tiny", "provenance/roots/tiny.json", "provenance/dvc/tiny"),
    *("work", "work/tiny", ".snakemake", ".snakemake/metadata", "rules", "rules/zz.smk"),
    *("config", CONFIG, "Snakefile", ".dvc/tmp", ".dvc/cache"),
)
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
BOMB = f"a0: &a0 [{', '.join('123456789')}]\n{BOMB}"
DEEP = "a: " + "[" * 20_000 + "]" * 20_000
LONG = "a: " + ":".join(["59"] * 200_000)


@dataclasses.dataclass(frozen=True)
class Case:
    """Something hostile: how it is planted in the working folder, and a command that meets it.

    `outside` is the folder beside the clone that nobody may write to or pack.
    """

    name: str
    plant: Callable[[Path], None]
    command: tuple[str, ...]
    code: int


def _link(place: str) -> Callable[[Path], None]:
    def plant(outside: Path) -> None:
        path = Path(place)
        target = outside / ("private" if path.suffix or place == "Snakefile" else "folder")
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        _git("add", "--force", place)

    return plant


def _text(place: str, text: str) -> Callable[[Path], None]:
    return lambda outside: _write(place, text)


def _write(place: str, text: str) -> None:
    Path(place).unlink(missing_ok=True)
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_text(text, encoding="utf-8")


def _corpus(paths: str) -> Callable[[Path], None]:
    def plant(outside: Path) -> None:
        text = Path(CONFIG).read_text(encoding="utf-8")
        begin = text.index("corpus:")
        end = text.index("\nvocabulary:")
        corpus = f"corpus: {{source: files, paths: [{paths}], valid: 0.1, test: 0.1}}"
        _write(CONFIG, text[:begin] + corpus + text[end:])
        loops = Path("loops")
        loops.mkdir(exist_ok=True)
        for name in "ab":
            (loops / name).unlink(missing_ok=True)
            (loops / name).symlink_to(".")

    return plant


def _record(change: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change a record, its id, its seal and the root that names it: all that a forger can."""

    def plant(outside: Path) -> None:
        edit_record(Path(RECORD), change)
        id_now = json.loads(Path(RECORD).read_text(encoding="utf-8"))["id"]
        entry = {"id": id_now, "sha256": files.hashes(Path(RECORD))["sha256"]}
        edit_root("tiny", lambda held: held["records"].update({RECORD: entry}))

    return plant


def _read_too(path: str, size: int) -> Callable[[Path], None]:
    entry = {"name": "files", "path": path, "sha256": "0" * 64, "md5": "0" * 32, "size": size}
    return _record(lambda r: r["identity"]["inputs"].append({**entry, "record": None}))


def _told(**circumstances: object) -> Callable[[Path], None]:
    return _record(lambda r: r["circumstances"].update(circumstances))


def _untold(*names: str) -> Callable[[Path], None]:
    def change(record: dict) -> None:
        for name in names:
            section, _, key = name.rpartition(".")
            said = record["circumstances"]
            (said[section] if section else said).pop(key, None)
            for attempt in said.get("attempts", []):
                attempt.pop(key, None)

    return _record(change)


def _code(text: str) -> Callable[[Path], None]:
    """A module, in a commit that a record names, that no parser gets through."""

    def plant(outside: Path) -> None:
        _write("src/scaletrace/added.py", text)
        _git("add", "src/scaletrace/added.py")
        _git("-c", "user.name=N", "-c", "user.email=n@example.org", "commit", "-qm", "added")
        asked = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

        def change(record: dict) -> None:
            record["identity"]["code"]["modules"]["scaletrace.added"] = "0" * 64
            record["circumstances"]["git"] = {"commit": commit, "changed": []}

        _record(change)(outside)

    return plant


def _note(folder: Any = "work/tiny/x", **said: Any) -> Callable[[Path], None]:
    """The note of a job that looks begun, and its lease and attempts, with something else in it."""

    def plant(outside: Path) -> None:
        Path(RECORD).unlink()
        process = {"host": "h", "pid": 1, "started": 1.0, "start": 1.0, "slurm_job": None} | said
        note = {**process, "folder": folder.replace("OUTSIDE", str(outside / "folder"))}
        place = Path("work/tiny/underway/anneal", Path(RECORD).name)
        _write(str(place), json.dumps(note))
        for where in ("work/tiny/x", str(outside / "folder")):
            _write(f"{where}/lease.json", json.dumps(process))
            _write(f"{where}/attempts.json", json.dumps([process, 5] if said else [process]))

    return plant


def _pipe(place: str) -> Callable[[Path], None]:
    def plant(outside: Path) -> None:
        Path(place).unlink(missing_ok=True)
        os.mkfifo(place)

    return plant


def _huge(place: str) -> Callable[[Path], None]:
    return lambda outside: os.truncate(place, 1 << 43)


def _root_names(path: str) -> Callable[[Path], None]:
    def plant(outside: Path) -> None:
        _write(".dvc/config.local", SECRET)
        edit_root("tiny", lambda held: held["study_file"].update(path=path))

    return plant


def _gone(place: str) -> Callable[[Path], None]:
    return lambda outside: Path(place).unlink()


def _configured(*lines: str, file: str = ".dvc/config") -> Callable[[Path], None]:
    def plant(outside: Path) -> None:
        text = "\n".join(lines).replace("OUTSIDE", str(outside / "folder"))
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")
        _git("add", "--force", file)

    return plant


def _crafted(member: str) -> Callable[[Path], None]:
    """An export that puts a file of its own choice into a folder that the clone linked."""

    def plant(outside: Path) -> None:
        _link("results/tiny/figures")(outside)
        # The second name is one that the export has already, which is the attack.
        with warnings.catch_warnings(), zipfile.ZipFile("../export.zip", "a") as export:
            warnings.simplefilter("ignore")
            export.writestr(member, "ssh-ed25519 AAAA stranger\n")

    return plant


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


AUDIT, TRACE = ("audit", "--study", "tiny", "--no-checkpoints"), ("trace", f"{FIGURE}.svg")
EXPORT = ("export", "--study", "tiny", "--out", "../made.zip")
RESTORE = ("restore", "--study", "tiny", "--from", "../export.zip", "--no-checkpoints")
PULL, CHECK = ("restore", "--study", "tiny"), ("record", "--check", "--study", "tiny")
COST, STATUS, PLAN = (("cost", "--study", "tiny"), ("status", "--study", "tiny"), ("plan", CONFIG))
READERS = (AUDIT, RESTORE, CHECK, STATUS, PLAN, ("check", CONFIG))
CASES = [
    *(Case(f"link {p}", _link(p), c, 2) for p in LINKED
      for c in (RESTORE, EXPORT, AUDIT, TRACE, STATUS)),
    *(Case("export into a linked folder", _crafted(f"results/tiny/figures/{n}"), RESTORE, 2)
      for n in ("authorized_keys", "residuals.csv")),
    *(Case(f"{kind} study file", _text(CONFIG, text), c, 1 if c == AUDIT else 2)
      for kind, text in (("swelling", BOMB), ("deep", DEEP), ("endless number in the", LONG))
      for c in READERS),
    *(Case(f"{kind} {p}", _text(p, t), c, 1 if c == AUDIT else 2)
      for p in (PIPELINE, LOCK) for kind, t in (("swelling", BOMB), ("deep", DEEP))
      for c in (AUDIT, RESTORE if p == LOCK else AUDIT)),
    *(Case(f"slow {kind}", _text(f"{FIGURE}.{kind}", t * (3_000_000 // len(t))),
           ("trace", f"{FIGURE}.{kind}"), 2)
      for kind, t in (("svg", "<dc:description>"), ("pdf", "/Keywords("), ("pdf", "/Keywords (\\"),
                      ("csv", '"'), ("png", "\x89PNG"))),
    *(Case(f"text from {p}", _corpus(p), c, 1 if c == AUDIT else 2)
      for p in ("/dev/zero", "/proc/self/mem", "/proc/kcore", "'/proc/**'", "'/dev/*'",
                "'loops/**/x'", "'/**/**/**/x'") for c in (AUDIT, ("check", CONFIG))),
    *(Case(f"record that read {p}", _read_too(p, s), c, 1)
      for p, s in (("/dev/zero", 1), ("/proc/kcore", 1 << 47), ("/proc/kmsg", 0), ("/etc/fstab", 9))
      for c in (AUDIT, RESTORE)),
    *(Case(f"record without {' and '.join(n)}", _untold(*n), c, code)
      for n, code in ((("measured.seconds",), 0), (("slurm_job",), 0))
      for c in (COST, STATUS, PLAN, TRACE)),
    *(Case("record without seconds", _untold("seconds"), c, code)
      for c, code in ((COST, 2), (STATUS, 0), (PLAN, 0), (AUDIT, 1), (RESTORE, 1))),
    *(Case(f"record with {t}", _told(**t), c, code)
      for t in ({"attempts": [1]}, {"measured": [1]}, {"seconds": "long"}, {"start": []},
                {"matrix": {"flops_per_s": "many"}}, {"slurm_job": 7})
      for c, code in ((COST, 2), (STATUS, 0), (PLAN, 0), (AUDIT, 1), (RESTORE, 1), (TRACE, 0))),
    *(Case(f"a module of {len(t)} letters like {t[:3]}", _code(t), AUDIT, 1)
      for t in ("-" * 1_000_000 + "1", "a" + ".a" * 1_000_000, "#" * 100_000_000)),
    *(Case(f"note with {t}", _note(**t), STATUS, 1)
      for t in ({"pid": "1"}, {"pid": -1}, {"host": 1}, {"started": "x"}, {"start": []},
                {"slurm_job": 7}, {"problem": {}}, {"host": HERE, "pid": 1 << 60})),
    Case("note that leads elsewhere", _note("OUTSIDE"), STATUS, 1),
    Case("note that leads up", _note("work/tiny/../../../outside/folder"), STATUS, 1),
    *(Case(f"deep {n}", _text(f"work/tiny/{n}", "[" * 100_000), STATUS, 0)
      for n in ("underway/anneal/run=d8-l1-s0-32k.json", "x/lease.json")),
    *(Case(f"pipe for {p}", _pipe(p), c, code)
      for p in (f"{FIGURE}.csv", "results/tiny/observations.csv", RECORD)
      for c, code in ((AUDIT, 1), (EXPORT, 2))),
    *(Case(f"8 TB for {p}", _huge(p), c, code)
      for p in ("results/tiny/observations.csv", RECORD, f"{FIGURE}.svg")
      for c, code in ((AUDIT, 1), (EXPORT, 2), (CHECK, 2 if p == RECORD else 1))),
    *(Case("no study file", _gone(CONFIG), c, 1 if c == AUDIT else 2)
      for c in (RESTORE, AUDIT, PULL, EXPORT)),
    Case("root that names a private file", _root_names(".dvc/config.local"), EXPORT, 2),
    *(Case(f"cache by {line.split()[0]} {line.split()[2][:8]}",
           _configured("[cache]", f"    {line}", "['remote \"evil\"']", "    url = OUTSIDE"),
           PULL, 2)
      for line in ("local = evil", "dir = file://OUTSIDE", "dir = remote://evil/c")),
    *(Case(f"{t[:20]} in the study file", _text(CONFIG, f"study: tiny\nx: {t}\n"),
           ("check", CONFIG), 2)
      for t in ("!!int ''", "!!timestamp x", "!!bool x", "!!float '59:59'", "1" * 5000)),
    *(Case("a number of 401 digits in a record", _told(seconds=10**400), c, k)
      for c, k in ((COST, 2), (STATUS, 0), (AUDIT, 1), (RESTORE, 1), (TRACE, 0))),
    Case("short rows under a long line",
         _text(f"{FIGURE}.csv", ",".join(map(str, range(5000))) + "\n" + "a\n" * 100_000),
         ("trace", f"{FIGURE}.csv"), 2),
    Case("endless keywords", _text(f"{FIGURE}.pdf", "/Keywords (" + "a" * 60_000_000 + ")"),
         ("trace", f"{FIGURE}.pdf"), 2),
    Case("a letter with many digits",
         _text(f"{FIGURE}.svg", f"<dc:description>&#{'9' * 5000};</dc:description>"), TRACE, 2),
    Case("cache elsewhere", _configured("[cache]", "    dir = OUTSIDE"), PULL, 2),
    Case("cache above", _configured("[cache]", "    dir = ../../outside/folder"), PULL, 2),
    Case("state elsewhere", _configured("[core]", "    site_cache_dir = OUTSIDE"), PULL, 2),
    Case("cache by a brought local file",
         _configured("[cache]", "    dir = OUTSIDE", file=".dvc/config.local"), PULL, 2),
]  # fmt: skip


def snapshot(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: links by their targets, files by their hashes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"  # noqa: PTH115
        elif path.is_file():
            huge = path.stat().st_size > 1 << 42
            found[name] = "huge" if huge else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def prepare(recorded: Path, beside: Path) -> Path:
    """Make a clone of a recorded one, with its results, an export, and something private beside."""
    clone = beside / "clone"
    shutil.copytree(recorded, clone, symlinks=True)
    (beside / "outside/folder").mkdir(parents=True)
    (beside / "outside/folder/own.txt").write_text(SECRET, encoding="utf-8")
    (beside / "outside/private").write_text(SECRET, encoding="utf-8")
    return clone


def problems(case: Case, beside: Path, seconds: float) -> list[str]:
    """Plant a case, run its command in the clone, and return what went wrong."""
    clone, outside = beside / "clone", beside / "outside"
    here = Path.cwd()
    os.chdir(clone)
    try:
        case.plant(outside)
    finally:
        os.chdir(here)
    before, mine = snapshot(outside), snapshot(clone)
    command = [sys.executable, "-P", "-m", "scaletrace.cli", *case.command]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return [f"did not end in {seconds:.0f} s"]
    wrong = []
    if done.returncode != case.code:
        wrong.append(f"ended with {done.returncode}, not {case.code}: {done.stderr[-300:]}")
    if "Traceback" in done.stdout + done.stderr:
        wrong.append(f"traceback: {done.stderr[-300:]}")
    if done.returncode == 2 and not 0 < done.stderr.count("\n") < 20:
        wrong.append("no sentence")
    if snapshot(outside) != before:
        wrong.append("wrote outside the clone")
    if case.command[0] in {"audit", "trace"} and snapshot(clone) != mine:
        wrong.append("wrote into the clone")
    if (beside / "made.zip").exists():
        with zipfile.ZipFile(beside / "made.zip") as made:
            if any(SECRET.encode() in made.read(name) for name in made.namelist()):
                wrong.append("packed a private file")
    return wrong


def main() -> int:
    """Run every case; 1 if one gets through."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="that a command may take")
    parser.add_argument("--only", default="", help="cases whose line has these words")
    arguments = parser.parse_args()
    chosen = [c for c in CASES if arguments.only in f"{c.name}: {' '.join(c.command)}"]
    return int(bool(met(chosen, arguments.seconds)))


def met(chosen: list[Case], seconds: float = 60.0) -> int:
    """Plant cases and run their commands, print each and the counts; return how many got through.

    seconds: that a command may take.
    """
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        recorded = build(Path(scratch))
        for number, case in enumerate(chosen):
            beside = Path(scratch, str(number))
            beside.mkdir()
            prepare(recorded, beside)
            shutil.copyfile(Path(scratch, "export.zip"), beside / "export.zip")
            began = time.perf_counter()
            wrong = problems(case, beside, seconds)
            failed += bool(wrong)
            said = "; ".join(wrong) or "ok"
            took = time.perf_counter() - began
            print(f"{took:5.1f} s  {case.name}: {case.command[0]}: {said}", flush=True)
            shutil.rmtree(beside)
    names = len({case.name for case in chosen})
    print(f"{names} hostile inputs, {len(chosen)} commands that meet them, {failed} got through")
    return failed


def build(scratch: Path, light: bool = True) -> Path:
    """Run and record the tiny study in a clone; where it is to be light, see `lighten`."""
    clone = scratch / "recorded"
    words = ("git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone))
    subprocess.run(words, check=True)
    example = ("results/example", "provenance/jobs/example", "provenance/dvc/example")
    subprocess.run(["git", "rm", "-rq", *example], cwd=clone, check=True)
    environment = os.environ | {"PYTHONPATH": str(clone / "src")}
    for words in (
        ("snakemake", "--quiet", "--cores", "2", "--configfile", CONFIG),
        ("scaletrace.cli", "record", "--study", "tiny"),
    ):
        command = [sys.executable, "-m", *words]
        subprocess.run(command, cwd=clone, env=environment, check=True, capture_output=True)
    if light:
        lighten(clone, scratch / "export.zip")
    return clone


def lighten(clone: Path, export: Path) -> None:
    """Export the study of a clone, and drop what no case needs and every case would copy."""
    words = ("export", "--study", "tiny", "--out", str(export))
    command = [sys.executable, "-m", "scaletrace.cli", *words]
    subprocess.run(command, cwd=clone, check=True, capture_output=True)
    shutil.rmtree(clone / ".dvc/cache")
    for path in (clone / "results/tiny").rglob("*"):
        if path.suffix in LARGE:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
