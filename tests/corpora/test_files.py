import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.corpora.files import Keys, paragraphs
from scaletrace.errors import BadInput
from scaletrace.tokenizers import bpe
from tests.corpora.stage import SPLITS, assert_same_files, check_manifest, run

PARAGRAPHS = {"source": "files", "document": "paragraph", "valid": 0.2, "test": 0.2}


def test_paragraphs_of_several_files(tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    first, second = tmp_path / "in/a.txt", tmp_path / "in/deep/b.txt"
    first.write_bytes(
        b"\xef\xbb\xbf" + "\r\n\r\n".join(f"Päragraph {i}\r\nof a" for i in range(30)).encode()
    )
    second.write_text("\n\n\n".join(f"Paragraph {i}" for i in range(30)) + "\n\nPäragraph 0\nof a")
    made = run(tmp_path / "out", PARAGRAPHS, files=[second, first])
    check_manifest(tmp_path / "out", made)
    documents = {d["source"]: d["text"] for split in SPLITS for d in made[split]}
    assert len(documents) == 60
    assert documents["a.txt:1"] == "Päragraph 0\nof a"
    assert documents["a.txt:4"] == "Päragraph 1\nof a"
    assert documents["deep/b.txt:4"] == "Paragraph 1"
    assert made["manifest"]["files"] == {
        "a.txt": hashlib.sha256(first.read_bytes()).hexdigest(),
        "deep/b.txt": hashlib.sha256(second.read_bytes()).hexdigest(),
    }
    run(tmp_path / "again", PARAGRAPHS, files=[first, second])
    assert_same_files(tmp_path / "out", tmp_path / "again")


def test_whole_files(tmp_path):
    files = [tmp_path / f"{i}.txt" for i in range(30)]
    for i, file in enumerate(files):
        file.write_text(f"text {i}\n\nmore\n")
    made = run(tmp_path / "out", PARAGRAPHS | {"document": "file"}, files=files)
    documents = {d["source"]: d["text"] for split in SPLITS for d in made[split]}
    assert documents == {file.name: file.read_text() for file in files}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good text\xff", r"bad\.txt: byte 9 \(0xff\) is not UTF-8"),
        (b"\xef\xbb\xbfgood\xff", r"bad\.txt: byte 7 \(0xff\) is not UTF-8"),
        (b"", r"bad\.txt: the file holds no text"),
        (b" \n", r"bad\.txt: the file holds no text"),
        (None, r"bad\.txt: .*directory"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path, content, message):
    good, bad, out = tmp_path / "good.txt", tmp_path / "bad.txt", tmp_path / "out"
    good.write_text("text\n\n" * 50)
    if content is None:
        bad.mkdir()
    else:
        bad.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        run(out, PARAGRAPHS, files=[good, bad])
    assert list(out.iterdir()) == []


@given(st.text(alphabet=" \n\tab"))
def test_paragraphs_lose_nothing_but_blank_lines(text):
    parts = paragraphs(text)
    lines = text.split("\n")
    kept = [line for _, part in parts for line in part.split("\n")]
    assert kept == [line for line in lines if line.strip()]
    for number, part in parts:
        count = part.count("\n") + 1
        assert lines[number - 1 : number - 1 + count] == part.split("\n")


def test_paths_and_globs_name_each_file_once(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("b.txt", "a.txt"):
        (tmp_path / "here" / name).write_text("0123456789")
    keys = Keys.model_validate({"source": "files", "paths": ["b.txt", "*.txt", "../*/a.txt"]})
    assert keys.raw_files() == ["../here/a.txt", "a.txt", "b.txt"]
    assert keys.text_bytes(["a.txt", "b.txt"]) == 20
    assert keys.named_paths() == ["b.txt", "*.txt", "../*/a.txt"]
    keys.check(bpe.Keys(kind="bpe", size=277), ["a.txt", "b.txt"])
    with pytest.raises(BadInput, match=r"vocabulary\.size: found 278; .* 20 bytes .* at most 277"):
        keys.check(bpe.Keys(kind="bpe", size=278), ["a.txt", "b.txt"])


def test_a_pattern_that_matches_nothing_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(BadInput, match=r"corpus\.paths\[1\]: found 'b/\*', which matches no file"):
        Keys.model_validate({"source": "files", "paths": ["a.txt", "b/*"]}).raw_files()
