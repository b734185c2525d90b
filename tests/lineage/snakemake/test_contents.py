"""What of Snakemake is replaced: which inputs have a hash, and how it is computed."""

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.io import IOCache, _IOFile

from scaletrace.jobs.known_hashes import LEAST
from scaletrace.lineage.snakemake import contents


@pytest.fixture
def comparing(monkeypatch):
    """Snakemake's files, once contents are compared; as before afterwards."""
    for name in ("checksum", "is_checksum_eligible"):
        monkeypatch.setattr(_IOFile, name, getattr(_IOFile, name))
    contents.compare_contents()
    cache = IOCache(0)
    cache.deactivate()

    def file_of(path):
        file: Any = _IOFile(str(path), None)
        file.rule = SimpleNamespace(workflow=SimpleNamespace(iocache=cache))
        return file

    return file_of


@pytest.mark.parametrize("size", [0, 10, LEAST, 3 * LEAST])
def test_a_file_of_any_size_has_its_sha256(folder, comparing, size):
    path = folder / "input"
    path.write_bytes(bytes(size))
    expected = f"sha256:{hashlib.sha256(bytes(size)).hexdigest()}"
    for _ in range(2):
        assert asyncio.run(comparing(path).checksum(1)) == expected
        assert asyncio.run(comparing(path).is_same_checksum(expected, 1))


def test_what_is_no_file_has_none(folder, comparing):
    assert asyncio.run(comparing(folder).checksum(1)) is None
    assert asyncio.run(comparing(folder / "absent").checksum(1)) is None
