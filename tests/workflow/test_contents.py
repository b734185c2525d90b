"""Contents decide what is computed, and nothing is computed twice: with real Snakemake."""

import json
import os
import shutil
from pathlib import Path

import pytest

from scaletrace.formats.record import read_record
from scaletrace.jobs import known_hashes, ledger, run_cache
from scaletrace.study.rules import RULES
from tests.workflow.conftest import TINY, Clone

LARGE = Path("results/tiny/corpus/train.jsonl")


@pytest.fixture
def own(finished, tmp_path):
    """A copy of the finished clone."""
    return finished.copied(tmp_path / "clone")


def reused(clone, study="tiny"):
    """The jobs of a study that took what was computed before, by rule."""
    count = {}
    for path in sorted((clone.folder / ledger.PROVENANCE / "jobs" / study).glob("*/*.json")):
        if read_record(path).circumstances.reused.by:
            count[path.parent.name] = count.get(path.parent.name, 0) + 1
    return count


def test_a_touched_text_of_more_than_a_megabyte_runs_nothing(own):
    assert (own.folder / LARGE).stat().st_size > 1_000_000
    os.utime(own.folder / LARGE)
    assert own.jobs_to_do() == {}


def test_a_copy_without_times_runs_nothing(own, tmp_path):
    shutil.copytree(own.folder, tmp_path / "copy", symlinks=True, copy_function=shutil.copy)
    assert Clone.at(tmp_path / "copy").jobs_to_do() == {}


def test_a_changed_byte_runs_what_reads_it_whatever_the_times(own):
    path = own.folder / LARGE
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    later = path.stat().st_mtime + 1
    for made in (own.folder / "results/tiny/vocab").iterdir():
        assert made.stat().st_mtime < later
    assert {"vocab", "tokenize"} <= own.jobs_to_do().keys()


@pytest.mark.long
def test_a_second_study_with_the_same_runs_trains_nothing(own):
    text = (own.folder / "config/tiny.yaml").read_text(encoding="utf-8")
    second = own.folder / "config/second.yaml"
    second.write_text(text.replace("study: tiny", "study: second"), encoding="utf-8")
    own.run("snakemake", "--configfile", str(second), "--cores", "2")
    count = reused(own, "second")
    of_tiny = own.folder / ledger.PROVENANCE / "jobs/tiny"
    computing = [n for n, r in RULES.items() if r.kind in ("training", "measurement")]
    expected = {rule: len(list((of_tiny / rule).glob("*.json"))) for rule in computing}
    assert count.items() >= {n: c for n, c in expected.items() if c}.items()
    assert "cost nothing" in own.run("scaletrace", "cost", "--study", "second").stdout
    here, there = (own.folder / f"results/{study}/observations.csv" for study in ("tiny", "second"))
    assert here.read_bytes() == there.read_bytes()
    audit = own.run("scaletrace", "audit", "--study", "second", "--hashes-only").stdout
    assert "reused, as claimed by" in audit


@pytest.mark.long
def test_a_deleted_run_comes_back_and_every_command_says_so(own):
    shutil.rmtree(own.folder / "results/tiny/runs/d8-l1-s0-32k")
    assert own.jobs_to_do().get("anneal") == 1
    status = own.run("scaletrace", "status", "--study", "tiny", "--json", check=False).stdout
    assert json.loads(status)["counts"]["runs"] == {"done": 9, "jobs": 10}
    own.snakemake("--cores", "2")
    assert own.jobs_to_do() == {}
    own.run("scaletrace", "record", "--study", "tiny")


@pytest.mark.parametrize("kind", ["copy", pytest.param("hardlink", marks=pytest.mark.long)])
def test_hashes_are_known_after_a_record(own, monkeypatch, kind):
    own.run("dvc", "config", "cache.type", kind)
    monkeypatch.chdir(own.folder)
    known_hashes.hashes(LARGE)
    own.run("scaletrace", "record", "--study", "tiny")
    assert known_hashes.hashes(LARGE)[1]


def test_results_that_a_clone_brings_are_refused(own):
    own.git("add", "--force", "work/cache")
    own.commit("planted")
    done = own.snakemake("--cores", "2", check=False)
    assert done.returncode == 2
    assert "git tracks it" in done.stderr


@pytest.mark.long
def test_a_file_beside_the_workflow_stands_for_no_library(own):
    (own.folder / "numpy.py").write_text("raise SystemExit('sprung')\n", encoding="utf-8")
    shutil.rmtree(own.folder / "results/tiny/fits")
    own.run("env", f"{run_cache.VARIABLE}=off", "snakemake", "--configfile", TINY, "--cores", "2")
