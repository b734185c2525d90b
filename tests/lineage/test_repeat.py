"""A recorded job computed once more, by a stage that only copies."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaletrace import contract, python_command
from scaletrace.errors import BadInput
from scaletrace.lineage.repeat import repeat, repeated, verified
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, TABLE, text


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


def test_what_was_made_before_is_read_in_place_of_what_was_recorded(study, tmp_path, monkeypatch):
    def run(inputs, outputs, settings, work):
        (output,) = outputs.values()
        output.write_text("".join(path.read_text() for path in inputs["observations"]) + "fitted")

    stage(monkeypatch, run)
    job = small_study.record("fit", {"fit": "power"})
    scratch = tmp_path / "scratch"
    made = repeat(job.path, job.record, scratch)
    assert made["fit"].read_text() == Path(TABLE).read_text() + "fitted"
    (scratch / TABLE).unlink()
    text(scratch / TABLE, "new, ")
    assert repeat(job.path, job.record, scratch) == {"fit": scratch / FIT}
    assert made["fit"].read_text() == "new, fitted"
    assert Path.cwd() == study


def test_no_record_writes_over_what_it_reads(study, tmp_path, monkeypatch):
    def run(inputs, outputs, settings, work):
        outputs["observations"].write_text("other")

    stage(monkeypatch, run)
    before = Path(TABLE).read_text()
    small_study.job("observe", {}, {"evals": TABLE}, {"observations": TABLE})
    job = small_study.record()
    repeat(job.path, job.record, tmp_path / "scratch")
    assert Path(TABLE).read_text() == before


def test_an_output_below_an_input_is_one_sentence(study, tmp_path):
    text(f"{TABLE}.d/x", "x")
    small_study.job("observe", {}, {"evals": EVALUATION}, {"observations": f"{TABLE}.d/x"})
    job = small_study.record()
    (study / "scratch").mkdir()
    text(study / "scratch" / f"{TABLE}.d", "a file")
    with pytest.raises(BadInput, match=rf"^{job.path}: inputs and outputs: .*exists"):
        repeat(job.path, job.record, study / "scratch")


def test_a_process_of_its_own_says_what_it_refuses(study, tmp_path):
    job = small_study.record("corpus")
    with pytest.raises(BadInput, match="outputs: valid: 0 files; one is needed"):
        repeat(job.path, job.record, tmp_path / "scratch")


def test_a_process_that_was_killed_is_one_sentence(study, tmp_path, monkeypatch):
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(python_command, "words", lambda module: killed)
    job = small_study.record("corpus")
    with pytest.raises(BadInput, match=rf"^{job.path}: ended by signal 9; is there memory"):
        repeat(job.path, job.record, tmp_path / "scratch")


def test_raw_text_beside_the_repository_is_found_from_there(study, tmp_path, monkeypatch):
    def run(inputs, outputs, settings, work):
        outputs["observations"].write_text(inputs["evals"][0].read_text())

    stage(monkeypatch, run)
    beside = Path(os.path.relpath(tmp_path.parent)) / f"{tmp_path.name}.txt"
    text(beside, "beside")
    small_study.job("observe", {}, {"evals": str(beside)}, {"observations": TABLE})
    job = small_study.record()
    made = repeat(job.path, job.record, tmp_path / "scratch")
    assert made["observations"].read_text() == "beside"
