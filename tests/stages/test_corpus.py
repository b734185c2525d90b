import hashlib
import http.server
import importlib.metadata
import json
import os
import threading
import zipfile
from pathlib import Path

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import corpus

SPLITS = ("train", "valid", "test")


def run(folder: Path, settings, **inputs: list[Path]) -> dict:
    """Run the stage into `folder`; return the documents of each split and the manifest."""
    folder.mkdir(exist_ok=True)
    outputs = {split: folder / f"{split}.jsonl" for split in SPLITS}
    manifest = folder / "manifest.json"
    contract.run(corpus, inputs, outputs | {"manifest": manifest}, settings, folder)
    read = {
        split: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for split, path in outputs.items()
    }
    return read | {"manifest": json.loads(manifest.read_text("utf-8"))}


def check_manifest(folder: Path, made: dict) -> None:
    for split in SPLITS:
        assert made["manifest"]["splits"][split] == {
            "documents": len(made[split]),
            "bytes": sum(len(document["text"].encode()) for document in made[split]),
            "sha256": hashlib.sha256((folder / f"{split}.jsonl").read_bytes()).hexdigest(),
        }


def assert_same_files(first: Path, second: Path) -> None:
    for name in (*(f"{split}.jsonl" for split in SPLITS), "manifest.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


class TestDocstrings:
    @staticmethod
    def settings(version: str | None = None, **changes):
        version = version or importlib.metadata.version("networkx")
        return {
            "source": "docstrings",
            "packages": {"networkx": version},
            "valid": 0.05,
            "test": 0.05,
        } | changes

    def test_reads_an_installed_package_and_repeats_itself(self, tmp_path):
        made = run(tmp_path / "first", self.settings())
        check_manifest(tmp_path / "first", made)
        texts = {split: {document["text"] for document in made[split]} for split in SPLITS}
        assert sum(map(len, texts.values())) == len(set.union(*texts.values())) > 1000
        assert all(len(text) > 200 for split in texts.values() for text in split)
        everything = [document for split in SPLITS for document in made[split]]
        found = {document["source"]: document["text"] for document in everything}
        assert found["networkx/classes/graph.py:Graph"].startswith(
            "Base class for undirected graphs."
        )
        assert made["manifest"]["packages"] == self.settings()["packages"]
        run(tmp_path / "second", self.settings())
        assert_same_files(tmp_path / "first", tmp_path / "second")

    @pytest.mark.parametrize(
        ("packages", "message"),
        [
            ({"networkx": "0.1"}, r"corpus\.packages\.networkx: 0\.1; .* is installed"),
            ({"no-such-package-here": "1"}, r"corpus\.packages\.no-such-package-here: 1; no such"),
        ],
    )
    def test_other_versions_are_refused(self, tmp_path, packages, message):
        with pytest.raises(BadInput, match=message):
            run(tmp_path, self.settings(packages=packages))
        assert list(tmp_path.iterdir()) == []

    def test_a_split_without_documents_is_refused(self, tmp_path):
        with pytest.raises(BadInput, match=r"no document falls to the test split .* test: 0"):
            run(tmp_path, self.settings(test=0.0))
        assert list(tmp_path.iterdir()) == []


PARAGRAPHS = {"source": "files", "document": "paragraph", "valid": 0.2, "test": 0.2}


class TestFiles:
    def test_paragraphs_of_several_files(self, tmp_path):
        (tmp_path / "in/deep").mkdir(parents=True)
        first, second = tmp_path / "in/a.txt", tmp_path / "in/deep/b.txt"
        first.write_bytes(
            b"\xef\xbb\xbf" + "\r\n\r\n".join(f"Päragraph {i}\r\nof a" for i in range(30)).encode()
        )
        second.write_text(
            "\n\n\n".join(f"Paragraph {i}" for i in range(30)) + "\n\nPäragraph 0\nof a"
        )
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

    def test_whole_files(self, tmp_path):
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
    def test_files_that_are_no_text_are_refused(self, tmp_path, content, message):
        good, bad, out = tmp_path / "good.txt", tmp_path / "bad.txt", tmp_path / "out"
        good.write_text("text\n\n" * 50)
        if content is None:
            bad.mkdir()
        else:
            bad.write_bytes(content)
        with pytest.raises(BadInput, match=message):
            run(out, PARAGRAPHS, files=[good, bad])
        assert list(out.iterdir()) == []


def wikitext_split(lines: int, articles: int) -> str:
    """Write a split of `lines` lines and `articles` articles in WikiText's form."""
    heads = [f" \n = Article {i} of {lines} = \n \n" for i in range(articles)]
    filler = lines - 3 * articles
    share = [filler // articles + (i < filler % articles) for i in range(articles)]
    return "".join(
        head + " A line of text . \n" * count for head, count in zip(heads, share, strict=True)
    )


@pytest.fixture(scope="module")
def wikitext(tmp_path_factory) -> Path:
    """A folder of three files with the official names and numbers of lines."""
    folder = tmp_path_factory.mktemp("wikitext")
    for split, lines in corpus.WIKITEXT_LINES.items():
        text = wikitext_split(lines, 600 if split == "train" else 60)
        real = Path(os.environ.get("SCALETRACE_TEST_DATA", "")) / f"wikitext2.{split}.txt"
        if real.is_file():
            text = real.read_text("utf-8")
        (folder / f"wiki.{split}.tokens").write_text(text, "utf-8")
    return folder


@pytest.fixture
def archive(wikitext, tmp_path, monkeypatch) -> Path:
    """A zip of the three files, whose checksum stands in for that of the official one."""
    path = tmp_path / "wikitext-2-v1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as files:
        for file in wikitext.iterdir():
            files.write(file, f"wikitext-2/{file.name}")
    monkeypatch.setattr(corpus, "WIKITEXT_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    return path


@pytest.fixture
def server(archive):
    """Serve the archive at /whole, half of it at /half, something else at /other."""
    content = archive.read_bytes()
    bodies = {"/whole": content, "/half": content[: len(content) // 2], "/other": b"<html>"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path not in bodies:
                self.send_error(403)
                return
            self.send_response(200)
            promised = content if self.path == "/half" else bodies[self.path]
            self.send_header("Content-Length", str(len(promised)))
            self.end_headers()
            self.wfile.write(bodies[self.path])

        def log_message(self, format, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


WIKITEXT_2 = {"source": "wikitext-2", "path": None}
LOCAL = WIKITEXT_2 | {"path": "of the user's"}


class TestWikiText2:
    def test_official_splits_by_article(self, tmp_path, wikitext, archive):
        made = run(tmp_path / "zip", LOCAL, files=[archive])
        check_manifest(tmp_path / "zip", made)
        assert [len(made[split]) for split in SPLITS] == [600, 60, 60]
        for split in SPLITS:
            whole = (wikitext / f"wiki.{split}.tokens").read_text("utf-8")
            assert "".join(document["text"] for document in made[split]) == whole
        run(tmp_path / "folder", LOCAL, files=sorted(wikitext.iterdir()))
        assert_same_files(tmp_path / "zip", tmp_path / "folder")

    def test_the_raw_variant_has_names_of_its_own(self, tmp_path, wikitext):
        files = [tmp_path / f"{tokens.stem}.raw" for tokens in wikitext.iterdir()]
        for file in files:
            file.write_bytes((wikitext / f"{file.stem}.tokens").read_bytes())
        made = run(tmp_path / "out", LOCAL, files=files)
        check_manifest(tmp_path / "out", made)
        for split in SPLITS:
            assert made[split][0]["source"].startswith(f"wiki.{split}.raw:")
        assert made["manifest"]["files"] == {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files
        }

    def test_what_is_said_to_lie_here_is_not_downloaded(self, tmp_path, server, monkeypatch):
        monkeypatch.setattr(corpus, "WIKITEXT_MIRRORS", (f"{server}/whole",))
        with pytest.raises(BadInput, match="no file of it is here"):
            run(tmp_path / "out", LOCAL)
        assert list((tmp_path / "out").iterdir()) == []

    def test_the_official_checksum_is_the_one_asked_for(self, tmp_path, archive, monkeypatch):
        monkeypatch.undo()
        out = tmp_path / "out"
        with pytest.raises(BadInput, match=r"v1\.zip: .* 542ccefacc6c27f945fb54453812b3cd"):
            run(out, LOCAL, files=[archive])
        assert list(out.iterdir()) == []

    def test_a_file_that_is_short_is_named_with_its_folder(self, tmp_path, wikitext):
        short, out = tmp_path / "wiki.valid.tokens", tmp_path / "out"
        short.write_text(" \n = Short = \n \n")
        others = [wikitext / f"wiki.{split}.tokens" for split in ("train", "test")]
        with pytest.raises(BadInput, match=rf"{short}: 3 lines; WikiText-2 has 3760"):
            run(out, LOCAL, files=[*others, short])
        assert list(out.iterdir()) == []

    def test_mirrors_are_tried_in_turn(self, tmp_path, archive, server, monkeypatch, capsys):
        mirrors = tuple(f"{server}/{path}" for path in ("gone", "half", "other", "whole"))
        monkeypatch.setattr(corpus, "WIKITEXT_MIRRORS", mirrors)
        run(tmp_path / "download", WIKITEXT_2)
        printed = capsys.readouterr().out
        assert [printed.count(mirror) for mirror in mirrors] == [1, 1, 1, 1]
        run(tmp_path / "local", LOCAL, files=[archive])
        assert_same_files(tmp_path / "download", tmp_path / "local")

    def test_failed_downloads_leave_nothing_and_say_why(
        self, tmp_path, archive, server, monkeypatch
    ):
        mirrors = tuple(f"{server}/{path}" for path in ("gone", "half", "other"))
        monkeypatch.setattr(corpus, "WIKITEXT_MIRRORS", mirrors)
        out = tmp_path / "out"
        with pytest.raises(BadInput) as raised:
            run(out, WIKITEXT_2)
        message = str(raised.value)
        size = archive.stat().st_size
        assert "/gone: HTTP Error 403" in message
        assert f"/half: the connection ended after {size // 2:,} of {size:,} bytes" in message
        assert "/other: 6 bytes with md5" in message
        assert "Give `path:`" in message
        assert list(out.iterdir()) == []
