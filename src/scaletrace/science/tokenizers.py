"""Text to token ids and back: basic_english, byte-level BPE and plain bytes.

A vocabulary is the text of one JSON file: for `bpe` exactly a Hugging Face `tokenizer.json`, for
the others an object with `kind`. Every vocabulary has an end-of-document id of its own, and no
text can contain it.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import tokenizers

UNKNOWN = "<unk>"
# basic_english lowers its text, so that no document can spell this token.
END_OF_WORDS = "<EOD>"
END_OF_TEXT = "<|endoftext|>"
BYTES = 256


class Tokenizer(Protocol):
    """What every tokenizer offers."""

    size: int
    end_of_document: int

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text, of type `dtype(size)`, without end-of-document."""
        ...

    def decode(self, ids: np.ndarray) -> str:
        """Return the text of `ids`; end-of-document decodes to nothing."""
        ...


def dtype(size: int) -> np.dtype:
    """Return the smallest little-endian type, of uint16 and uint32, that holds `size` ids."""
    return np.dtype("<u2" if size <= 1 << 16 else "<u4")


def split_basic_english(text: str) -> list[str]:
    """Split `text` into the tokens of torchtext's `get_tokenizer("basic_english")`."""
    # torchtext runs these as regular expressions, in this order; each is a fixed string, and
    # str.split() then treats every run of whitespace alike.
    return (
        text.lower()
        .replace("'", " '  ")
        .replace('"', "")
        .replace(".", " . ")
        .replace("<br />", " ")
        .replace(",", " , ")
        .replace("(", " ( ")
        .replace(")", " ) ")
        .replace("!", " ! ")
        .replace("?", " ? ")
        .replace(";", " ")
        .replace(":", " ")
        .split()
    )


def count_basic_english(texts: Iterable[str]) -> Counter[str]:
    """Count the basic_english tokens of all `texts`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split_basic_english(text))
    return counts


class _Ids(dict[str, int]):
    """Token to id; a token that is not there has the id of `<unk>`."""

    def __missing__(self, token: str) -> int:
        return self[UNKNOWN]


class BasicEnglish:
    """Words and punctuation as torchtext splits them; decoding joins them with single spaces."""

    def __init__(self, tokens: list[str]):
        self.tokens = tokens
        self.size = len(tokens)
        self.end_of_document = tokens.index(END_OF_WORDS)
        self._ids = _Ids((token, index) for index, token in enumerate(tokens))

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text."""
        kind, ids = dtype(self.size), self._ids
        encoded = []
        for text in texts:
            words = split_basic_english(text)
            encoded.append(np.fromiter(map(ids.__getitem__, words), kind, len(words)))
        return encoded

    def decode(self, ids: np.ndarray) -> str:
        """Return the tokens of `ids`, joined with spaces."""
        return " ".join(self.tokens[i] for i in ids.tolist() if i != self.end_of_document)


class Bytes:
    """Ids 0 to 255 are the bytes of the UTF-8 text, 256 is end-of-document."""

    size = BYTES + 1
    end_of_document = BYTES

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text."""
        kind = dtype(self.size)
        return [np.frombuffer(text.encode(), np.uint8).astype(kind) for text in texts]

    def decode(self, ids: np.ndarray) -> str:
        """Return the text whose bytes are `ids`; bytes that are no UTF-8 become U+FFFD."""
        return ids[ids < BYTES].astype(np.uint8).tobytes().decode(errors="replace")


class BytePairs:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, Radford et al. 2019)."""

    def __init__(self, vocabulary: str):
        self._tokenizer = tokenizers.Tokenizer.from_str(vocabulary)
        # A document that quotes the end-of-document token is encoded like any other text.
        self._tokenizer.encode_special_tokens = True
        self.size = self._tokenizer.get_vocab_size()
        self.end_of_document = self._tokenizer.get_vocab()[END_OF_TEXT]

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text."""
        kind = dtype(self.size)
        return [np.array(e.ids, kind) for e in self._tokenizer.encode_batch_fast(texts)]

    def decode(self, ids: np.ndarray) -> str:
        """Return the text of `ids`; bytes that are no UTF-8 become U+FFFD."""
        return self._tokenizer.decode(ids.tolist(), skip_special_tokens=True)


def train_byte_pairs(texts: Iterable[str], size: int) -> str:
    """Learn byte pairs from `texts`; return the vocabulary, a Hugging Face tokenizer.json.

    It has `size` ids, end-of-document and the 256 bytes included, or fewer where the texts hold
    no further pair.
    """
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str(pretty=True) + "\n"


_KINDS: dict[str, Callable[[dict], Tokenizer]] = {
    "basic_english": lambda vocabulary: BasicEnglish(vocabulary["tokens"]),
    "bytes": lambda vocabulary: Bytes(),
}


def load(vocabulary: str) -> Tokenizer:
    """Return the tokenizer of a vocabulary file's text."""
    content = json.loads(vocabulary)
    if "kind" in content:
        return _KINDS[content["kind"]](content)
    return BytePairs(vocabulary)
