"""Byte-level byte-pair encoding, learned on the training split.

Sennrich et al. 2016, arXiv 1508.07909, on bytes as Radford et al. 2019 do it. A vocabulary file is
exactly a Hugging Face `tokenizer.json`.
"""

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from scaletrace.errors import BadInput
from scaletrace.formats.files import write_text
from scaletrace.tokenizers import Vocabulary, dtype, require_size

if TYPE_CHECKING:
    import numpy as np

END_OF_TEXT = "<|endoftext|>"
BYTES = 256
SMALLEST = BYTES + 1
# The pieces that no pair crosses, as GPT-2 cuts them, but for whitespace in runs of at most 64: an
# unbounded run followed by a look-ahead exhausts the stack of a backtracking matcher.
PIECES = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s{1,64}(?!\S)|\s"


class Keys(Vocabulary):
    """How many ids."""

    kind: Literal["bpe"]
    size: int = Field(ge=SMALLEST, le=1 << 20, description="token ids, end-of-document included")

    def ids(self) -> int:
        """Return the size."""
        return self.size

    def settings(self) -> "Settings":
        """Return the settings of the job that learns it."""
        return Settings(self.kind, self.size)

    def require_text(self, size: int) -> None:
        """Raise BadInput where text of so many bytes has too few pairs to join."""
        # Each merge needs a pair of tokens, so text of n bytes gives fewer than n merges.
        if self.size > SMALLEST + size:
            raise BadInput(
                f"vocabulary.size: found {self.size}; the corpus has {size} bytes and can "
                f"give at most {SMALLEST + size}"
            )


@dataclasses.dataclass(frozen=True)
class Settings:
    """How many ids."""

    kind: str
    size: int


def learn(texts: Iterable[str], settings: Settings, path: Path) -> None:
    """Write a Hugging Face tokenizer.json of the pairs that `texts` give.

    Raises:
        BadInput: the size is too small for the bytes, or too large for the texts.
    """
    if settings.size < SMALLEST:
        raise BadInput(
            f"vocabulary.size: {settings.size}; the kind bpe needs at least {SMALLEST}, "
            "256 bytes and end-of-document"
        )
    # A job has one processor; the library would start a thread on each.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    vocabulary = byte_pairs(texts, settings.size)
    require_size(settings.size, Tokenizer(json.loads(vocabulary)).size)
    write_text(path, vocabulary)


def byte_pairs(texts: Iterable[str], size: int) -> str:
    """Learn byte pairs from `texts`; return a Hugging Face tokenizer.json.

    It has `size` ids, end-of-document and the 256 bytes included, or fewer where the texts hold
    no further pair.
    """
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
    from tokenizers import Tokenizer as HuggingFace

    learned = HuggingFace(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learned.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learned.train_from_iterator(texts, trainer)
    return learned.to_str(pretty=True) + "\n"


class Tokenizer:
    """Text to byte pairs and back.

    tiktoken encodes here, over three times as fast as the library that the file is written for. It
    joins the two neighbours whose union has the lowest id; Hugging Face looks up the pair itself.
    For pairs learned from bytes that is the same: a token was learned where nothing crossed its
    bounds, so that inside them every later text goes through the same joins.
    """

    def __init__(self, vocabulary: dict[str, Any]):
        import tiktoken

        letters = _letters()
        ids = vocabulary["model"]["vocab"]
        self.size = len(ids)
        self.end_of_document = ids[END_OF_TEXT]
        self._encoding = tiktoken.Encoding(
            "bpe",
            pat_str=vocabulary["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"],
            mergeable_ranks={
                bytes(letters[letter] for letter in token): index
                for token, index in ids.items()
                if token != END_OF_TEXT
            },
            special_tokens={},
        )

    def encode(self, texts: list[str]) -> "list[np.ndarray]":
        """Return one array of ids per text."""
        kind, encode = dtype(self.size), self._encoding.encode_to_numpy
        return [encode(text).astype(kind) for text in texts]

    def decode(self, ids: "np.ndarray") -> str:
        """Return the text of `ids`; bytes that are no UTF-8 become U+FFFD."""
        return self._encoding.decode(ids[ids != self.end_of_document].tolist())


def _letters() -> dict[str, int]:
    """Return the byte behind each letter of a byte-level vocabulary file.

    Visible Latin-1 characters stand for themselves, the other bytes for the letters from U+0100.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(BYTES) if byte not in visible]
    letters = {chr(byte): byte for byte in visible}
    return letters | {chr(0x100 + place): byte for place, byte in enumerate(hidden)}
