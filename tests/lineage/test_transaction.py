"""Files that change together, or not at all."""

import socket
import subprocess
from pathlib import Path

import pytest

from scaletrace.lineage.transaction import all_or_none

A, B = Path("a.txt"), Path("folder/b.txt")


def names():
    return sorted(path.as_posix() for path in Path().rglob("*") if path.is_file())


def test_texts_are_put_in_place(folder):
    A.write_text("old")
    with all_or_none({A: "new", B: "é\n"}):
        assert A.read_text() == "new"
    assert (A.read_text(), B.read_bytes()) == ("new", "é\n".encode())
    assert names() == ["a.txt", "folder/b.txt"]


def test_a_block_that_fails_leaves_all_as_it_was(folder):
    A.write_text("old")
    before = A.stat().st_mtime_ns
    seen = []

    def fail():
        seen.append((A.read_text(), B.read_text()))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), all_or_none({A: "new", B: "new"}):
        fail()
    assert seen == [("new", "new")]
    assert (A.read_text(), A.stat().st_mtime_ns) == ("old", before)
    assert names() == ["a.txt"]


def test_a_text_that_cannot_be_put_in_place_changes_none(folder):
    A.write_text("old")
    B.mkdir(parents=True)
    with pytest.raises(OSError, match="folder"), all_or_none({A: "new", B: "new"}):
        pass
    assert A.read_text() == "old"
    assert names() == ["a.txt"]


def test_equal_texts_keep_their_times(folder):
    A.write_text("same")
    before = A.stat()
    with all_or_none({A: "same"}):
        pass
    after = A.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_what_a_killed_process_left_is_swept_away(folder):
    ended = subprocess.Popen(["true"])
    ended.wait()
    Path(f".a.txt.{socket.gethostname()}.{ended.pid}.x").write_text("half")
    Path(f".a.txt.elsewhere.{ended.pid}.x").write_text("another host's")
    with all_or_none({A: "new"}):
        pass
    assert names() == [f".a.txt.elsewhere.{ended.pid}.x", "a.txt"]
