"""An author's own text through real Snakemake: names of every kind, empty files and bad ones."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import TINY, Clone

# Letters that mean something to a shell, to globs, to Snakemake, to YAML, to JSON or to DVC.
NAMES = [
    *("a b.txt", "-dash.txt", "b[1].txt", "b1.txt", "*.txt", "new\nline.txt", "tab\t.txt"),
    *("{.txt", "{a-b}.txt", "}{.txt", "<B>.txt", "$HOME.txt", "`id`.txt", "q'uote\".txt"),
    *("back\\slash.txt", "hash # .txt", "a: b.txt", "%s.txt", "~.txt", "ä😀.txt", " end "),
]
MANIFEST = "results/words/corpus/manifest.json"


def write_study(clone, **corpus):
    study = yaml.safe_load((clone.folder / TINY).read_text(encoding="utf-8"))
    study |= {
        "study": "words",
        "corpus": {"source": "files", "valid": 0.2, "test": 0.2, **corpus},
        "vocabulary": {"kind": "bytes"},
        "evaluation": {"tokens": 1024},
    }
    (clone.folder / "config/words.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")


def snakemake(clone, *words, check=True):
    command = ("snakemake", *words, "--cores", "2", "--configfile", "config/words.yaml")
    return clone.run(*command, check=check)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with a study of files of every kind of name, in a folder with brackets."""
    clone = Clone(tmp_path_factory.mktemp("text") / "clone")
    folder = clone.folder / "text [mine]"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        lines = [f"line {line} of file {number}, by itself" for line in range(20)]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    for number in range(25):
        (folder / f"empty-{number:02}.txt").write_text("\n" * number, encoding="utf-8")
    return clone


def test_files_of_every_name_are_read_and_empty_ones_counted(clone):
    write_study(clone, paths=["text [mine]/*"], document="line")
    said = clone.run("scaletrace", "check", "config/words.yaml").stdout
    assert f"text from {len(NAMES) + 25} files, 25 of them empty and passed over" in said
    snakemake(clone, MANIFEST)
    manifest = json.loads((clone.folder / MANIFEST).read_text(encoding="utf-8"))
    folder = clone.folder / "text [mine]"
    assert manifest["files"] == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }
    assert set(NAMES) < manifest["files"].keys()
    assert manifest["empty"]["files"] == 25
    assert manifest["empty"]["first"] == [f"empty-{number:02}.txt" for number in range(20)]
    documents = sum(split["documents"] for split in manifest["splits"].values())
    assert documents == 20 * len(NAMES)
    assert "Nothing to be done" in snakemake(clone, MANIFEST, "--dry-run").stdout


def test_bad_files_stop_check_and_the_job_with_a_sentence_each(clone):
    folder = clone.folder / "bad"
    folder.mkdir()
    (folder / "latin.txt").write_bytes(b"\xe4")
    (folder / "packed.txt").write_bytes(b"\x1f\x8b")
    write_study(clone, paths=["text [mine]/b[1].txt", "bad/*"], document="line")
    done = clone.run("scaletrace", "check", "config/words.yaml", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert snakemake(clone, MANIFEST, check=False).returncode != 0
    log = (clone.folder / "results/words/logs/corpus.log").read_text(encoding="utf-8")
    for told in (done.stderr, log):
        assert "bad/latin.txt: byte 0 (0xe4) is not UTF-8" in told
        assert "bad/packed.txt: begins as gzip does" in told
        assert "corpus: 2 files cannot be read as plain text" in told
        assert "Traceback" not in told


def test_a_name_that_snakemake_would_replace_is_refused_before_any_job(clone):
    (clone.folder / "{line}.txt").write_text("text", encoding="utf-8")
    write_study(clone, paths=["{line}.txt"], document="line")
    done = snakemake(clone, MANIFEST, "--dry-run", check=False)
    assert done.returncode == 2
    assert "Snakemake would replace: {line}.txt; rename" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_study_of_such_files_is_recorded_audited_and_traced(clone):
    write_study(clone, paths=["text [mine]/*"], document="line")
    clone.run("snakemake", "--cores", "2", "--configfile", "config/words.yaml")
    clone.run("scaletrace", "record", "--study", "words")
    clone.commit("recorded")
    clone.run("scaletrace", "record", "--check", "--study", "words")
    assert "verified: " in clone.run("scaletrace", "audit", "--study", "words").stdout
    figure = "results/words/figures/loss_vs_params.csv"
    traced = json.loads(clone.run("scaletrace", "trace", "--json", figure).stdout)
    (corpus,) = (job for job in traced["jobs"].values() if job["job"].startswith("corpus"))
    assert {Path(raw["file"]).name for raw in corpus["raw"]} > set(NAMES)
    assert "new?line.txt" in clone.run("scaletrace", "trace", figure).stdout
    fit = json.loads(next((clone.folder / "results/words/fits").glob("*.json")).read_text())
    manifest = json.loads((clone.folder / MANIFEST).read_text(encoding="utf-8"))
    assert fit["checklist"]["held_out_text_in_train"] == manifest["overlap"]
    changed = clone.folder / "text [mine]" / "new\nline.txt"
    changed.write_text("another text", encoding="utf-8")
    done = clone.run("scaletrace", "audit", "--study", "words", check=False)
    assert done.returncode == 1
    assert "text [mine]/new" in done.stdout
