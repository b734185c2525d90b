"""`scaletrace record` with real DVC and real git."""

import hashlib

import pytest
import yaml


@pytest.fixture(scope="module")
def recorded(finished):
    finished.run("scaletrace", "record", "--study", "tiny")
    return finished


def tree(clone):
    return {name: (clone.folder / name).read_bytes() for name in ("dvc.yaml", "dvc.lock")}


def test_dvc_holds_every_artifact_and_is_clean(recorded):
    assert "up to date" in recorded.run("dvc", "status").stdout
    lock = yaml.safe_load((recorded.folder / "dvc.lock").read_text())
    held = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    results = recorded.folder / "results/tiny"
    files = {
        f"results/tiny/{path.relative_to(results)}"
        for path in results.rglob("*")
        if path.is_file() and path.relative_to(results).parts[0] not in {"logs", "timings.csv"}
    }
    assert held.keys() == files
    for path, md5 in held.items():
        content = (recorded.folder / path).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5


def test_recording_leaves_snakemake_nothing_to_do(recorded):
    assert recorded.jobs_to_do() == {}


def test_recording_again_changes_no_byte(recorded):
    before = tree(recorded)
    recorded.run("scaletrace", "record", "--study", "tiny")
    assert tree(recorded) == before


def test_the_records_are_ready_to_commit(recorded):
    staged = recorded.git("diff", "--cached", "--name-only").splitlines()
    assert {"dvc.yaml", "dvc.lock"} <= set(staged)
    assert sum(name.startswith("provenance/jobs/tiny/anneal/") for name in staged) == 10


def test_dvc_repro_runs_and_deletes_nothing(recorded):
    before = tree(recorded)
    model = recorded.folder / "results/tiny/runs/d8-l1-s0-32k/model.safetensors"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        done = recorded.run("dvc", "repro", check=False)
        assert done.returncode != 0
        assert "use snakemake" in done.stdout + done.stderr
        assert model.read_bytes() != content
        assert tree(recorded) == before
    finally:
        model.write_bytes(content)


def test_a_file_changed_after_its_job_is_not_recorded(recorded):
    path = recorded.folder / "results/tiny/observations.csv"
    content = path.read_bytes()
    before = tree(recorded)
    path.write_bytes(content.replace(b"ok", b"OK", 1))
    try:
        done = recorded.run("scaletrace", "record", "--study", "tiny", check=False)
        assert done.returncode == 2
        assert "results/tiny/observations.csv" in done.stderr
        assert tree(recorded) == before
    finally:
        path.write_bytes(content)


def test_an_unfinished_study_is_not_recorded(clone):
    clone.edit("config/tiny.yaml", "value: 0.010", "value: 0.020")
    done = clone.run("scaletrace", "record", "--study", "tiny", check=False)
    assert done.returncode == 2
    assert "run snakemake --configfile config/tiny.yaml first" in done.stderr
