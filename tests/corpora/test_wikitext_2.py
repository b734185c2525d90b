import hashlib
import http.server
import os
import threading
import zipfile
from pathlib import Path

import pytest

from scaletrace.corpora import wikitext_2
from scaletrace.errors import BadInput
from tests.corpora.stage import SPLITS, assert_same_files, check_manifest, run


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
    for split, lines in wikitext_2.LINES.items():
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
    monkeypatch.setattr(wikitext_2, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
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


def test_official_splits_by_article(tmp_path, wikitext, archive):
    made = run(tmp_path / "zip", LOCAL, files=[archive])
    check_manifest(tmp_path / "zip", made)
    assert [len(made[split]) for split in SPLITS] == [600, 60, 60]
    for split in SPLITS:
        whole = (wikitext / f"wiki.{split}.tokens").read_text("utf-8")
        assert "".join(document["text"] for document in made[split]) == whole
    run(tmp_path / "folder", LOCAL, files=sorted(wikitext.iterdir()))
    assert_same_files(tmp_path / "zip", tmp_path / "folder")


def test_the_raw_variant_has_names_of_its_own(tmp_path, wikitext):
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


def test_what_is_said_to_lie_here_is_not_downloaded(tmp_path, server, monkeypatch):
    monkeypatch.setattr(wikitext_2, "MIRRORS", (f"{server}/whole",))
    with pytest.raises(BadInput, match="no file of it is here"):
        run(tmp_path / "out", LOCAL)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_official_checksum_is_the_one_asked_for(tmp_path, archive, monkeypatch):
    monkeypatch.undo()
    out = tmp_path / "out"
    with pytest.raises(BadInput, match=r"v1\.zip: .* 542ccefacc6c27f945fb54453812b3cd"):
        run(out, LOCAL, files=[archive])
    assert list(out.iterdir()) == []


def test_a_file_that_is_short_is_named_with_its_folder(tmp_path, wikitext):
    short, out = tmp_path / "wiki.valid.tokens", tmp_path / "out"
    short.write_text(" \n = Short = \n \n")
    others = [wikitext / f"wiki.{split}.tokens" for split in ("train", "test")]
    with pytest.raises(BadInput, match=rf"{short}: 3 lines; WikiText-2 has 3760"):
        run(out, LOCAL, files=[*others, short])
    assert list(out.iterdir()) == []


def test_mirrors_are_tried_in_turn(tmp_path, archive, server, monkeypatch, capsys):
    mirrors = tuple(f"{server}/{path}" for path in ("gone", "half", "other", "whole"))
    monkeypatch.setattr(wikitext_2, "MIRRORS", mirrors)
    run(tmp_path / "download", WIKITEXT_2)
    printed = capsys.readouterr().out
    assert [printed.count(mirror) for mirror in mirrors] == [1, 1, 1, 1]
    run(tmp_path / "local", LOCAL, files=[archive])
    assert_same_files(tmp_path / "download", tmp_path / "local")


def test_failed_downloads_leave_nothing_and_say_why(tmp_path, archive, server, monkeypatch):
    mirrors = tuple(f"{server}/{path}" for path in ("gone", "half", "other"))
    monkeypatch.setattr(wikitext_2, "MIRRORS", mirrors)
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


def test_articles():
    text = (
        " \n = One = \n \n Text with = signs = . \n = 5 = \n = = Section = = \n \n More . \n"
        " \n = Two = \n \n = = Section = = \n \n End . \n \n"
    )
    parts = wikitext_2.articles(text)
    assert [title for title, _ in parts] == ["One", "Two"]
    assert "".join(part for _, part in parts) == text


@pytest.mark.skipif(
    "SCALETRACE_TEST_DATA" not in os.environ, reason="SCALETRACE_TEST_DATA is not set"
)
@pytest.mark.parametrize("split", ["valid", "test"])
def test_wikitext2_has_60_articles_in_each_held_out_split(split):
    """The count that Merity et al. 2016, table 1, give."""
    text = (Path(os.environ["SCALETRACE_TEST_DATA"]) / f"wikitext2.{split}.txt").read_text("utf-8")
    parts = wikitext_2.articles(text)
    assert "".join(part for _, part in parts) == text
    assert len(parts) == 60


def test_what_is_downloaded_is_as_long_as_what_lies_here(archive):
    here = wikitext_2.Keys(source="wikitext-2", path=str(archive))
    download = wikitext_2.Keys.model_validate({"source": "wikitext-2"})
    assert here.raw_files() == here.named_paths() == [str(archive)]
    assert download.raw_files() == download.named_paths() == []
    assert here.text_bytes([str(archive)]) == download.text_bytes([]) == 13_000_000
    assert vars(download.settings({})) == WIKITEXT_2
