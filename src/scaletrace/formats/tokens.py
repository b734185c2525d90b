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
