"""A recorded job computed once more from its recorded inputs, in a folder of its own.

What trains or measures runs in a process of its own too, as jobs do, so that what a training sets
for its whole process changes no bit of what follows: `python -m scaletrace.lineage.repeat` is told
what to run as JSON on standard input, and says on standard output why it could not.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace import contract, python_command
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import Record, RecordedFile, inside
from scaletrace.jobs import job_note
from scaletrace.jobs.command import ENVIRONMENT
from scaletrace.study.rules import LARGE, RULES

# How the process ends that was refused its inputs or settings, and that could not use them.
REFUSED, UNUSABLE = 2, 3


def verified(path: Path, recorded: RecordedFile) -> Path:
    """Return a file of a record, whose content is the recorded one.

    Raises:
        BadInput: it is missing or another; `path` is the record's.
    """
    file = Path(recorded.path)
    if not file.is_file():
        again = ""
        if recorded.path.endswith(LARGE):
            again = f"; snakemake {file} --configfile FILE makes what the study does not keep"
        raise BadInput(
            f"{file}: missing, and the job of {path} needs it: run `scaletrace restore`{again}"
        )
    if (size := file.stat().st_size) != recorded.size:
        raise BadInput(f"{file}: {size} bytes, the record {path} has {recorded.size}")
    if (sha256 := files.hashes(file)["sha256"]) != recorded.sha256:
        raise BadInput(f"{file}: sha256: found {sha256}, the record {path} has {recorded.sha256}")
    return file


@contextlib.contextmanager
def repeated(path: Path, record: Record) -> Iterator[dict[str, Path]]:
    """Run a job as its record says; yield its outputs by name, which are gone afterwards.

    Args and errors as `repeat`.
    """
    with tempfile.TemporaryDirectory(prefix="scaletrace-") as folder:
        yield repeat(path, record, Path(folder))


def repeat(path: Path, record: Record, scratch: Path) -> dict[str, Path]:
    """Run a job as its record says, and return its outputs by name.

    Inputs that were made in the scratch folder before are taken from there, the others are the
    recorded ones.

    Args:
        path: of the record, for messages.
        record: what to repeat.
        scratch: a folder in which outputs and inputs have the names that they have in the
            repository; absolute.

    Raises:
        BadInput: an input is not here, or the stage cannot be run with the recorded settings.
    """
    identity = record.identity
    inputs: dict[str, list[str]] = {}
    for file in identity.inputs:
        inputs.setdefault(file.name, []).append(file.path)
    made = {output.name: scratch / output.path for output in identity.outputs}
    try:
        for file in identity.inputs:
            _put_in_place(path, file, scratch)
        for output in made.values():
            output.parent.mkdir(parents=True, exist_ok=True)
            # Never through a link to what is recorded, whatever the records claim to write.
            output.unlink(missing_ok=True)
    except OSError as problem:
        raise BadInput(f"{path}: inputs and outputs: {problem}") from None
    # Raw text may lie beside the repository, and is then found from there alone.
    named_alike = all(inside(file.path) for file in identity.inputs)
    with tempfile.TemporaryDirectory(prefix="state-", dir=scratch) as state:
        told = {
            "stage": identity.rule,
            "inputs": inputs,
            "outputs": {name: str(output) for name, output in made.items()},
            "settings": identity.settings,
            "work": str(Path(state) / "work"),
        }
        # Analysis sets nothing for its whole process, and takes less time than to start one.
        run = _run if RULES[identity.rule].kind == "analysis" else _run_apart
        with contextlib.chdir(scratch if named_alike else Path.cwd()):
            code, said = run(told)
    if code == REFUSED:
        raise BadInput(said)
    if code < 0:
        raise BadInput(f"{path}: ended by signal {-code}; is there memory enough?")
    if code:
        raise BadInput(f"{path}: settings: cannot be run ({said[:200]})")
    return made


def _put_in_place(path: Path, file: RecordedFile, scratch: Path) -> None:
    """Let an input have its name in the scratch folder, if it was not made there."""
    here = scratch / file.path
    if inside(file.path) and here.is_file() and not here.is_symlink():
        return
    source = verified(path, file).resolve()
    if inside(file.path) and not here.is_symlink():
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(source)


def _run_apart(told: dict[str, Any]) -> tuple[int, str]:
    """Run a stage in a process of its own; return how it ended, and what it said then."""
    done = subprocess.run(
        python_command.words("scaletrace.lineage.repeat"),
        env=os.environ | ENVIRONMENT,
        input=json.dumps(told),
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    return done.returncode, done.stdout.strip()


def _run(told: dict[str, Any]) -> tuple[int, str]:
    """Run a stage, its progress going to stderr; return how it ended, and why if not well."""
    outputs = {name: Path(path) for name, path in told["outputs"].items()}
    inputs = {name: [Path(path) for path in paths] for name, paths in told["inputs"].items()}
    stage = contract.stage(told["stage"])
    try:
        with contextlib.redirect_stdout(sys.stderr):
            contract.run(stage, inputs, outputs, told["settings"], Path(told["work"]))
    except BadInput as problem:
        return REFUSED, str(problem)
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        return REFUSED, f"{where}{problem.strerror or problem}"
    except Exception as problem:
        # What settings that nobody checked may raise in a stage is anything.
        return UNUSABLE, job_note.reason_of(problem).partition("\n")[0]
    return 0, ""


def main() -> int:
    """Run one stage; see the module's docstring."""
    code, said = _run(json.load(sys.stdin))
    print(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
