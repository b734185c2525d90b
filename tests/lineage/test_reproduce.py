"""What a repeated training is compared by, and what is not repeated at all."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code
from scaletrace.jobs import fingerprint
from scaletrace.lineage import reproduce
from scaletrace.lineage.reproduce import Outcome
from tests.lineage import small_study
from tests.lineage.small_study import TEXT, text

RUN = {"run": "d8-s0-1M"}
PATH = Path("provenance/jobs/s/anneal/run=d8-s0-1M.json")


@pytest.mark.parametrize(
    ("identical", "same_machine", "loss", "answer"),
    [
        (True, True, None, True),
        (True, False, None, True),
        (False, True, (2.0, 2.0), False),
        (False, False, (2.0, 2.009), True),
        (False, False, (2.0, 2.011), False),
        (False, False, None, False),
    ],
)
def test_bit_for_bit_here_and_within_the_tolerance_elsewhere(identical, same_machine, loss, answer):
    found = Outcome("anneal a", {}, identical, same_machine, "", loss, 0.01)
    assert found.reproduced == answer


def test_names_of_runs_and_of_segments(study):
    text(PATH, "{}")
    segment = Path("provenance/jobs/s/pretrain/seed=0,size=d8-l2,tokens=2048.json")
    text(segment, "{}")
    assert reproduce._record_path("d8-s0-1M", "s") == PATH
    assert reproduce._record_path("d8-l2-s0/2048", "s") == segment


@pytest.mark.parametrize(
    ("name", "study", "said"),
    [
        ("../x", "s", r"give SIZE-sSEED-BUDGET of a run or SIZE-sSEED/TOKENS"),
        ("d8-s0-1M", "../s", "give SIZE-sSEED-BUDGET"),
        ("d8-s0/", "s", "give SIZE-sSEED-BUDGET"),
        ("d8-s0-2M", "s", r"run=d8-s0-2M\.json: no such record; runs of s: d8-s0-1M"),
        ("d8-s0-1M", "t", "no such record; runs of t: none"),
    ],
)
def test_what_names_no_training(folder, name, study, said):
    text(PATH, "{}")
    with pytest.raises(BadInput, match=said):
        reproduce.reproduce(name, study, 0.01)


def training(monkeypatch, then, now, **circumstances):
    """Write the record of a run, made with some modules while others are in use."""
    monkeypatch.setattr(fingerprint, "kinds_of", lambda *_: ())
    monkeypatch.setattr(fingerprint, "modules", lambda *_: now)
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *_: fingerprint.combined(now))
    code = Code(fingerprint.combined(then), then, fingerprint.SCHEME)
    text(TEXT, "x")
    made = {"model": TEXT}
    return small_study.job("anneal", RUN, {"tokens": TEXT}, made, code=code, **circumstances)


def test_code_that_changed_is_not_run(folder, monkeypatch):
    git = {"commit": "f" * 40, "changed": []}
    training(monkeypatch, {"scaletrace.a": "1", "b": "2"}, {"scaletrace.a": "3", "b": "2"}, git=git)
    with pytest.raises(
        BadInput, match=rf"code: scaletrace\.a changed since; git checkout {'f' * 40}"
    ):
        reproduce.reproduce("d8-s0-1M", "s", 0.01)


def test_inputs_that_are_not_the_recorded_ones(folder, monkeypatch):
    training(monkeypatch, {}, {})
    text(TEXT, "y")
    with pytest.raises(BadInput, match=rf"^{TEXT}: sha256: found [0-9a-f]+, the record {PATH} has"):
        reproduce.reproduce("d8-s0-1M", "s", 0.01)
    Path(TEXT).unlink()
    with pytest.raises(BadInput, match=rf"^{TEXT}: missing, and the job of {PATH} needs it"):
        reproduce.reproduce("d8-s0-1M", "s", 0.01)


def test_the_record_of_another_job_is_not_repeated(folder, monkeypatch):
    training(monkeypatch, {}, {})
    PATH.rename(PATH.with_name("run=other.json"))
    with pytest.raises(BadInput, match="holds the record of another job"):
        reproduce.reproduce("other", "s", 0.01)


def test_settings_that_cannot_be_trained_are_one_sentence(folder, monkeypatch):
    training(monkeypatch, {}, {})
    with pytest.raises(BadInput, match="inputs: header: 0 files; one is needed") as refused:
        reproduce.reproduce("d8-s0-1M", "s", 0.01)
    assert "Traceback" not in str(refused.value)
