"""Where a job stands, by the traces that it leaves."""

import dataclasses
import os
import socket
import time
from pathlib import Path

import pytest

from scaletrace.cluster import slurm
from scaletrace.cluster.slurm import Queued
from scaletrace.formats import files
from scaletrace.formats.progress_line import ProgressLine
from scaletrace.formats.record import Circumstances
from scaletrace.jobs import attempts, job_note, status
from scaletrace.jobs.attempts import SILENT
from scaletrace.jobs.status import Status
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config/tiny.yaml"
RUN = "d48-l2-s0-48k"
WORK = Path("work/tiny/x")
HERE = {"host": socket.gethostname(), "pid": os.getpid(), "slurm_job": None}


@pytest.fixture
def job(folder, monkeypatch):
    """A training, alone in a study of which nobody has begun anything; SLURM has no queue."""
    monkeypatch.setattr(slurm, "queue", lambda _: [])
    graph = Graph(Estimates(Plan(load(TINY)), ASSUMED["cpu"]), {})
    return dataclasses.replace(graph.job("anneal", RUN), needs=())


def look(job):
    return Status(Plan(load(TINY)), [job]).look()[job.name]


def note(job, **changes):
    said = HERE | {"start": time.time(), "folder": str(WORK)} | changes
    files.write_json(job_note.path_of("tiny", "anneal", {"run": RUN}), said)
    return said


def log(job, text):
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.log.write_text(f"{text}\n", encoding="utf-8")


def queued(monkeypatch, state, reason="Priority", node=""):
    one = Queued("71", state, node, reason, f"rule_anneal_wildcards_{RUN}")
    monkeypatch.setattr(slurm, "queue", lambda _: [one])


def test_what_nobody_began_waits(job):
    found = look(job)
    assert (found.state, found.attempts, found.seconds_left) == ("waiting", 0, job.takes.seconds)


def test_what_slurm_has_is_queued_with_the_reason(job, monkeypatch):
    queued(monkeypatch, "PENDING")
    found = look(job)
    assert (found.state, found.slurm_job, found.reason) == ("queued", "71", "Priority")
    queued(monkeypatch, "RUNNING", "None", "n1")
    found = look(job)
    assert (found.state, found.node, found.reason) == ("running", "n1", None)


def test_a_process_that_lives_runs_with_its_last_report(job):
    note(job, node="n1")
    report = ProgressLine(100, 390, 5.5, 900.0, 9.0)
    log(job, report)
    found = look(job)
    assert (found.state, found.node, found.progress) == ("running", "n1", report)
    assert found.tokens_per_s == 900.0
    assert 0 < found.seconds_left <= 9.0
    assert (found.attempts, found.failed) == (1, ())


def test_a_process_that_is_gone_has_failed(job):
    note(job, pid=2**22 + 1)
    found = look(job)
    assert (found.state, found.attempts) == ("failed", 1)
    assert found.failed[0].problem == SILENT


def test_a_process_elsewhere_is_believed_for_a_while(job):
    note(job, host="elsewhere")
    assert look(job).state == "running"
    note(job, host="elsewhere", start=time.time() - status.BEGINNING - 1)
    assert look(job).state == "failed"


def test_one_that_failed_and_is_queued_again(job, monkeypatch):
    me = note(job, problem="no loss", end=1.0)
    WORK.mkdir(parents=True)
    files.write_json(WORK / attempts.FILE, [HERE | {"pid": 1, "start": 1.0, "problem": "disk"}, me])
    found = look(job)
    assert found.state == "failed"
    assert [one.problem for one in found.failed] == ["disk", "no loss"]
    queued(monkeypatch, "PENDING")
    found = look(job)
    assert (found.state, found.attempts) == ("queued", 2)


def test_one_that_failed_before_it_could_leave_a_note(job):
    log(job, "some words\nModuleNotFoundError: torch")
    found = look(job)
    assert (found.state, found.failed[0].problem) == ("failed", "ModuleNotFoundError: torch")
    # An empty log is that of a job whose group failed.
    log(job, "")
    assert look(job).state == "waiting"


def test_a_done_one_tells_of_its_attempts(job):
    raw = {"start": 2.0, "host": "h", "measured": {"tokens_per_s": 7.0}}
    raw |= {"attempts": [{"start": 1.0, "host": "g", "problem": "disk"}, {"start": 2.0}]}
    found = status._done(job, Circumstances.of(raw))
    assert (found.state, found.node, found.tokens_per_s, found.attempts) == ("done", "h", 7.0, 2)
    assert [one.problem for one in found.failed] == ["disk"]


def test_the_end_of_a_log(folder, monkeypatch):
    monkeypatch.setattr(status, "TAIL_BYTES", 3)
    Path("log").write_bytes(b"abcd\xff")
    assert status._tail(Path("log")) == "cd�"
    assert status._tail(Path("gone")) == ""
