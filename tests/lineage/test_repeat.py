"""A recorded job computed once more, by a stage that only copies."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.lineage.repeat import repeated, verified
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, TABLE


def stage(monkeypatch, run):
    """Let a stage do what is given with its inputs, outputs and settings."""
    monkeypatch.setattr(contract, "stage", lambda name: SimpleNamespace(name=name))
    monkeypatch.setattr(contract, "run", lambda module, *told: run(*told))


def test_a_job_is_run_as_its_record_says(study, monkeypatch):
    told = []

    def run(inputs, outputs, settings, work):
        told.append((inputs, settings))
        outputs["observations"].write_text("made again")

    stage(monkeypatch, run)
    job = small_study.record()
    with repeated(job.path, job.record) as made:
        assert made["observations"].read_text() == "made again"
        assert made["observations"].suffix == ".csv"
    assert not made["observations"].exists()
    assert told == [({"evals": [Path(EVALUATION)]}, {})]
    # What was recorded is as it was.
    assert "made again" not in Path(TABLE).read_text()


def test_inputs_are_the_recorded_ones(study):
    job = small_study.record()
    (file,) = job.identity.inputs
    assert verified(job.path, file) == Path(EVALUATION)
    small_study.text(EVALUATION, "{}")
    with pytest.raises(BadInput, match=rf"^{EVALUATION}: 2 bytes, the record .* has {file.size}$"):
        verified(job.path, file)
    small_study.text(EVALUATION, " " * file.size)
    with pytest.raises(BadInput, match=rf"^{EVALUATION}: sha256: found [0-9a-f]+, the record"):
        verified(job.path, file)
    Path(EVALUATION).unlink()
    with pytest.raises(BadInput, match=rf"^{EVALUATION}: missing, and the job of {job.path}"):
        verified(job.path, file)


def test_settings_that_cannot_be_run_are_one_sentence(study, monkeypatch):
    def run(*told):
        raise RuntimeError("shapes do not fit\nat line 3")

    stage(monkeypatch, run)
    job = small_study.record()
    said = rf"^{job.path}: settings: cannot be run \(RuntimeError: shapes do not fit\)$"
    with pytest.raises(BadInput, match=said), repeated(job.path, job.record):
        pass
