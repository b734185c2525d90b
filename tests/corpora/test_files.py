import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.corpora.files import paragraphs
from scaletrace.errors import BadInput
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
    found = {d["source"]: d["text"] for split in SPLITS for d in made[split]}
    assert len(found) == 60
    assert found["a.txt:1"] == "Päragraph 0\nof a"
    assert found["a.txt:4"] == "Päragraph 1\nof a"
    assert found["deep/b.txt:4"] == "Paragraph 1"
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
    found = {d["source"]: d["text"] for split in SPLITS for d in made[split]}
    assert found == {file.name: file.read_text() for file in files}


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
    found = paragraphs(text)
    lines = text.split("\n")
    kept = [line for _, part in found for line in part.split("\n")]
    assert kept == [line for line in lines if line.strip()]
    for number, part in found:
        count = part.count("\n") + 1
        assert lines[number - 1 : number - 1 + count] == part.split("\n")
