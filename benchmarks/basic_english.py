"""Measure basic_english against torchtext's own, side by side on one core.

Both sides get the same documents, in turns, so that a busy machine slows both alike; the tokens
of a document are dropped before the next, as in a corpus that is written to a file. torchtext
gets them line by line, as its own data sets read text, and once more whole. `split` is the text
cut into tokens; `ids` is that and the look-up in a vocabulary of 4,096 tokens, on torchtext's
side as its data sets do it, with `vocab[token]`. What both sides give is compared before anything
is timed.

    python benchmarks/basic_english.py [CORPUS.jsonl] [--rounds N] [--json]
"""

import argparse
import importlib.metadata
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from torchtext.data.utils import get_tokenizer
from torchtext.vocab import Vocab

from scaletrace.text.docstrings import docstrings
from scaletrace.tokenizers import basic_english

SIZE = 4096
MEGABYTES = 6


def documents(corpus: Path | None) -> list[str]:
    """Return the first megabytes of a corpus file, or of SciPy's docstrings."""
    if corpus:
        with corpus.open(encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for line in lines]
    else:
        files = importlib.metadata.files("scipy") or []
        sources = [Path(str(file.locate())) for file in files if file.suffix == ".py"]
        texts = [d.text for path in sources for d in docstrings(path.read_bytes(), 200)]
    end = int(np.searchsorted(np.cumsum([len(text) for text in texts]), MEGABYTES * 1_000_000))
    return texts[:end]


def seconds(function: Callable[[str], Any], texts: list[str]) -> float:
    """Return the processor time of `function` over all texts; a neighbour's is not counted."""
    start = time.process_time()
    for text in texts:
        function(text)
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", nargs="?", type=Path, help="train.jsonl of a study")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    texts = documents(arguments.corpus)
    theirs = cast(Callable[[str], list[str]], get_tokenizer("basic_english"))
    specials = basic_english.SPECIALS
    counts = Counter(word for text in texts for word in basic_english.split(text))
    vocab = Vocab(counts, max_size=SIZE - len(specials), specials=specials)
    ours = basic_english.Tokenizer({"tokens": vocab.itos})

    def their_ids(text: str) -> list[int | None]:
        return [vocab[token] for token in theirs(text)]

    def our_ids(text: str) -> np.ndarray:
        return ours.encode([text])[0]

    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    lines = [line for text in texts for line in text.split("\n")]
    report: dict[str, dict[str, float]] = {}
    for name, their, our in (
        ("split", theirs, basic_english.split),
        ("ids", their_ids, our_ids),
    ):
        if not all(list(their(text)) == list(our(text)) for text in texts):
            sys.exit(f"{name}: the two sides differ")
        taken = [
            (seconds(their, lines), seconds(their, texts), seconds(our, texts))
            for _ in range(arguments.rounds)
        ]
        by_line, whole, own = (statistics.median(column) for column in zip(*taken, strict=True))
        report[name] = {
            "torchtext_lines_mb_per_s": megabytes / by_line,
            "torchtext_documents_mb_per_s": megabytes / whole,
            "scaletrace_mb_per_s": megabytes / own,
            "ratio_to_lines": by_line / own,
            "ratio_to_documents": whole / own,
        }
    if arguments.json:
        print(json.dumps({"megabytes": megabytes, "rounds": arguments.rounds, **report}))
        return
    print(
        f"{len(texts):,} documents, {megabytes:.1f} MB; MB/s, medians of {arguments.rounds} rounds"
    )
    print("        torchtext, lines   torchtext, documents   scaletrace   ratios")
    for name, row in report.items():
        print(
            f"{name:6}  {row['torchtext_lines_mb_per_s']:16.1f}"
            f"   {row['torchtext_documents_mb_per_s']:20.1f}"
            f"   {row['scaletrace_mb_per_s']:10.1f}"
            f"   {row['ratio_to_lines']:.1f} and {row['ratio_to_documents']:.1f}"
        )


if __name__ == "__main__":
    main()
