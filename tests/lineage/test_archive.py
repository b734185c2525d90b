"""Copies of a study in a folder or a zip: what is read of them, and what is refused."""

import shutil
import stat
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import archive
from scaletrace.lineage.archive import Archive

NAME = "results/s/table.csv"


def zipped(*entries):
    """A zip of entries, each a name (or a ZipInfo) and its content."""
    with zipfile.ZipFile("study.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return Archive(Path("study.zip"))


def unpacked():
    path = Path("elsewhere", NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"run,loss\n")
    return Archive(Path("elsewhere"))


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_a_file_is_found_and_copied(folder, form):
    found = unpacked() if form == "folder" else zipped((NAME, b"run,loss\n"))
    assert (found.size(NAME), found.size("other")) == (9, None)
    found.copy(NAME, Path("new/copy.csv"))
    assert Path("new/copy.csv").read_bytes() == b"run,loss\n"
    assert found.copy_text(NAME) == Path(NAME)
    assert Path(NAME).read_bytes() == b"run,loss\n"
    # What is here stays, and what the archive has not is no error.
    Path(NAME).write_text("mine")
    assert found.copy_text(NAME) is None
    assert found.copy_text("other") is None
    assert Path(NAME).read_text() == "mine"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a//b", ""])
def test_names_that_lead_out_are_refused(folder, name):
    with pytest.raises(BadInput, match="leads out of the repository; refused"):
        unpacked().size(name)
    with pytest.raises(BadInput, match=r"study\.zip: .* leads out of the repository; refused"):
        zipped((name or "/", b""))


def test_links_are_refused(folder):
    entry = zipfile.ZipInfo(NAME)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(BadInput, match="is a link or no plain file"):
        zipped((entry, b"/etc/passwd"))
    found = unpacked()
    Path("elsewhere/results/link").symlink_to("/etc/passwd")
    Path("elsewhere/circle").symlink_to("circle")
    for name in ("results/link", "circle"):
        with pytest.raises(BadInput, match="a link; only plain files are read"):
            found.size(name)


def test_a_name_that_stands_twice_is_refused(folder):
    with pytest.warns(UserWarning, match="Duplicate"), pytest.raises(BadInput, match="it twice"):
        zipped((NAME, b"1"), (NAME, b"2"))


def test_an_encrypted_file_is_refused(folder):
    zipped((NAME, b"1"))
    content = bytearray(Path("study.zip").read_bytes())
    # The first flag in the central directory.
    content[content.index(b"PK\x01\x02") + 8] |= 1
    Path("study.zip").write_bytes(content)
    with pytest.raises(BadInput, match="is encrypted"):
        Archive(Path("study.zip"))


def test_a_damaged_file_is_one_sentence_and_leaves_nothing(folder):
    zipped((NAME, b"0123456789" * 50))
    content = bytearray(Path("study.zip").read_bytes())
    at = content.index(NAME.encode()) + len(NAME)
    content[at : at + 8] = b"\xff" * 8
    Path("study.zip").write_bytes(content)
    with pytest.raises(BadInput, match=rf"study\.zip: {NAME}: damaged"):
        Archive(Path("study.zip")).copy_text(NAME)
    assert not Path(NAME).exists()


@pytest.mark.parametrize("content", [b"", b"PK", b"text"])
def test_what_is_no_archive_is_refused(folder, content):
    Path("study.zip").write_bytes(content)
    with pytest.raises(BadInput, match=r"study\.zip: no folder and no readable zip"):
        Archive(Path("study.zip"))


def test_what_is_too_large_is_not_written(folder, monkeypatch):
    found = zipped((NAME, b"123"))
    monkeypatch.setattr(archive.untrusted, "LARGEST_TEXT", 2)
    with pytest.raises(BadInput, match="3 bytes; at most 2 are read"):
        found.copy_text(NAME)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(BadInput, match="3 bytes; 1 are free here"):
        found.copy(NAME, Path("copy"))
