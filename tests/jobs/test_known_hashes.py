"""Hashes that are remembered, and when they are not."""

import hashlib
import os
from pathlib import Path

import pytest

from scaletrace.formats import files
from scaletrace.jobs import known_hashes
from scaletrace.jobs.known_hashes import LEAST, carried, hashes, know, read_hashes

BIG = Path("tokens.bin")


@pytest.fixture
def big(folder):
    BIG.write_bytes(bytes(LEAST))
    return BIG


def expected():
    return hashlib.sha256(BIG.read_bytes()).hexdigest()


def test_a_file_is_read_once(big, monkeypatch):
    first, remembered = hashes(big)
    assert not remembered
    monkeypatch.setattr(files, "hashes", None)
    assert hashes(big) == (first, True)
    assert first == {
        "sha256": expected(),
        "md5": hashlib.md5(bytes(LEAST)).hexdigest(),
        "size": LEAST,
    }


def test_small_files_are_always_read(folder):
    BIG.write_bytes(bytes(LEAST - 1))
    assert [hashes(BIG)[1], hashes(BIG)[1]] == [False, False]
    assert not known_hashes.FOLDER.exists()


def test_reading_looks_at_the_bytes_whatever_is_known(big):
    known = hashes(big)[0]
    know(big, known | {"sha256": "0" * 64})
    assert hashes(big) == (known | {"sha256": "0" * 64}, True)
    assert read_hashes(big) == known
    assert hashes(big) == (known, True)


def append():
    with BIG.open("ab") as stream:
        stream.write(b"x")


def write_in_place_with_the_same_times():
    facts = BIG.stat()
    with BIG.open("r+b") as stream:
        stream.write(b"x")
    os.utime(BIG, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def replace_by_one_of_the_same_times():
    facts, other = BIG.stat(), Path("other")
    other.write_bytes(b"x" * LEAST)
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(BIG)


CHANGES = [append, write_in_place_with_the_same_times, replace_by_one_of_the_same_times]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_read_again(big, change):
    hashes(big)
    change()
    assert hashes(big)[1] is False
    assert hashes(big)[0]["sha256"] == expected()


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_before_a_link_is_not_carried(big, change):
    hashes(big)
    change()
    with carried(big):
        os.link(big, "second")
    assert hashes(big)[0]["sha256"] == expected()


def test_a_touched_file_is_read_again(big):
    before = hashes(big)[0]
    os.utime(big)
    assert hashes(big) == (before, False)


def link():
    os.link(BIG, "second")


def protect():
    BIG.chmod(0o444)


def settle():
    os.utime(BIG, (1, 1))


@pytest.mark.parametrize("change", [link, protect, settle])
def test_our_own_links_modes_and_times_are_carried(big, change):
    before = hashes(big)[0]
    with carried(big):
        change()
    assert hashes(big) == (before, True)


def test_many_writes_in_a_row_are_each_seen(big):
    """Two within one tick of the clock have the same times."""
    for letter in b"abcdefghijklmnop":
        with BIG.open("r+b") as stream:
            stream.write(bytes([letter]))
        assert hashes(big)[0]["sha256"] == expected()


def test_an_entry_of_another_file_or_of_anybodys_making_does_not_count(big):
    before = hashes(big)[0]
    (entry,) = known_hashes.FOLDER.iterdir()
    for text in ("", "[]", "{}", '{"path": "tokens.bin", "state": [], "hashes": {}}'):
        entry.write_text(text)
        assert hashes(big) == (before, False)
        assert hashes(big) == (before, True)
    copy = Path("copy.bin")
    copy.write_bytes(big.read_bytes())
    assert hashes(copy)[1] is False


def test_a_folder_that_cannot_be_written_costs_memory_alone(big, monkeypatch):
    monkeypatch.setattr(known_hashes, "FOLDER", Path("/proc/hashes"))
    assert [hashes(big)[1], hashes(big)[1]] == [False, False]


def test_a_missing_file_is_an_error(folder):
    with pytest.raises(FileNotFoundError):
        hashes(BIG)
