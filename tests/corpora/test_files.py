import hashlib
import os
import re
from pathlib import Path

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


def test_lines(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\r\n".join(f"line {i}\r\n \t" for i in range(50)).encode())
    made = run(tmp_path / "out", PARAGRAPHS | {"document": "line"}, files=[file])
    documents = {d["source"]: d["text"] for split in SPLITS for d in made[split]}
    assert documents == {f"a.txt:{2 * i + 1}": f"line {i}" for i in range(50)}
    assert all(made["manifest"]["overlap"][s]["documents"] == 0 for s in ("valid", "test"))
    assert all(made["manifest"]["overlap"][s]["too_short"] > 0 for s in ("valid", "test"))


def test_empty_files_are_counted_named_and_passed_over(tmp_path):
    (tmp_path / "in").mkdir()
    contents = [b"text\n\n" * 2, b"", b" \n", b"\xef\xbb\xbf"]
    files = [tmp_path / "in" / f"{i:02}.txt" for i in range(100)]
    for i, file in enumerate(files):
        file.write_bytes(contents[i % 4] if i % 4 else f"text {i}".encode())
    keys = Keys.model_validate({"source": "files", "paths": [f"{tmp_path}/in/*"]})
    assert keys.examine(keys.raw_files()) == ", 75 of them empty and passed over"
    assert keys.examine(keys.raw_files()[::4]) == ""
    made = run(tmp_path / "out", PARAGRAPHS | {"document": "file"}, files=files)
    assert sum(len(made[split]) for split in SPLITS) == 25
    empty = made["manifest"]["empty"]
    assert empty["files"] == 75
    assert empty["first"] == [f"{i:02}.txt" for i in range(100) if i % 4][:20]
    assert len(made["manifest"]["files"]) == 100


def test_files_that_are_no_text_are_refused_all_at_once_by_job_and_check(tmp_path):
    names, out = ["good.txt", "latin.txt", "packed.txt", "folder"], tmp_path / "out"
    good, latin, packed, folder = files = [tmp_path / name for name in names]
    good.write_text("text\n\n" * 50)
    latin.write_bytes(b"good text\xff")
    packed.write_bytes(b"\x1f\x8b\x08")
    folder.mkdir()
    keys = Keys.model_validate({"source": "files", "paths": ["*"]})
    said = []
    for refuse in (
        lambda: run(out, PARAGRAPHS, files=files),
        lambda: keys.examine(sorted(map(str, files))),
    ):
        with pytest.raises(BadInput) as caught:
            refuse()
        said.append(str(caught.value))
    assert said[0] == said[1]
    lines = said[0].splitlines()
    assert lines[0] == f"{folder}: no ordinary file; a readable file is needed"
    assert lines[1].startswith(f"{latin}: byte 9 (0xff) is not UTF-8")
    assert lines[2].startswith(f"{packed}: begins as gzip does")
    assert lines[3].startswith("corpus: 3 files cannot be read")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("document", "helps"),
    [("file", "`document: paragraph` or `document: line`"), ("paragraph", "`document: line`")],
)
def test_a_split_without_documents_is_told_what_gives_more(tmp_path, document, helps):
    file = tmp_path / "a.txt"
    file.write_text("one text")
    with pytest.raises(BadInput, match=f"none of 1 different documents falls to .*; {helps} makes"):
        run(tmp_path / "out", PARAGRAPHS | {"document": document}, files=[file])


def test_near_copies_are_dropped_and_counted(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    texts = [f"Paragraph {i}\nof a text" for i in range(100)]
    first.write_text("\n\n".join(texts))
    second.write_text("\n\n".join(text.replace(" ", "  ").upper() for text in texts))
    made = run(tmp_path / "out", PARAGRAPHS, files=[first, second])
    documents = [document for split in SPLITS for document in made[split]]
    assert {document["source"].partition(":")[0] for document in documents} == {"a.txt"}
    assert made["manifest"]["duplicates"] == len(documents) == 100


def test_what_held_out_documents_share_with_train_is_in_the_manifest(tmp_path):
    file = tmp_path / "a.txt"
    common = " ".join(f"word{i}" for i in range(30))
    file.write_text("\n".join(f"{common} {i}" for i in range(200)))
    made = run(tmp_path / "out", PARAGRAPHS | {"document": "line"}, files=[file])
    for split in ("valid", "test"):
        assert made["manifest"]["overlap"][split] == {
            "documents": made["manifest"]["splits"][split]["documents"],
            "bytes": made["manifest"]["splits"][split]["bytes"],
            "too_short": 0,
        }


@pytest.mark.parametrize("name", ["{a}.txt", "<results>.txt", "{n}/a.txt", "{ a , .+}.txt"])
def test_names_that_snakemake_would_replace_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    for path in (name, "{.txt", "{a-b}.txt", "<A>.txt", "{}.txt", "a}.txt"):
        Path(path).write_text("text")
    keys = {"source": "files", "paths": ["**"]}
    with pytest.raises(BadInput, match=rf"1 files have .* replace: {re.escape(name)}; rename"):
        Keys.model_validate(keys).raw_files()
    Path(name).unlink()
    assert len(Keys.model_validate(keys).raw_files()) == 5


def test_names_that_are_no_unicode_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(b"\xff.txt")).write_text("text")
    with pytest.raises(BadInput, match=r"1 files have a name that is not UTF-8.*'\\udcff\.txt'"):
        Keys.model_validate({"source": "files", "paths": ["*"]}).raw_files()


def test_records_and_what_is_compressed_are_refused_by_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.jsonl", "c.txt.gz", "d.PARQUET"):
        Path(name).write_text("text")
    keys = Keys.model_validate({"source": "files", "paths": ["*"]})
    with pytest.raises(BadInput, match=r"3 files hold .*: b\.jsonl, c\.txt\.gz, d\.PARQUET; give"):
        keys.raw_files()


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
    keys = Keys.model_validate({"source": "files", "paths": ["b.txt", "./*.txt", "../*/a.txt"]})
    assert keys.raw_files() == ["../here/a.txt", "a.txt", "b.txt"]
    assert keys.text_bytes(["a.txt", "b.txt"]) == 20
    assert keys.named_paths() == ["b.txt", "./*.txt", "../*/a.txt"]
    keys.check(bpe.Keys(kind="bpe", size=277), ["a.txt", "b.txt"])
    with pytest.raises(BadInput, match=r"vocabulary\.size: found 278; .* 20 bytes .* at most 277"):
        keys.check(bpe.Keys(kind="bpe", size=278), ["a.txt", "b.txt"])


def test_a_pattern_that_matches_nothing_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(BadInput, match=r"corpus\.paths\[1\]: found 'b/\*', which matches no file"):
        Keys.model_validate({"source": "files", "paths": ["a.txt", "b/*"]}).raw_files()
