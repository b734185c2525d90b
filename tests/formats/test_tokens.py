import json
from pathlib import Path

import numpy as np
import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.tokens import open_tokens


def written(folder: Path, ids: list[int], dtype: str, **changes) -> tuple[Path, Path]:
    np.array(ids, dtype=dtype).tofile(folder / "t.bin")
    header = {"dtype": dtype, "count": len(ids), "vocabulary_size": 300, **changes}
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
        open_tokens(*written(tmp_path, [1, 2, 3], "uint16", count=4), vocabulary_size=300)


def test_ids_the_model_does_not_know(tmp_path: Path):
    with pytest.raises(BadInput, match=r"model\.vocabulary_size: 299; .* up to 299"):
        open_tokens(*written(tmp_path, [1, 2, 3], "uint16"), vocabulary_size=299)
