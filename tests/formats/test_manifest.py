import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.manifest import read_overlap, write_manifest

SHARED = {"documents": 1, "bytes": 20, "too_short": 0}
CONTENT = {"source": "files", "overlap": {"valid": SHARED, "test": SHARED}}


def test_the_overlap_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, CONTENT)
    assert read_overlap(path) == CONTENT["overlap"]


@pytest.mark.parametrize("content", [{}, {"overlap": {"valid": {**SHARED, "bytes": "many"}}}])
def test_what_is_no_manifest_is_neither_written_nor_read(tmp_path, content):
    path = tmp_path / "manifest.json"
    with pytest.raises(BadInput, match="overlap"):
        write_manifest(path, content)
    assert not path.exists()
    path.write_text("{}")
    with pytest.raises(BadInput, match=r"manifest\.json"):
        read_overlap(path)
