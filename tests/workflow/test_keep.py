"""What a study keeps, while it is needed and after: with real Snakemake and real DVC."""

import json

import pytest

from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from tests.workflow.conftest import PIPELINE, TINY, Clone

KEEP = "\nkeep: {states: while_needed, models: local}\n"
STATES = "results/tiny/trunks/*/*/state.safetensors"
MODELS = "results/tiny/runs/*/model.safetensors"


@pytest.fixture(scope="module")
def dropped(finished, tmp_path_factory):
    """A finished study whose states were dropped afterwards."""
    clone = finished.copied(tmp_path_factory.mktemp("keep") / "clone")
    with (clone.folder / TINY).open("a", encoding="utf-8") as stream:
        stream.write(KEEP)
    clone.snakemake("--delete-temp-output")
    return clone


def here(clone, pattern):
    return len(list(clone.folder.glob(pattern)))


def test_nothing_is_made_for_the_sake_of_what_was_dropped(dropped):
    assert (here(dropped, STATES), here(dropped, MODELS)) == (0, 10)
    assert dropped.jobs_to_do() == {}
    planned = json.loads(dropped.run("scaletrace", "plan", TINY, "--json").stdout)
    assert planned["total"]["jobs_done"] == planned["total"]["jobs"]
    states = next(one for one in planned["disk"]["kinds"] if one["kind"] == "states")
    assert (states["files"], states["bytes_here"], states["stays"]) == (5, 0, "while_needed")


def test_a_record_is_complete_without_what_is_not_pushed(dropped):
    dropped.run("scaletrace", "record", "--study", "tiny")
    assert "safetensors" not in (dropped.folder / PIPELINE).read_text(encoding="utf-8")
    dropped.commit("recorded")
    assert "as recorded" in dropped.run("scaletrace", "record", "--check", "--study", "tiny").stdout
    audit = dropped.run("scaletrace", "audit", "--study", "tiny", "--hashes-only").stdout
    assert "5 files (2.2 MB) are not here" in audit


@pytest.mark.long
def test_a_fresh_clone_lacks_nothing_that_is_not_pushed(dropped, tmp_path):
    dropped.run("scaletrace", "record", "--study", "tiny")
    dropped.run("dvc", "remote", "add", "--default", "far", str(tmp_path / "far"))
    dropped.run("dvc", "push")
    dropped.commit("pushed")
    dropped.git("clone", "--quiet", str(dropped.folder), str(tmp_path / "fresh"))
    fresh = Clone.at(tmp_path / "fresh")
    assert "15 left out" in fresh.run("scaletrace", "restore", "--study", "tiny").stdout
    assert fresh.jobs_to_do() == {}
    assert "up to date" in fresh.run("dvc", "status").stdout
    fresh.run("scaletrace", "record", "--check", "--study", "tiny")


@pytest.mark.long
def test_an_added_budget_trains_the_trunks_again_and_no_finished_run(dropped, tmp_path):
    clone = dropped.copied(tmp_path / "clone")
    clone.edit(TINY, "budgets: [32_000, 48_000]", "budgets: [32_000, 48_000, 60_000]")
    clone.snakemake("--cores", "2")
    assert (here(clone, STATES), here(clone, MODELS)) == (0, 15)
    assert clone.jobs_to_do() == {}
    records = clone.folder / ledger.PROVENANCE / "jobs/tiny/anneal"
    computed = [
        path.stem for path in records.iterdir() if not read_record(path).circumstances.reused.by
    ]
    assert len(computed) == 5
    assert all(name.endswith("-60k") for name in computed)
    # Nor does the cache keep them.
    assert not list(clone.folder.glob("work/cache/*/*/state"))
