"""Turn each split into one array of token ids."""

import dataclasses
import hashlib
import itertools
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.kinds import module

if TYPE_CHECKING:
    from scaletrace.formats.tokens import TokenHeader
    from scaletrace.tokenizers import AnyTokenizer

# Documents encoded at once: enough to keep per-call costs small, little enough to stay in cache.
BATCH = 256


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The vocabulary and the text of each split."""

    vocabulary: Path
    train: Path
    valid: Path
    test: Path


@dataclasses.dataclass(frozen=True)
class Outputs:
    """For each split an array of token ids and its header."""

    train: Path
    valid: Path
    test: Path
    train_header: Path
    valid_header: Path
    test_header: Path


@dataclasses.dataclass(frozen=True)
class Settings:
    """The kind of the vocabulary, whose code the job runs; the file itself says the rest."""

    kind: str = "bpe"


def kinds(settings: Settings) -> tuple[str, ...]:
    """Return the module of the kind of vocabulary."""
    return (module("tokenizers", settings.kind),)


def run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict[str, Any]:
    """Write the tokens of every split, raw little-endian, and a header that describes them.

    Every document is followed by the end-of-document id, which counts as a token of no bytes.
    """
    from scaletrace.formats.files import hashes
    from scaletrace.formats.tokens import write_header
    from scaletrace.tokenizers import tokenizer

    del settings, work
    vocabulary = inputs.vocabulary
    encoder = tokenizer(vocabulary.read_text(encoding="utf-8"))
    vocabulary_sha256 = str(hashes(vocabulary)["sha256"])
    start = time.perf_counter()
    size = 0
    for split, text, path, header_path in (
        ("train", inputs.train, outputs.train, outputs.train_header),
        ("valid", inputs.valid, outputs.valid, outputs.valid_header),
        ("test", inputs.test, outputs.test, outputs.test_header),
    ):
        header = _write_tokens(encoder, text, path, vocabulary_sha256)
        write_header(header_path, header)
        size += header.bytes or 0
        print(
            f"tokenize: {split} {header.count:,} tokens of {header.documents:,} documents, "
            f"{header.bytes_per_token:.2f} bytes a token",
            flush=True,
        )
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes_per_s": size / seconds}


def _write_tokens(
    encoder: "AnyTokenizer", corpus: Path, path: Path, vocabulary_sha256: str
) -> "TokenHeader":
    import numpy as np

    from scaletrace.formats.tokens import TokenHeader
    from scaletrace.tokenizers import dtype

    kind = dtype(encoder.size)
    end = np.array([encoder.end_of_document], kind)
    digest = hashlib.sha256()
    count = documents = size = 0
    with corpus.open(encoding="utf-8") as lines, path.open("wb") as stream:
        while texts := [json.loads(line)["text"] for line in itertools.islice(lines, BATCH)]:
            encoded = encoder.encode(texts)
            tokens = np.concatenate([part for ids in encoded for part in (ids, end)])
            block = tokens.tobytes()
            stream.write(block)
            digest.update(block)
            count += len(tokens)
            documents += len(texts)
            size += sum(len(text.encode()) for text in texts)
    return TokenHeader(
        dtype=kind.name,
        count=count,
        vocabulary_size=encoder.size,
        documents=documents,
        bytes=size,
        bytes_per_token=size / count,
        tokens_sha256=digest.hexdigest(),
        vocabulary_sha256=vocabulary_sha256,
    )
