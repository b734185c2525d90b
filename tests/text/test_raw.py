import gzip
import hashlib
import os
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.text import raw


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "text.txt"


@pytest.mark.parametrize("block", [1, 2, 3, 5, raw.BLOCK])
def test_text_is_the_same_whatever_is_read_at_a_time(file, monkeypatch, block):
    monkeypatch.setattr(raw, "BLOCK", block)
    content = "\ufeffÄ\r\n€\r𝄞\n\ufeffend".encode()
    file.write_bytes(content)
    text = "Ä\n€\n𝄞\n\ufeffend"
    assert raw.read(file) == (text, hashlib.sha256(content).hexdigest())
    assert raw.decode(content, file) == text
    assert not raw.is_blank(file)


@pytest.mark.parametrize("block", [1, 4, raw.BLOCK])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"good text\xff", "byte 9 (0xff) is not UTF-8"),
        (b"\xef\xbb\xbfgood\xff", "byte 7 (0xff) is not UTF-8"),
        ("wide ä".encode("latin-1"), "byte 5 (0xe4) is not UTF-8"),
        ("ends in €".encode()[:-1], "byte 8 (0xe2) is not UTF-8"),
        ("wide".encode("utf-16"), "byte 0 (0xff) is not UTF-8"),
        ("wide".encode("utf-16-le"), "byte 1 is zero"),
    ],
)
def test_the_first_byte_that_is_no_text_is_named(file, monkeypatch, block, content, said):
    monkeypatch.setattr(raw, "BLOCK", block)
    file.write_bytes(content)
    for look in (raw.read, raw.is_blank):
        with pytest.raises(BadInput) as caught:
            look(file)
        assert str(caught.value).startswith(f"{file}: {said}")


@pytest.mark.parametrize("content", [b"", b" \n\t", b"\xef\xbb\xbf\r\n"])
def test_blank(file, content):
    file.write_bytes(content)
    assert raw.is_blank(file)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(gzip.compress(b"text", mtime=0), "gzip"), (b"PAR1\x15", "Parquet"), (b"PK\x03\x04", "zip")],
)
def test_what_is_compressed_is_known_by_how_it_begins(file, content, kind):
    file.write_bytes(content)
    with pytest.raises(BadInput, match=f"begins as {kind} does"):
        raw.is_blank(file)


def test_a_file_without_an_end_is_left_at_its_first_zero(file):
    file.touch()
    os.truncate(file, 1 << 42)
    with pytest.raises(BadInput, match="byte 0 is zero"):
        raw.is_blank(file)


def test_a_device_is_not_read():
    with pytest.raises(BadInput, match="/dev/zero: no ordinary file"):
        raw.is_blank(Path("/dev/zero"))


def test_all_that_is_wrong_is_said_at_once_and_within_bounds(tmp_path):
    files = [tmp_path / f"{i:03}.txt" for i in range(50)]
    for number, file in enumerate(files):
        file.write_bytes(b"\xff" if number % 2 else b"text")
    looked = raw.for_each([*files, tmp_path / "gone"], raw.is_blank)
    assert [next(looked) for _ in range(25)] == [(file, False) for file in files[::2]]
    with pytest.raises(BadInput) as caught:
        next(looked)
    lines = str(caught.value).splitlines()
    assert len(lines) == raw.MOST_NAMED + 2
    assert lines[0] == f"{files[1]}: byte 0 (0xff) is not UTF-8; a corpus is UTF-8 text"
    assert lines[-2] == "and 6 more"
    assert lines[-1].startswith("corpus: 26 files cannot be read as plain text in UTF-8")


def test_names_that_say_that_it_is_no_plain_text():
    raw.require_plain_names(["a.txt", "json", "gz.md", "a.json.txt"])
    others = [f"{i}.JSONL" for i in range(30)]
    with pytest.raises(BadInput) as caught:
        raw.require_plain_names(["a.txt", "b\n.gz", *others])
    said = str(caught.value)
    assert said.startswith(r"corpus.paths: 31 files hold records or are compressed, which this")
    assert r"'b\n.gz', 0.JSONL, " in said
    assert "18.JSONL, and 11 more; give their text in plain files" in said
