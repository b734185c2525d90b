"""WikiText-2 from a local copy, through real Snakemake: a folder of either variant, and the zip."""

import hashlib
import itertools
import json
import os
import zipfile
from pathlib import Path

import pytest
import yaml

from scaletrace.corpora.wikitext_2 import LINES
from tests.workflow.conftest import TINY, Clone

SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def splits():
    """The held-out splits as they are; in place of train, their lines over and over."""
    if "SCALETRACE_TEST_DATA" not in os.environ:
        pytest.skip("SCALETRACE_TEST_DATA is not set: the splits of WikiText-2 are not at hand")
    folder = Path(os.environ["SCALETRACE_TEST_DATA"])
    held_out = {
        split: (folder / f"wikitext2.{split}.txt").read_bytes() for split in ("valid", "test")
    }
    lines = itertools.cycle(b"".join(held_out.values()).splitlines(keepends=True))
    train = b"".join(itertools.islice(lines, LINES["train"]))
    return {"train": train, **held_out}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return Clone(tmp_path_factory.mktemp("wikitext") / "clone")


def write_study(clone, name, path):
    """Write the tiny study of another text; return its file and the folder of its corpus."""
    study = yaml.safe_load((clone.folder / TINY).read_text(encoding="utf-8"))
    study |= {"study": name, "corpus": {"source": "wikitext-2", "path": path}}
    file = f"config/{name}.yaml"
    (clone.folder / file).write_text(yaml.safe_dump(study), encoding="utf-8")
    return file, f"results/{name}/corpus"


def snakemake(clone, study, corpus, *words, check=True):
    target = f"{corpus}/manifest.json"
    return clone.run(
        "snakemake", target, "--cores", "1", "--configfile", study, *words, check=check
    )


@pytest.mark.parametrize("variant", ["tokens", "raw"])
def test_a_folder_of_either_variant_is_read(clone, splits, variant):
    folder = clone.folder / f"texts-{variant}"
    folder.mkdir()
    (folder / "README").write_text("none of the splits", encoding="utf-8")
    for split, text in splits.items():
        (folder / f"wiki.{split}.{variant}").write_bytes(text)
    study, corpus = write_study(clone, variant, folder.name)
    snakemake(clone, study, corpus)
    given = {path.name: path for path in folder.glob("wiki.*")}
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in given.items()}
    manifest = json.loads((clone.folder / corpus / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == sums
    record = json.loads(
        (clone.folder / f"provenance/jobs/{variant}/corpus/corpus.json").read_text(encoding="utf-8")
    )
    found = {(e["name"], e["path"], e["sha256"]) for e in record["identity"]["inputs"]}
    assert found == {("files", f"{folder.name}/{name}", sums[name]) for name in given}
    for split in SPLITS:
        lines = (clone.folder / corpus / f"{split}.jsonl").read_text("utf-8").splitlines()
        documents = [json.loads(line) for line in lines]
        assert "".join(document["text"] for document in documents).encode() == splits[split]
        assert all(d["source"].startswith(f"wiki.{split}.{variant}:") for d in documents)
    edited = given[f"wiki.valid.{variant}"]
    edited.write_bytes(splits["valid"].replace(b" the ", b" a ", 1))
    said = snakemake(clone, study, corpus, "--dry-run").stdout
    assert f"Updated input files: {folder.name}/{edited.name}\n" in said


def test_another_zip_is_refused_and_nothing_is_downloaded(clone):
    with zipfile.ZipFile(clone.folder / "wikitext-2-v1.zip", "w") as made:
        for split in SPLITS:
            made.writestr(f"wikitext-2/wiki.{split}.tokens", " \n = Title = \n \n")
    study, corpus = write_study(clone, "zipped", "wikitext-2-v1.zip")
    assert snakemake(clone, study, corpus, check=False).returncode != 0
    log = (clone.folder / "results/zipped/logs/corpus.log").read_text(encoding="utf-8")
    assert log.startswith("corpus: wikitext-2-v1.zip: ")
    assert "wikitext-2-v1.zip has 542ccefacc6c27f945fb54453812b3cd" in log
    assert "http" not in log
    assert not list((clone.folder / corpus).glob("*"))
