"""The note that a job leaves while it is under way."""

import os
import socket
from pathlib import Path

import pytest

from scaletrace.formats import files
from scaletrace.formats.record import Code, Identity
from scaletrace.jobs import job_note, ledger

JOB = ("s", "anneal", {"run": "a"})
PATH = Path("work/s/underway/anneal/run=a.json")
SOUND = {"host": "h", "pid": 3, "start": 1.0, "folder": "work/s/x", "slurm_job": None}


def test_a_note_tells_of_its_process(folder, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert job_note.path_of(*JOB) == PATH
    assert job_note.read(*JOB) is None
    note = job_note.Note(*JOB)
    said = job_note.read(*JOB)
    assert said is not None
    assert said.pop("start") > 1e9
    me = {"host": socket.gethostname(), "pid": os.getpid(), "slurm_job": "7", "node": "n1"}
    assert said == me | {"folder": None}
    note.works_in(Path("work/s/x"))
    assert (job_note.read(*JOB) or {})["folder"] == "work/s/x"
    note.fails(ValueError("no loss"))
    assert (job_note.read(*JOB) or {})["problem"] == "no loss"
    note.done()
    note.done()
    assert not PATH.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": "3"},
        {"pid": 0},
        {"start": None},
        {"host": None},
        {"slurm_job": 7},
        {"folder": "/etc"},
        {"folder": "work/t/x"},
        {"folder": "work/s/../../etc"},
    ],
)
def test_what_is_no_note_is_none(folder, changes):
    files.write_json(PATH, SOUND)
    assert job_note.read(*JOB) == SOUND
    files.write_json(PATH, SOUND | changes)
    assert job_note.read(*JOB) is None
    PATH.write_text("{", encoding="utf-8")
    assert job_note.read(*JOB) is None


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (ValueError("no loss"), "no loss"),
        (OSError(28, "No space left"), "[Errno 28] No space left"),
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError(), "MemoryError: MemoryError"),
        (SystemExit(128 + 15), "stopped by signal 15"),
        (SystemExit(1), "stopped"),
    ],
)
def test_reasons(problem, reason):
    assert job_note.reason_of(problem) == reason


def test_a_changed_job_of_the_same_name_supersedes(folder):
    note = job_note.Note(*JOB)
    note.works_in(Path("work/s/x"))
    assert not note.superseded()
    other = job_note.Note(*JOB)
    assert not note.superseded()
    other.works_in(Path("work/s/y"))
    assert note.superseded()
    # It leaves the other's note alone.
    note.fails(ValueError("late"))
    assert "problem" not in (job_note.read(*JOB) or {})


def test_a_result_of_another_folder_supersedes(folder):
    note = job_note.Note(*JOB)
    note.works_in(Path("work/s/x"))
    identity = Identity("anneal", {"run": "a"}, {}, Code("", {}), (), ())
    ledger.write("s", identity, {"work": "x"})
    assert not note.superseded()
    ledger.write("s", identity, {"work": "y"})
    assert note.superseded()
