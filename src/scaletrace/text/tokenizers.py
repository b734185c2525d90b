"""Text to token ids and back: basic_english, byte-level BPE and plain bytes.

A vocabulary is the text of one JSON file: for `bpe` exactly a Hugging Face `tokenizer.json`, for
the others an object with `kind`. Every vocabulary has an end-of-document id of its own, which the
encoding of a text never contains.
"""

import itertools
import json
from typing import Any, Protocol

import numpy as np
import tiktoken

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
        """Return the text of `ids`, in which end-of-document leaves no trace."""
        ...


def load(vocabulary: str) -> Tokenizer:
    """Return the tokenizer of a vocabulary file's text."""
    content = json.loads(vocabulary)
    match content.get("kind"):
        case "basic_english":
            return BasicEnglish(content["tokens"])
        case "bytes":
            return Bytes()
    return BytePairs(content)


def dtype(size: int) -> np.dtype:
    """Return the smaller little-endian type, of uint16 and uint32, that holds `size` ids."""
    return np.dtype("<u2" if size <= 1 << 16 else "<u4")


def split_basic_english(text: str) -> list[str]:
    """Split `text` into the tokens of torchtext's `get_tokenizer("basic_english")`."""
    # torchtext applies these as regular expressions in this order; each is a fixed string, and
    # what is left, runs of whitespace, str.split() takes care of.
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


class BasicEnglish:
    """Words and punctuation as torchtext splits them; decoding joins them with single spaces."""

    def __init__(self, tokens: list[str]):
        self.size = len(tokens)
        self.end_of_document = tokens.index(END_OF_WORDS)
        self._tokens = tokens
        self._dtype = dtype(self.size)
        # Ids as the bytes that they have in an array: joining those is the quickest way to one.
        ids = np.arange(self.size, dtype=self._dtype)
        self._ids = {token: index.tobytes() for token, index in zip(tokens, ids, strict=True)}

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text."""
        unknown = itertools.repeat(self._ids[UNKNOWN])
        words = map(split_basic_english, texts)
        ids = (b"".join(map(self._ids.get, part, unknown)) for part in words)
        return [np.frombuffer(part, self._dtype) for part in ids]

    def decode(self, ids: np.ndarray) -> str:
        """Return the tokens of `ids`, joined with spaces."""
        return " ".join(self._tokens[i] for i in ids[ids != self.end_of_document].tolist())


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
        return ids[ids != BYTES].astype(np.uint8).tobytes().decode(errors="replace")


class BytePairs:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, Radford et al. 2019).

    tiktoken encodes here, over three times as fast as the library that the file is written for. It
    joins the two neighbours whose union has the lowest id; Hugging Face looks up the pair itself.
    For pairs learned from bytes that is the same: a token was learned where nothing crossed its
    bounds, so that inside them every later text goes through the same joins.
    """

    def __init__(self, vocabulary: dict[str, Any]):
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

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """Return one array of ids per text."""
        kind, encode = dtype(self.size), self._encoding.encode_to_numpy
        return [encode(text).astype(kind) for text in texts]

    def decode(self, ids: np.ndarray) -> str:
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
