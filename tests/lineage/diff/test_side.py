"""What can be read of one state of a study."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code
from scaletrace.jobs import fingerprint, ledger, meaning
from scaletrace.lineage import code_at
from scaletrace.lineage.diff.side import Side, from_json, studies
from scaletrace.lineage.snapshot import Snapshot
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, DIGEST, TABLE, TEXT, edit, text

MODULE = "scaletrace.errors"
TEXTS = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"


@pytest.fixture
def side(study):
    return Side(Snapshot("."), "s")


def one(side, name):
    return next(job for job in side.jobs.values() if job.name == name)


def test_a_side_has_jobs_configuration_and_surroundings(side):
    assert [job.name for job in side.jobs.values()] == [
        "corpus",
        "evaluate a",
        "figures loss_vs_params",
        "fit power",
        "observe",
    ]
    assert side.config() == {"study": "s", "rate": 0.1}
    job = one(side, "observe")
    assert side.environment(job) == {"environment.packages.torch": "2.13"}
    assert side.hardware(job) == {"cpu": "9000", "cpu_features": "avx", "threads": 1}
    assert side.notes == []


def test_small_files_are_read_and_large_ones_are_not(side):
    (table,) = one(side, "observe").identity.outputs
    assert side.content(table) == Path(TABLE).read_bytes()
    assert side.content(None) is None
    (large,) = one(side, "corpus").identity.outputs
    assert side.content(large) is None
    assert side.notes == [
        f".: {TEXT} is not there: known by its hash only; dvc fetch --all-commits may bring it"
    ]


def test_what_was_edited_is_left_aside(study):
    edit(TABLE, "2.5", "2.4")
    side = Side(Snapshot("."), "s")
    (table,) = one(side, "observe").identity.outputs
    assert side.content(table) is None
    assert "is not what its record says, and left aside" in side.notes[0]


def test_what_cannot_be_read_is_noted(study):
    text("provenance/jobs/s/fit/broken.json", "{")
    text(ledger.environment_path(DIGEST), "{}\n")
    Path(CONFIG).unlink()
    side = Side(Snapshot("."), "s")
    assert side.environment(one(side, "observe")) == {"environment": DIGEST}
    assert side.config() == {}
    assert [note.partition(" (")[0] for note in side.notes] == [
        ".: provenance/jobs/s/fit/broken.json: no readable job record",
        ".: config/s.yaml is not there",
    ]


def test_a_study_without_records_is_refused_with_those_that_there_are(study):
    assert studies(Snapshot(".")) == ["s"]
    with pytest.raises(BadInput, match=r"^\.: no job records of study t; it has s"):
        Side(Snapshot("."), "t")


def recorded(code):
    small_study.job("evaluate", {"run": "a"}, {}, {"result": small_study.EVALUATION}, code=code)
    side = Side(Snapshot("."), "s")
    return side, one(side, "evaluate a")


def test_the_parts_of_a_module_as_it_ran(study):
    text("src/scaletrace/errors.py", TEXTS)
    modules = {MODULE: meaning.module_meaning(TEXTS)}
    side, job = recorded(Code(fingerprint.combined(modules), modules))
    assert side.parts(job, MODULE) == meaning.parts(TEXTS)
    text("src/scaletrace/errors.py", TEXTS.replace("return 2", "return 3"))
    side, job = recorded(Code(fingerprint.combined(modules), modules))
    assert side.parts(job, MODULE) is None


def test_the_parts_that_counted_as_they_ran(study):
    text("src/scaletrace/__init__.py", "")
    text("src/scaletrace/stages/__init__.py", "")
    stage = "from scaletrace import errors\n\n\ndef run():\n    errors.one()\n"
    text("src/scaletrace/stages/evaluate.py", stage)
    text("src/scaletrace/errors.py", TEXTS)
    # What counts of it is the module with the first function alone.
    alone = meaning.parts(TEXTS.partition("\n\n\n")[0] + "\n")
    sources = small_study.commit()
    found = code_at.of_commit(sources)
    assert found is not None
    counted = code_at.counted(found, "evaluate", {})
    assert counted is not None
    modules = {name: what.hash for name, what in counted.items()}
    side, job = recorded(Code(fingerprint.combined(modules), modules, 2))
    assert side.parts(job, MODULE) == alone


def test_json_of_anybodys_making():
    assert from_json(b"[1]", "x") == [1]
    with pytest.raises(BadInput, match=r"^x: no readable JSON \("):
        from_json(b"[" * 99 + b"]" * 99, "x")
