"""The processes that began a job, and what became of them."""

import json
import os
from pathlib import Path

import pytest

from scaletrace.formats.record import Attempt, Circumstances
from scaletrace.jobs import attempts
from scaletrace.jobs.attempts import SILENT, Failed

HERE = {"host": "h1", "node": "n1", "slurm_job": "7", "cpu": "left out"}
WORK = Path("work/s/x")


def test_each_process_is_noted_after_those_before(folder):
    with attempts.begin(WORK, 10.0, HERE) as first:
        pass
    me = {"host": "h1", "node": "n1", "slurm_job": "7", "pid": os.getpid(), "start": 10.0}
    assert first == attempts.read(WORK) == [me]
    with attempts.begin(WORK, 20.0, HERE) as both:
        assert both == [me, me | {"start": 20.0}]
    assert attempts.read(WORK) == both


def test_one_that_fails_says_why(folder):
    with pytest.raises(ValueError, match="no loss"), attempts.begin(WORK, 10.0, HERE):
        raise ValueError("no loss")
    (one,) = attempts.read(WORK)
    assert one["problem"] == "no loss"
    assert one["end"] > one["start"]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"host": "h"}]', '[{"host": 1, "pid": 2}]'])
def test_what_is_no_list_of_processes_is_none(folder, content):
    WORK.mkdir(parents=True)
    (WORK / attempts.FILE).write_text(content, encoding="utf-8")
    assert attempts.read(WORK) == []
    assert attempts.read(None) == attempts.read(Path("gone")) == []


def test_what_became_of_failed_ones():
    tried = [Attempt(1.0, "h", "n", "7", "disk full"), Attempt(2.0, "h")]
    assert attempts.failed(tried) == (
        Failed(1, "n", "7", "disk full"),
        Failed(2, "h", None, SILENT),
    )


@pytest.mark.parametrize(
    ("start", "failed"),
    # Where none has the recorded start, the last one is taken for it.
    [(1.0, []), (2.0, [1]), (3.0, [1, 2]), (9.0, [1, 2])],
)
def test_what_a_recorded_job_overcame(start, failed):
    tried = [{"start": when, "host": "h"} for when in (1.0, 2.0, 3.0)]
    circumstances = Circumstances.of(json.loads(json.dumps({"start": start, "attempts": tried})))
    assert [one.attempt for one in attempts.overcome(circumstances)] == failed
    assert attempts.overcome(Circumstances.of({})) == ()


def test_places():
    assert attempts.described({"attempt": 2, "node": "n1", "slurm_job": "7"}) == (
        "attempt 2 on n1, SLURM 7"
    )
    assert attempts.described({"attempt": 1, "node": None, "slurm_job": None}) == "attempt 1"
