"""What is told of a study that runs, from the notes and logs of its jobs."""

import os
import time
from pathlib import Path

import pytest

from scaletrace.commands._demo import status_line
from scaletrace.formats import files
from scaletrace.formats.progress_line import ProgressLine
from scaletrace.jobs import job_note
from scaletrace.jobs.progress import Progress
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED, scaled_pace
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config" / "tiny.yaml"
TRUNK = "pretrain d48-l2 0 24960"


@pytest.fixture
def progress(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Progress(Graph(Estimates(Plan(load(TINY)), ASSUMED["cpu"]), {"networkx": "1"}))


def begin(progress, name, start, *reports, **more):
    job = next(job for job in progress.jobs if job.name == name)
    note = job_note.path_of("tiny", job.rule.name, job.wildcards)
    note.parent.mkdir(parents=True, exist_ok=True)
    said = {"host": "here", "pid": 1, "slurm_job": None, "start": start, "folder": None}
    files.write_json(note, said | more)
    job.log.parent.mkdir(parents=True, exist_ok=True)
    job.log.write_text("".join(f"{report}\n" for report in reports), encoding="utf-8")
    return job.log


def test_a_training_that_runs_is_told_with_its_last_report(progress):
    first, last = ProgressLine(100, 390, 5.5, 900.0, 9.0), ProgressLine(195, 390, 5.0, 950.0, 7.0)
    begin(progress, TRUNK, progress.began + 1, first, last)
    assert progress.refresh() == []
    (found,) = progress.running
    assert (found.job.name, found.report) == (TRUNK, last)


def test_notes_of_earlier_runs_and_of_failures_are_no_running_jobs(progress):
    report = ProgressLine(100, 390, 5.5, 900.0, 9.0)
    begin(progress, TRUNK, progress.began - 1, report)
    begin(progress, "corpus", progress.began + 1, problem="disk full")
    progress.refresh()
    assert progress.running == []


def test_the_time_left_falls_with_the_steps_and_follows_their_speed(progress):
    before = progress.seconds_left(1)
    now = time.time()
    log = begin(progress, TRUNK, now, ProgressLine(39, 390, 5.5, 900.0, 9.0))
    os.utime(log, (now, now))
    progress.refresh()
    planned = next(job.takes.seconds for job in progress.jobs if job.name == TRUNK)
    work = planned - ASSUMED["cpu"].start_seconds
    assert progress.seconds_left(1) == pytest.approx(before - 0.1 * work, abs=0.2)
    # A tenth of the work within a minute: many times slower than planned.
    begin(progress, TRUNK, now, ProgressLine(78, 390, 5.5, 900.0, 9.0))
    os.utime(log, (now + 60, now + 60))
    progress.refresh()
    assert progress.seconds_left(1) > 1.2 * before


def test_a_slower_pace_is_expected_to_take_longer_with_the_text_as_it_was(progress):
    before, text = progress.seconds_left(1), sum(job.takes.seconds for job in progress.jobs[:3])
    progress.expect(scaled_pace("calibrated", ASSUMED["cpu"], 0.5))
    assert before < progress.seconds_left(1) < 2 * before
    assert sum(job.takes.seconds for job in progress.jobs[:3]) == text


def test_counts_are_of_kinds_that_are_begun_and_not_done(progress):
    assert progress.counts() == []


def test_a_line_has_as_many_parts_as_fit():
    parts = ["1:12 gone, 3:05 left", "d64-l4 step 120/488 loss 5.31", "runs 3/14"]
    assert status_line(parts) == "  ".join(parts)
    assert status_line(parts, 62) == "  ".join(parts)
    assert status_line(parts, 61) == "1:12 gone, 3:05 left  d64-l4 step 120/488 loss 5.31  …"
    assert status_line(parts, 30) == "1:12 gone, 3:05 left  …"
    assert status_line(parts, 9) == "1:12 gone"
