"""Tokenizers, one a file: `kind` under a study's `vocabulary` is the name of the file.

Such a file has

- `Keys(Vocabulary)`: what a study says of it, with `kind: Literal[NAME]`;
- `Settings`: a frozen dataclass with fields `kind` and `size`, all that learning is told;
- `learn(texts, settings, path)`: writes a vocabulary of that size to a JSON file. Raises BadInput
  where it cannot be had;
- `Tokenizer(vocabulary)`, an `AnyTokenizer` of what that file holds: an object with `kind`. One
  without is a Hugging Face `tokenizer.json`, which is bpe's.

Every vocabulary has an end-of-document id of its own, which the encoding of a text never contains.
The docstring's first line says what it is, in the schema and in config/README.md.
"""

import json
from typing import TYPE_CHECKING, Any, Protocol

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.kind_keys import KindKeys

if TYPE_CHECKING:
    import numpy as np


class AnyTokenizer(Protocol):
    """What every tokenizer offers."""

    size: int
    end_of_document: int

    def encode(self, texts: list[str]) -> "list[np.ndarray]":
        """Return one array of ids per text, of type `dtype(size)`, without end-of-document."""
        ...

    def decode(self, ids: "np.ndarray") -> str:
        """Return the text of `ids`, in which end-of-document leaves no trace."""
        ...


def tokenizer(vocabulary: str) -> AnyTokenizer:
    """Return the tokenizer of a vocabulary file's text."""
    content: dict[str, Any] = json.loads(vocabulary)
    return kinds.load("tokenizers", content.get("kind", "bpe")).Tokenizer(content)


def dtype(size: int) -> "np.dtype":
    """Return the smaller little-endian type, of uint16 and uint32, that holds `size` ids."""
    import numpy as np

    return np.dtype("<u2" if size <= 1 << 16 else "<u4")


def require_size(wanted: int, given: int) -> None:
    """Raise BadInput where a corpus gives fewer ids than are wanted."""
    if given < wanted:
        raise BadInput(f"vocabulary.size: {wanted}; this corpus gives at most {given}")


class Vocabulary(KindKeys):
    """What a study says of its vocabulary."""

    kind: str

    def ids(self) -> int:
        """Return how many token ids it has."""
        raise NotImplementedError

    def settings(self) -> Any:
        """Return the settings of the job that learns it."""
        raise NotImplementedError

    def require_text(self, size: int) -> None:
        """Raise BadInput where text of so many bytes cannot give the vocabulary."""
