"""Compare byte-pair libraries on a study's corpus: what justifies the choice.

Learning: Hugging Face `tokenizers`, which Scaletrace uses, and `rustbpe`. Encoding with the one
vocabulary that `tokenizers` learned: `tokenizers` itself and `tiktoken`, which Scaletrace uses;
every token of both is compared. Times are of the processor, on one core.

    python benchmarks/bpe.py CORPUS.jsonl [--size 1024] [--rounds N] [--json]

`rustbpe` is no dependency: `pip install rustbpe` to see its row.
"""

import argparse
import importlib
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from scaletrace.tokenizers import bpe, tokenizer

MEGABYTES = 6


def measure(function: Callable[[], Any], megabytes: float, rounds: int) -> float:
    """Return MB/s, the median of `rounds`."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        taken.append(time.process_time() - start)
    return megabytes / statistics.median(taken)


def main() -> None:
    # Both libraries start a thread per core unless told otherwise.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["RAYON_NUM_THREADS"] = "1"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", type=Path, help="train.jsonl of a study")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    with arguments.corpus.open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = texts[: int(np.searchsorted(np.cumsum([*map(len, texts)]), MEGABYTES * 1_000_000))]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rounds, size = arguments.rounds, arguments.size

    def learn_with_rustbpe() -> None:
        learner = importlib.import_module("rustbpe").Tokenizer()
        learner.train_from_iterator(iter(texts), size - 1, pattern=bpe.PIECES)

    report: dict[str, float] = {}
    report["learn: tokenizers"] = measure(lambda: bpe.byte_pairs(texts, size), megabytes, rounds)
    if importlib.util.find_spec("rustbpe"):
        report["learn: rustbpe"] = measure(learn_with_rustbpe, megabytes, rounds)

    vocabulary = bpe.byte_pairs(texts, size)
    theirs = Tokenizer.from_str(vocabulary)
    theirs.encode_special_tokens = True
    ours = tokenizer(vocabulary)
    encoded = zip(theirs.encode_batch_fast(texts), ours.encode(texts), strict=True)
    if not all(their.ids == our.tolist() for their, our in encoded):
        sys.exit("tokenizers and tiktoken differ")
    report["encode: tokenizers, encode_batch_fast"] = measure(
        lambda: [e.ids for e in theirs.encode_batch_fast(texts)], megabytes, rounds
    )
    report["encode: tokenizers, encode_batch"] = measure(
        lambda: [e.ids for e in theirs.encode_batch(texts)], megabytes, rounds
    )
    report["encode: tiktoken"] = measure(lambda: ours.encode(texts), megabytes, rounds)

    if arguments.json:
        print(json.dumps({"megabytes": megabytes, "size": size, "mb_per_s": report}))
        return
    print(f"{len(texts):,} documents, {megabytes:.1f} MB, {size} ids; medians of {rounds} rounds")
    for name, speed in report.items():
        print(f"{name:40} {speed:6.1f} MB/s")


if __name__ == "__main__":
    main()
