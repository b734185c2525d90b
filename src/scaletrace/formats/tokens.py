"""Token files: one raw array per split and its JSON header."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.errors import BadInput

DTYPES = {"uint16": "<u2", "uint32": "<u4"}


def open_tokens(
    path: Path, header_path: Path, vocabulary_size: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Memory-map a token file, and return it with its header.

    Args:
        path: raw little-endian array of token ids.
        header_path: its JSON header (dtype, count, vocabulary_size, bytes_per_token, ...).
        vocabulary_size: number of ids the model knows.

    Raises:
        BadInput: the file does not hold what the header says, or ids the model does not know.
    """
    header = json.loads(header_path.read_text(encoding="utf-8"))
    dtype = np.dtype(DTYPES[header["dtype"]])
    expected = header["count"] * dtype.itemsize
    if path.stat().st_size != expected:
        raise BadInput(
            f"{path}: {path.stat().st_size} bytes; its header {header_path} promises {expected}"
        )
    if header["vocabulary_size"] > vocabulary_size:
        raise BadInput(
            f"model.vocabulary_size: {vocabulary_size}; the tokens in {path} use ids up to "
            f"{header['vocabulary_size'] - 1}"
        )
    if header["count"] == 0:
        return np.empty(0, dtype), header
    return np.asarray(np.memmap(path, dtype=dtype, mode="r")), header


def window_count(tokens: int, context: int) -> int:
    """Return how many windows of `context` predicted tokens lie in an array of `tokens` ids."""
    return max(0, (tokens - 1) // context)


def open_held_out(
    path: Path, header_path: Path, asked: int, vocabulary_size: int, context: int
) -> tuple[np.ndarray, dict[str, Any], int]:
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
