"""DVC's files, metrics and root against the records."""

from pathlib import Path

import pytest

from scaletrace.formats import files
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.audit import locks
from scaletrace.lineage.dvc import pipeline
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, KEEP, TABLE, edit, text

OBSERVE = "provenance/jobs/s/observe/observe.json"
YAML, LOCK = (f"provenance/dvc/s/dvc.{suffix}" for suffix in ("yaml", "lock"))
METRICS = "provenance/metrics/s/power.json"


def hashed(path):
    hashes = files.hashes(Path(path))
    return {"path": path, "hash": "md5", "md5": hashes["md5"], "size": hashes["size"]}


@pytest.fixture
def recorded(study):
    """A study with a pipeline, a lock and a root, as `scaletrace record` writes them."""
    jobs = Ancestry("s").jobs
    content = pipeline.compiled(jobs, "s", Path(CONFIG), {TABLE}, KEEP)
    text(YAML, pipeline.text(content))
    stages = {
        name: {
            "cmd": stage["cmd"],
            "deps": [hashed(path) for path in stage["deps"]],
            "outs": [hashed(path) for out in stage["outs"] for path in out],
        }
        for name, stage in content["stages"].items()
    }
    text(LOCK, pipeline.lock_text(stages))
    text(METRICS, '{"E": 2.0}')
    small_study.write_root()


def check(**options):
    scope = small_study.scope(**options)
    return {(one.file, one.field): one for one in locks.check(scope, Path(CONFIG))}, scope.notes


def test_a_recorded_study_has_no_findings(recorded):
    assert check() == ({}, [])


def test_a_study_that_was_never_recorded_is_told_of(study):
    found, notes = check()
    assert found == {}
    assert notes[0].startswith("finished but not recorded")


def test_each_value_of_a_stage_is_compared(recorded):
    edit(YAML, "wdir: ../../..", "wdir: ../..")
    (output,) = small_study.record().identity.outputs
    edit(LOCK, output.md5, "a" * 32)
    found, _ = check()
    assert len([key for key in found if key[0] == YAML]) == 5
    one = found[LOCK, f"stages.s-observe.outs.{TABLE}.md5"]
    assert (one.expected, one.found) == (output.md5, "a" * 32)
    assert one.affects == ("figures loss_vs_params", "fit power", "observe")


def test_stages_without_record_and_records_without_stage(recorded):
    edit(YAML, "  s-observe:", "  s-observer:")
    edit(LOCK, "  s-observe:", "  s-observer:")
    found, _ = check()
    assert found.keys() == {
        (YAML, "stages.s-observe"),
        (LOCK, "stages.s-observe"),
        (LOCK, "stages.s-observer"),
    }


def test_metrics_are_those_of_the_fit(recorded):
    text(METRICS, '{"E": 2.5}')
    found, _ = check()
    assert found.keys() == {(METRICS, "params.E")}
    Path(METRICS).unlink()
    assert check()[0].keys() == {(METRICS, "")}


def test_a_rerun_is_told_of_and_an_edit_is_found(recorded):
    # The same outcome at another time, sealed.
    small_study.job("observe", {}, {"evals": small_study.EVALUATION}, {"observations": TABLE})
    small_study.job(
        "observe", {}, {"evals": small_study.EVALUATION}, {"observations": TABLE}, start=2000.0
    )
    found, notes = check()
    assert found == {}
    assert notes[0].startswith("1 records were written anew since the study was recorded, with")
    # A signature vouches for the bytes.
    text("provenance/roots/s.json.sig", "x")
    assert (OBSERVE, "sha256 (in the root)") in check()[0]
    Path("provenance/roots/s.json.sig").unlink()
    edit(OBSERVE, '"host": "here"', '"host": "there"')
    assert (OBSERVE, "sha256 (in the root)") in check()[0]


def test_the_root_names_all_records_and_no_other(recorded):
    Path(OBSERVE).unlink()
    assert (OBSERVE, "file") in check()[0]
    root.path_of("s").unlink()
    assert ("provenance/roots/s.json", "file") in check()[0]


def test_the_configuration_is_a_note_unless_it_is_signed(recorded):
    edit(CONFIG, "study", "# mine\nstudy")
    assert check() == ({}, [f"{CONFIG}: its bytes are not those that were recorded"])
    text("provenance/roots/s.json.sig", "x")
    assert check()[0].keys() == {(CONFIG, "sha256 (in the root)")}


@pytest.mark.parametrize("name", [YAML, LOCK, "provenance/roots/s.json"])
def test_what_cannot_be_read_is_one_finding(recorded, name):
    text(name, "[")
    ((key, one),) = check()[0].items()
    assert key == (name, "")
    assert one.expected == "a file as `scaletrace record` writes it"


def test_a_lock_of_another_schema(recorded):
    edit(LOCK, "'2.0'", "'1.0'")
    assert check()[0].keys() == {(LOCK, "schema")}
