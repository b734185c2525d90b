"""The command of a job: written for Snakemake when the workflow is read, read by the wrapper."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from scaletrace import python_command
from scaletrace.formats import files, untrusted

# Linux takes 131,072 bytes in one word of a command, and the shell gets a job's in one.
LONGEST_ARGUMENT = 50_000
# What every job runs in: its threads are kept to what it was given, and the C library does not
# return memory that the next training step asks for again.
ENVIRONMENT = {
    **python_command.ENVIRONMENT,
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "67108864",
}


@dataclasses.dataclass(frozen=True)
class AskedJob:
    """One job as the workflow's graph asks for it: files by their names in the stage."""

    rule: str
    fingerprint: str
    wildcards: dict[str, str]
    inputs: dict[str, list[str]]
    outputs: dict[str, str]
    settings: dict[str, Any]
    record: Path


def as_json(value: Any) -> Any:
    """Return a value as the job of a command gets it: through JSON."""
    return json.loads(json.dumps(value))


def word(study: str, value: Any) -> tuple[str, str, Path]:
    """Return a value as a word of a command, as JSON, and the file for it.

    The word is the JSON, or @FILE where that is too long.
    """
    text = json.dumps(value, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()
    path = Path("work") / study / "arguments" / f"{name}.json"
    return (text if len(text) <= LONGEST_ARGUMENT else f"@{path}"), text, path


def argument(study: str, value: Any) -> str:
    """Return a value as a word of a job's command, after writing the file that it may need."""
    short, text, path = word(study, value)
    if short != text and not path.exists():
        files.write_text(path, text)
    return short


def value(word: str) -> Any:
    """Return the value of a word of a job's command."""
    if word.startswith("@"):
        return untrusted.read_json(Path(word[1:]))
    return untrusted.from_json(word.encode())


def describe(study: str, wildcards: Any, inputs: Any, outputs: Any, cached: bool = True) -> str:
    """Return a job's wildcards, inputs and outputs by name, and whether the cache keeps them."""

    def paths(value: Any) -> list[str]:
        return [value] if isinstance(value, str) else [str(path) for path in value]

    return argument(
        study,
        {
            "wildcards": {name: str(value) for name, value in wildcards.items()},
            "inputs": {name: paths(value) for name, value in inputs.items()},
            "outputs": {name: str(value) for name, value in outputs.items()},
            **({} if cached else {"cached": False}),
        },
    )
