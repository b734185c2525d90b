"""Patterns of files: what a shell would find, and no endless search."""

import glob
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.text import globs

NAMES = ["a.txt", "b.md", "one/a.txt", "one/two/c.txt", ".hidden/x.txt", "one/.y.txt"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        *("*.txt", "**/*.txt", "one/**/*.txt", "./**/*", "one/**", "[ab].*", "**/two/*", "**/.y*"),
        *("a.txt", "one/two/c.txt", "nothing", "one", "one/", "*/a.txt", ".*/x.txt"),
    ],
)
def test_as_in_a_shell(folder, pattern):
    for written in (pattern, f"{folder}/{pattern}"):
        expected = {p for p in glob.glob(written, recursive=True) if Path(p).is_file()}  # noqa: PTH207
        found = globs.matching(written)
        assert set(found) == expected
        assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("b[1].txt", ["b[1].txt"]),
        ("b[12].txt", ["b1.txt"]),
        ("b[[]1].txt", ["b[1].txt"]),
        ("[d]/*", ["[d]/a.txt"]),
        ("*.txt", ["*.txt", "a.txt", "b1.txt", "b[1].txt"]),
        ("[*].txt", ["*.txt"]),
        ("-x y", ["-x y"]),
        ("new\nline", ["new\nline"]),
        ("new*", ["new\nline"]),
    ],
)
def test_a_name_with_brackets_that_is_there_is_meant_as_it_is_written(folder, pattern, found):
    for name in ("b[1].txt", "b1.txt", "*.txt", "-x y", "new\nline", "[d]/a.txt", "d/b.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert sorted(globs.matching(pattern)) == found


def test_folders_that_lead_into_themselves_are_entered_once(folder):
    for name in ("l1", "l2"):
        Path(name).symlink_to(".")
    assert set(globs.matching("**/c.txt")) == {"one/two/c.txt"}


def test_the_kernels_files_are_not_searched():
    assert globs.matching("/proc/**/status") == []


def test_a_search_without_end_is_a_sentence(folder, monkeypatch):
    monkeypatch.setattr(globs, "MOST", 3)
    with pytest.raises(BadInput, match=r"'\*\*/x', for which more than 3 names"):
        globs.matching("**/x")
