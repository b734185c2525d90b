"""Build the vocabulary from the training split."""

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The text of the training split."""

    train: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """The vocabulary, as its kind writes it."""

    vocabulary: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """The kind of vocabulary, its ids, and how often a word stands that gets one."""

    kind: str
    size: int
    min_freq: int = 0


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the vocabulary of `settings.kind` with `settings.size` ids, specials included."""
    from scaletrace.formats.files import write_json
    from scaletrace.text import tokenizers

    del work
    start = time.perf_counter()
    kind, size, path = settings.kind, settings.size, outputs.vocabulary
    texts = _texts(inputs.train)
    print(f"vocab: {kind}, {size} ids", flush=True)
    if kind == "bpe":
        _write_byte_pairs(texts, size, path)
    elif kind == "basic_english":
        _write_basic_english(texts, size, settings.min_freq, path)
    else:
        if size != tokenizers.Bytes.size:
            raise BadInput(
                f"vocabulary.size: {size}; the kind bytes has {tokenizers.Bytes.size} ids, "
                "256 bytes and end-of-document"
            )
        write_json(path, {"kind": kind})
    seconds = time.perf_counter() - start
    print(f"vocab: done in {seconds:.1f} s", flush=True)
    return {"seconds": seconds}


def _texts(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def _write_byte_pairs(texts: Iterator[str], size: int, path: Path) -> None:
    from scaletrace.formats.files import write_text
    from scaletrace.text import tokenizers, vocabularies

    smallest = tokenizers.BYTES + 1
    if size < smallest:
        raise BadInput(
            f"vocabulary.size: {size}; the kind bpe needs at least {smallest}, "
            "256 bytes and end-of-document"
        )
    # A job has one processor; the library would start a thread on each.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    vocabulary = vocabularies.learn_byte_pairs(texts, size)
    _check_size(size, tokenizers.load(vocabulary).size)
    write_text(path, vocabulary)


def _write_basic_english(texts: Iterator[str], size: int, min_freq: int, path: Path) -> None:
    # torchtext imports torch, which the other kinds need not wait for.
    from torchtext.vocab import Vocab

    from scaletrace.formats.files import write_json
    from scaletrace.text import tokenizers, vocabularies

    specials = [tokenizers.UNKNOWN, tokenizers.END_OF_WORDS]
    if size < len(specials):
        raise BadInput(f"vocabulary.size: {size}; the kind basic_english needs at least 2")
    counts = vocabularies.count_basic_english(texts)
    vocab = Vocab(counts, max_size=size - len(specials), min_freq=min_freq, specials=specials)
    _check_size(size, len(vocab.itos))
    write_json(path, {"kind": "basic_english", "tokens": vocab.itos})


def _check_size(size: int, given: int) -> None:
    if given < size:
        raise BadInput(f"vocabulary.size: {size}; this corpus gives at most {given}")
