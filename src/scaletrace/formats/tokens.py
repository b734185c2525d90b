"""Token files: one raw array per split and its JSON header."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from scaletrace.errors import BadInput
from scaletrace.formats import typed_json
from scaletrace.formats.files import write_json
from scaletrace.formats.typed_json import Number, Text, Whole

DTYPES = {"uint16": "<u2", "uint32": "<u4"}


@dataclass(frozen=True)
class TokenHeader:
    """What a raw little-endian array of token ids holds.

    count: ids, of which the largest is below vocabulary_size. documents, bytes: what they were
    made of, in UTF-8; bytes_per_token: their quotient, for losses in bits per byte. The hashes are
    those of the array and of the vocabulary's file. What an array that somebody else has made does
    not say is None.
    """

    dtype: Text
    count: Annotated[Whole, Field(ge=0)]
    vocabulary_size: Annotated[Whole, Field(ge=1)]
    documents: Whole | None = None
    bytes: Whole | None = None
    bytes_per_token: Annotated[Number, Field(gt=0)] | None = None
    tokens_sha256: Text | None = None
    vocabulary_sha256: Text | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a kind of number that tokens do not have."""
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype {self.dtype[:40]!r}; {' or '.join(DTYPES)} is needed")


def write_header(path: Path, header: TokenHeader) -> None:
    """Write a header, in one step."""
    said = {key: value for key, value in asdict(header).items() if value is not None}
    write_json(path, said)


def read_header(path: Path) -> TokenHeader:
    """Read a header.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, TokenHeader, "the header of tokens")


def open_tokens(
    path: Path, header_path: Path, vocabulary_size: int
) -> tuple[np.ndarray, TokenHeader]:
    """Memory-map a token file, and return it with its header.

    Args:
        path: raw little-endian array of token ids.
        header_path: its JSON header.
        vocabulary_size: number of ids the model knows.

    Raises:
        BadInput: the file does not hold what the header says, or ids the model does not know.
    """
    header = read_header(header_path)
    dtype = np.dtype(DTYPES[header.dtype])
    expected = header.count * dtype.itemsize
    if path.stat().st_size != expected:
        raise BadInput(
            f"{path}: {path.stat().st_size} bytes; its header {header_path} promises {expected}"
        )
    if header.vocabulary_size > vocabulary_size:
        raise BadInput(
            f"model.vocabulary_size: {vocabulary_size}; the tokens in {path} use ids up to "
            f"{header.vocabulary_size - 1}"
        )
    if header.count == 0:
        return np.empty(0, dtype), header
    return np.asarray(np.memmap(path, dtype=dtype, mode="r")), header


def window_count(tokens: int, context: int) -> int:
    """Return how many windows of `context` predicted tokens lie in an array of `tokens` ids."""
    return max(0, (tokens - 1) // context)


def open_held_out(
    path: Path, header_path: Path, asked: int, vocabulary_size: int, context: int
) -> tuple[np.ndarray, TokenHeader, int]:
    """Return tokens and header as `open_tokens`, and how many windows to measure a model on.

    Args:
        path: as for `open_tokens`.
        header_path: as for `open_tokens`.
        asked: tokens to measure on, rounded down to whole windows.
        vocabulary_size: number of ids the model knows.
        context: predicted tokens of a window.

    Raises:
        BadInput: as `open_tokens`, or `asked` tokens, or those that there are, fill no window.
    """
    tokens, header = open_tokens(path, header_path, vocabulary_size)
    count = min(asked // context, window_count(len(tokens), context))
    if count == 0:
        raise BadInput(
            f"evaluation.tokens: {asked} of the {len(tokens)} in {path}; one window takes {context}"
        )
    return tokens, header, count
