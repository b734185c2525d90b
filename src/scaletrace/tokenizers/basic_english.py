"""torchtext's basic_english words.

Words and punctuation in small letters, as torchtext splits them; decoding joins them with single
spaces.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from scaletrace.errors import BadInput
from scaletrace.formats.fields import Count
from scaletrace.formats.files import write_json
from scaletrace.tokenizers import Vocabulary, dtype, require_size

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = "<unk>"
# A text in small letters cannot spell this token.
END_OF_DOCUMENT = "<EOD>"
SPECIALS = [UNKNOWN, END_OF_DOCUMENT]


class Keys(Vocabulary):
    """How many ids, and how often a word stands that gets one."""

    kind: Literal["basic_english"]
    size: int = Field(ge=3, le=1 << 24, description="token ids, <unk> and end-of-document included")
    min_freq: Count = Field(1, description="occurrences that a word needs to get an id")

    def ids(self) -> int:
        """Return the size."""
        return self.size

    def settings(self) -> "Settings":
        """Return the settings of the job that learns it."""
        return Settings(self.kind, self.size, self.min_freq)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How many ids, and how often a word stands that gets one."""

    kind: str
    size: int
    min_freq: int


def learn(texts: Iterable[str], settings: Settings, path: Path) -> None:
    """Write the most frequent words of `texts`, as torchtext orders them.

    Raises:
        BadInput: the size is too small for what is no word, or too large for the texts.
    """
    from torchtext.vocab import Vocab

    if settings.size < len(SPECIALS):
        raise BadInput(f"vocabulary.size: {settings.size}; the kind basic_english needs at least 2")
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(split(text))
    most = settings.size - len(SPECIALS)
    vocab = Vocab(counts, max_size=most, min_freq=settings.min_freq, specials=SPECIALS)
    require_size(settings.size, len(vocab.itos))
    write_json(path, {"kind": "basic_english", "tokens": vocab.itos})


def split(text: str) -> list[str]:
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


class Tokenizer:
    """Text to words and back."""

    def __init__(self, vocabulary: dict[str, Any]):
        import numpy as np

        tokens: list[str] = vocabulary["tokens"]
        self.size = len(tokens)
        self.end_of_document = tokens.index(END_OF_DOCUMENT)
        self._tokens = tokens
        self._dtype = dtype(self.size)
        # Ids as the bytes that they have in an array: joining those is the quickest way to one.
        ids = np.arange(self.size, dtype=self._dtype)
        self._ids = {token: index.tobytes() for token, index in zip(tokens, ids, strict=True)}

    def encode(self, texts: list[str]) -> "list[np.ndarray]":
        """Return one array of ids per text."""
        import numpy as np

        unknown = itertools.repeat(self._ids[UNKNOWN])
        words = map(split, texts)
        ids = (b"".join(map(self._ids.get, part, unknown)) for part in words)
        return [np.frombuffer(part, self._dtype) for part in ids]

    def decode(self, ids: "np.ndarray") -> str:
        """Return the tokens of `ids`, joined with spaces."""
        return " ".join(self._tokens[i] for i in ids[ids != self.end_of_document].tolist())
