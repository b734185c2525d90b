"""Turn each split into one array of token ids."""

import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.formats.files import hashes, write_json
from scaletrace.text import tokenizers

SPLITS = ("train", "valid", "test")
# Documents encoded at once: enough to keep per-call costs small, little enough to stay in cache.
BATCH = 256


def run(
    inputs: dict[str, list[Path]], outputs: dict[str, Path], settings: dict[str, Any], work: Path
) -> dict[str, Any]:
    """Write the tokens of every split, raw little-endian, and a header that describes them.

    Every document is followed by the end-of-document id, which counts as a token of no bytes.
    """
    vocabulary = inputs["vocabulary"][0]
    tokenizer = tokenizers.load(vocabulary.read_text(encoding="utf-8"))
    common = {
        "vocabulary_size": tokenizer.size,
        "vocabulary_sha256": hashes(vocabulary)["sha256"],
    }
    start = time.perf_counter()
    size = 0
    for split in SPLITS:
        header = _write_tokens(tokenizer, inputs[split][0], outputs[split])
        write_json(outputs[f"{split}_header"], header | common)
        size += header["bytes"]
        print(
            f"tokenize: {split} {header['count']:,} tokens of {header['documents']:,} documents, "
            f"{header['bytes_per_token']:.2f} bytes a token",
            flush=True,
        )
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes_per_s": size / seconds}


def _write_tokens(tokenizer: tokenizers.Tokenizer, corpus: Path, path: Path) -> dict[str, Any]:
    dtype = tokenizers.dtype(tokenizer.size)
    end = np.array([tokenizer.end_of_document], dtype)
    digest = hashlib.sha256()
    count = documents = size = 0
    with corpus.open(encoding="utf-8") as lines, path.open("wb") as stream:
        while texts := [json.loads(line)["text"] for line in itertools.islice(lines, BATCH)]:
            encoded = tokenizer.encode(texts)
            tokens = np.concatenate([part for ids in encoded for part in (ids, end)])
            block = tokens.tobytes()
            stream.write(block)
            digest.update(block)
            count += len(tokens)
            documents += len(texts)
            size += sum(len(text.encode()) for text in texts)
    return {
        "dtype": dtype.name,
        "count": count,
        "documents": documents,
        "bytes": size,
        "bytes_per_token": size / count,
        "tokens_sha256": digest.hexdigest(),
    }
