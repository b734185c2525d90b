"""A study as it lies in a folder, or in a commit."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.lineage.snapshot import Snapshot, module_paths, objects
from tests.lineage.small_study import commit, git, text


@pytest.fixture
def files(folder):
    """A commit of two files, of which one was edited since."""
    text("a/one.csv", "1\n")
    text("a/b/two.csv", "2\n")
    text("a/b/three.txt", "3\n")
    committed = commit()
    text("a/one.csv", "edited\n")
    return committed


def test_a_folder_is_read_as_it_lies(files):
    snapshot = Snapshot(".")
    assert (snapshot.title, snapshot.commit) == (".", "")
    assert snapshot.names("a", ".csv") == ["a/b/two.csv", "a/one.csv"]
    assert snapshot.read(["a/one.csv", "gone", "../a"]) == {
        "a/one.csv": b"edited\n",
        "gone": None,
        "../a": None,
    }


def test_a_commit_is_read_as_it_was(files):
    git("tag", "v1")
    snapshot = Snapshot("v1")
    assert snapshot.title == f"v1 ({files[:12]})"
    assert snapshot.names("a", ".csv") == ["a/b/two.csv", "a/one.csv"]
    assert snapshot.names("a/b", ".txt") == ["a/b/three.txt"]
    assert snapshot.read(["a/one.csv", "gone", "../a"]) == {
        "a/one.csv": b"1\n",
        "gone": None,
        "../a": None,
    }


@pytest.mark.parametrize("name", ["v2", "--help", "0" * 40])
def test_a_name_of_neither_is_refused(files, name):
    with pytest.raises(BadInput, match=f"^'{name}': neither a folder nor a revision"):
        Snapshot(name)


def test_a_module_may_be_of_the_snapshot_or_of_a_commit(folder):
    text("src/scaletrace/errors.py", "before\n")
    before = commit()
    text("src/scaletrace/errors.py", "after\n")
    snapshot = Snapshot(".")
    assert snapshot.module("scaletrace.errors", before) == [b"after\n", b"before\n"]
    assert snapshot.module("scaletrace.errors", "--all") == [b"after\n"]
    assert snapshot.module("scaletrace.other", before) == []
    assert module_paths("a.b") == ("src/a/b/__init__.py", "src/a/b.py")


def test_objects_are_read_together(files, monkeypatch):
    one, two = f"{files}:a/one.csv", f"{files}:a/b/two.csv"
    assert objects([one, f"{files}:gone", two]) == {one: b"1\n", f"{files}:gone": None, two: b"2\n"}
    monkeypatch.setattr(untrusted, "LARGEST_TEXT", 1)
    assert objects([one]) == {one: None}


def test_without_a_repository_there_are_no_objects(folder):
    assert objects(["HEAD:a"]) == {}
    assert not Path(".git").exists()
