"""Build the vocabulary from the training split."""

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scaletrace.kinds import load, module


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The text of the training split."""

    train: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The vocabulary, as its kind writes it."""

    vocabulary: Path


def settings_type(values: Mapping[str, Any]) -> type:
    """Return the class of the settings of the kind of vocabulary that is asked for.

    Raises:
        BadInput: there is no such kind.
    """
    return load("tokenizers", str(values.get("kind"))).Settings


def kinds(settings: Any) -> tuple[str, ...]:
    """Return the module of the kind of vocabulary."""
    return (module("tokenizers", settings.kind),)


def run(inputs: Inputs, outputs: Outputs, settings: Any, work: Path) -> dict[str, Any]:
    """Write the vocabulary of `settings.kind` with `settings.size` ids, specials included."""
    del work
    start = time.perf_counter()
    print(f"vocab: {settings.kind}, {settings.size} ids", flush=True)
    kind = load("tokenizers", settings.kind)
    kind.learn(_texts(inputs.train), settings, outputs.vocabulary)
    seconds = time.perf_counter() - start
    print(f"vocab: done in {seconds:.1f} s", flush=True)
    return {"seconds": seconds}


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]
