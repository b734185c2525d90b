"""One id per byte and one for the end of a document: 257.

Ids 0 to 255 are the bytes of the UTF-8 text. There is nothing to learn.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scaletrace.errors import BadInput
from scaletrace.formats.files import write_json
from scaletrace.tokenizers import Vocabulary, dtype

if TYPE_CHECKING:
    import numpy as np

BYTES = 256
SIZE = BYTES + 1


class Keys(Vocabulary):
    """Nothing: the size is given."""

    kind: Literal["bytes"]

    def ids(self) -> int:
        """Return 257."""
        return SIZE

    def settings(self) -> "Settings":
        """Return the settings of the job that writes it."""
        return Settings(self.kind, self.ids())


@dataclasses.dataclass(frozen=True)
class Settings:
    """How many ids; there is one number that will do."""

    kind: str
    size: int


def learn(texts: Iterable[str], settings: Settings, path: Path) -> None:
    """Write the kind, which says it all.

    Raises:
        BadInput: another size is asked for.
    """
    del texts
    if settings.size != SIZE:
        raise BadInput(
            f"vocabulary.size: {settings.size}; the kind bytes has {SIZE} ids, "
            "256 bytes and end-of-document"
        )
    write_json(path, {"kind": "bytes"})


class Tokenizer:
    """Text to bytes and back."""

    size = SIZE
    end_of_document = BYTES

    def __init__(self, vocabulary: dict[str, Any]):
        del vocabulary

    def encode(self, texts: list[str]) -> "list[np.ndarray]":
        """Return one array of ids per text."""
        import numpy as np

        kind = dtype(self.size)
        return [np.frombuffer(text.encode(), np.uint8).astype(kind) for text in texts]

    def decode(self, ids: "np.ndarray") -> str:
        """Return the text whose bytes are `ids`; bytes that are no UTF-8 become U+FFFD."""
        return ids[ids != BYTES].astype("u1").tobytes().decode(errors="replace")
