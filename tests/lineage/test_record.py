"""What `scaletrace record` compares before it writes anything."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.jobs import fingerprint
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.lineage import record
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.dvc import pipeline
from scaletrace.lineage.snakemake import memory
from scaletrace.lineage.snakemake.verdict import Output
from scaletrace.study.keep import Keep
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, EVALUATION, FIT, KEEP, TABLE, edit, text

TINY = Path(__file__).parents[2] / "config/tiny.yaml"
LOCK = Path("dvc.lock")


KNOWN = Acceptances("s")


def test_files_that_are_not_the_recorded_ones(study):
    jobs = Ancestry("s").jobs
    assert record.changed_files(jobs, KEEP) == []
    edit(TABLE, "2.5", "2.4")
    Path(FIT).unlink()
    assert record.changed_files(jobs, KEEP) == [
        f"{FIT}: missing (provenance/jobs/s/fit/fit=power.json); snakemake makes it again",
        f"{TABLE}: changed since its job wrote it (provenance/jobs/s/observe/observe.json); "
        "delete it and snakemake makes it again",
    ]
    # Of those that are there.
    assert [line.partition(":")[0] for line in record.changed_files(Ancestry("s").jobs)] == [TABLE]


def locked(job):
    """The entry of a lock that a record calls for."""
    read = [(str(job.path), str(files.hashes(job.path)["md5"]))]
    read += [(file.path, file.md5) for file in job.identity.inputs]
    made = [(output.path, output.md5) for output in job.identity.outputs]
    return {
        "cmd": pipeline.command(Path(CONFIG)),
        "deps": [{"path": path, "md5": md5} for path, md5 in read],
        "outs": [{"path": path, "md5": md5} for path, md5 in made],
    }


def disagreements(job, entry):
    return record.disagreements([job], "s", Path(CONFIG), KEEP, {"s-observe": entry}, LOCK)


def test_a_lock_that_says_what_the_records_say(study):
    job = small_study.record()
    assert disagreements(job, locked(job)) == {}


def test_each_difference_between_lock_and_records_is_a_line(study):
    job = small_study.record()
    entry = locked(job)
    entry["cmd"] = "rm -r ."
    entry["deps"][1]["md5"] = "0" * 32
    entry["outs"][0]["path"] = "other"
    (read,), (made,) = job.identity.inputs, job.identity.outputs
    assert disagreements(job, entry) == {
        "s-observe": [
            "dvc.lock: stages.s-observe: cmd: not the command of dvc.yaml",
            f"{EVALUATION}: md5: dvc.lock has {'0' * 32}, the record {job.path} has {read.md5}",
            f"other: md5: dvc.lock has {made.md5}, the record {job.path} has None",
            f"{TABLE}: md5: dvc.lock has None, the record {job.path} has {made.md5}",
        ]
    }


def test_what_snakemake_takes_for_done_was_done_as_it_asks(study):
    job = small_study.record("evaluate", {"run": "a"})
    code = small_study.Code("1" * 64, {}, fingerprint.SCHEME)
    memory.remember_record(job.record, "s", "run it", "2" * 64)
    (line,) = record._laundered([job], KNOWN)
    # The records of the small study are of an older scheme.
    assert line.startswith("evaluate a: code: its fingerprint is of scheme 1")
    settings = {"rate": 0.1}
    made = {"result": EVALUATION}
    small_study.job("evaluate", {"run": "a"}, {"tokens": TABLE}, made, settings, code)
    job = small_study.record("evaluate", {"run": "a"})
    memory.remember_record(job.record, "s", "run it", job.identity.code.fingerprint)
    assert record._laundered([job], KNOWN) == []
    edit(job.path, '"rate": 0.1', '"rate": 0.2')
    assert record._laundered([small_study.record("evaluate", {"run": "a"})], KNOWN) == [
        "evaluate a: settings.rate: made with 0.2, now 0.1; delete its outputs and run snakemake"
    ]


def test_outputs_that_are_not_finished_say_why():
    outputs = [
        Output("a", "fit", "ok", "no update"),
        Output("b", "fit", "missing", "update pending"),
        Output("c", "fit", "ok", "update pending"),
    ]
    assert record._unfinished(outputs) == [
        "b: missing",
        "c: sound, but something that it rests on is not",
    ]


def test_a_lock_that_was_cut_is_made_anew(folder):
    text(LOCK, "stages: [")
    assert record._known(LOCK) == {}


def test_a_study_that_was_never_recorded(folder):
    assert record.moved(TINY) == ["tiny: never recorded"]


def test_outside_of_a_clone(folder):
    with pytest.raises(BadInput, match=r"^git ls-files: .*; record works in a clone$"):
        record._in_git("s")


def test_what_the_study_does_not_push_may_be_absent(study):
    Path(small_study.TEXT).unlink()
    jobs = Ancestry("s").jobs
    (line,) = record.changed_files(jobs, KEEP)
    assert f"snakemake --cores 1 {small_study.TEXT} --configfile config/s.yaml makes it" in line
    assert record.changed_files(jobs, Keep(text="local")) == []
