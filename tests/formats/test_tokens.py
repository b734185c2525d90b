import json
from pathlib import Path

import numpy as np
import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.tokens import TokenHeader, open_tokens, read_header, write_header


def written(
    folder: Path, ids: list[int], dtype: str, changes: dict[str, object] | None = None
) -> tuple[Path, Path]:
    np.array(ids, dtype=dtype).tofile(folder / "t.bin")
    header = {"dtype": dtype, "count": len(ids), "vocabulary_size": 300} | (changes or {})
    (folder / "t.json").write_text(json.dumps(header))
    return folder / "t.bin", folder / "t.json"


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
@pytest.mark.parametrize("ids", [[], [1, 299, 256]])
def test_ids_come_back(tmp_path: Path, dtype: str, ids: list[int]):
    tokens, header = open_tokens(*written(tmp_path, ids, dtype), vocabulary_size=300)
    assert tokens.tolist() == ids
    assert header.count == len(ids)


def test_a_file_shorter_than_its_header_says(tmp_path: Path):
    with pytest.raises(BadInput, match=r"t\.bin: 6 bytes; its header .*t\.json promises 8"):
        open_tokens(*written(tmp_path, [1, 2, 3], "uint16", {"count": 4}), vocabulary_size=300)


def test_ids_the_model_does_not_know(tmp_path: Path):
    with pytest.raises(BadInput, match=r"model\.vocabulary_size: 299; .* up to 299"):
        open_tokens(*written(tmp_path, [1, 2, 3], "uint16"), vocabulary_size=299)


def test_a_header_that_was_written_is_read(tmp_path: Path):
    header = TokenHeader("uint16", 3, 300, 1, 8, 8 / 3, "a" * 64, "b" * 64)
    write_header(tmp_path / "t.json", header)
    assert read_header(tmp_path / "t.json") == header
    write_header(tmp_path / "t.json", TokenHeader("uint16", 3, 300))
    assert json.loads((tmp_path / "t.json").read_text()).keys() == {
        "dtype",
        "count",
        "vocabulary_size",
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dtype", "float64"),
        ("dtype", 16),
        ("count", -1),
        ("count", "3"),
        ("count", 3.0),
        ("vocabulary_size", 0),
        ("vocabulary_size", None),
        ("bytes_per_token", 0),
        ("bytes_per_token", "2"),
    ],
)
def test_a_header_that_is_none_is_one_sentence(tmp_path: Path, key: str, value: object):
    with pytest.raises(BadInput, match=rf"t\.json: not the header of tokens \(.*{key}"):
        open_tokens(*written(tmp_path, [1, 2, 3], "uint16", {key: value}), vocabulary_size=300)
