"""Hashes of many files, against those that everybody knows."""

from pathlib import Path

from scaletrace.formats import untrusted
from scaletrace.lineage.hashing import hashes_of, sha256_of_small

ABC = {
    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "size": 3,
}


def test_known_hashes_in_the_order_of_the_names(folder):
    Path("b").write_bytes(b"abc")
    Path("a").write_bytes(b"")
    found = hashes_of({"b": 3, "a": 0})
    assert list(found) == ["b", "a"]
    assert found["b"] == ABC
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert found["a"] == {"sha256": empty, "md5": "d41d8cd98f00b204e9800998ecf8427e", "size": 0}


def test_what_has_no_hashes_says_why(folder):
    assert hashes_of({"gone": 1, ".": 1, "a\0b": 1}) | {"a\0b": ""} == {
        "gone": "missing",
        ".": "missing",
        "a\0b": "",
    }
    assert hashes_of({"/proc/self/status": 1}) == {
        "/proc/self/status": "cannot be read (no ordinary file)"
    }


def test_a_file_that_is_far_larger_than_it_should_be_is_not_read(folder, monkeypatch):
    monkeypatch.setattr(untrusted, "LARGEST_TEXT", 2)
    Path("a").write_bytes(b"abc")
    assert hashes_of({"a": 1}) == {"a": "3 bytes instead of 1"}
    assert hashes_of({"a": 3}) == {"a": ABC}


def test_a_small_file_that_is_far_larger_is_not_read(folder):
    Path("a").write_bytes(b"abc")
    with Path("huge").open("wb") as stream:
        stream.truncate(1 << 42)
    assert sha256_of_small(Path("a")) == ABC["sha256"]
    assert sha256_of_small(Path("huge")) == f"{1 << 42} bytes instead of 0"
    assert sha256_of_small(Path("gone")) == "missing"
