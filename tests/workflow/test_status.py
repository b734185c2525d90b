"""What people are told of a study: while a job runs, after it was killed, and when all is done."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.commands.status import HEADER
from scaletrace.formats.record import read_record
from scaletrace.jobs import attempts
from tests.workflow.conftest import job_command

RUN = "d8-l1-s0-48k"
RECORD = Path(f"provenance/jobs/tiny/anneal/run={RUN}.json")


def status(capsys):
    code = cli.main(["status", "--study", "tiny", "--json"])
    return code, json.loads(capsys.readouterr().out)


def row(found):
    return next(row for row in found["runs"] if row["run"] == RUN)


def test_a_finished_study_is_all_done(copy, capsys):
    code, found = status(capsys)
    assert code == 0
    assert found["failures"] == []
    assert found["states"] == {"done": 35}
    assert found["core_hours_left"] == 0
    assert found["counts"]["runs"] == {"done": 10, "jobs": 10}
    told = row(found)
    assert told["node"] == socket.gethostname()
    assert (told["step"], told["last_step"]) == (750, 750)
    # The log gives the loss that the training ended with, to four digits.
    outcome = json.loads(Path(f"results/tiny/runs/{RUN}/outcome.json").read_text("utf-8"))
    assert told["loss"] == pytest.approx(outcome["train_loss"], abs=1e-4)


def test_text_and_watch_end_with_a_study_that_is_done(copy, capsys):
    assert cli.main(["status", "--study", "tiny", "--watch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "study tiny:  text 3/3  trunks 5/5  runs 10/10  losses 10/10  table 1/1  fits 2/2  "
        "figures 4/4"
    )
    assert lines[2].split() == list(HEADER)
    assert sum(line.startswith("d") for line in lines) == 10
    assert max(map(len, lines)) <= 120


def test_a_setting_that_changed_leaves_its_jobs_to_do(copy, capsys):
    path = Path("config/tiny.yaml")
    path.write_text(path.read_text("utf-8").replace("tokens: 8_192", "tokens: 4_096"), "utf-8")
    code, found = status(capsys)
    assert code == 0
    assert found["counts"]["runs"] == {"done": 10, "jobs": 10}
    assert found["counts"]["losses"] == {"done": 0, "jobs": 10}
    assert found["counts"]["fits"]["done"] == 0
    assert row(found)["stage"] == "evaluate"
    assert row(found)["seconds_left"] > 0


@pytest.fixture
def begin(copy):
    """A function that starts the run's job again, whose record and outputs are gone."""
    identity = read_record(RECORD).identity
    RECORD.unlink()
    # So many saves make the training slow enough to be looked at.
    command = job_command(identity, save_seconds=0)
    begun = []

    def start(slurm_job):
        environment = {"PYTHONPATH": str(copy / "src"), "SLURM_JOB_ID": slurm_job}
        began = time.time()
        with Path(f"results/tiny/logs/anneal/{RUN}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT
            )
        begun.append(process)
        states = Path("work/tiny")
        while not any(p.stat().st_mtime > began for p in states.glob("*/state-?.safetensors")):
            assert process.poll() is None
            time.sleep(0.01)
        return process

    yield start
    for process in begun:
        process.kill()
        process.wait()


def test_a_job_that_runs_and_is_killed(begin, capsys):
    first = begin("71")
    code, found = status(capsys)
    told = row(found)
    assert code == 0
    assert (told["state"], told["stage"], told["slurm_job"]) == ("running", "anneal", "71")
    assert (told["node"], told["attempts"]) == (socket.gethostname(), 1)
    assert told["seconds_left"] > 0
    first.kill()
    first.wait()
    code, found = status(capsys)
    assert code == 1
    assert row(found)["state"] == "failed"
    (failure,) = found["failures"]
    assert failure["job"] == f"anneal {RUN}"
    assert failure["log"] == f"results/tiny/logs/anneal/{RUN}.log"
    assert "without a word" in failure["problem"]

    second = begin("72")
    # SLURM and srun both tell a job to end; the second must not cut the first one's note off.
    while second.poll() is None:
        second.terminate()
    assert second.wait() == 128 + 15
    log = Path("work/slurm/rule_anneal/72.log")
    log.parent.mkdir(parents=True)
    log.touch()
    assert cli.main(["status", "--study", "tiny"]) == 1
    lines = capsys.readouterr().out.splitlines()
    told = lines.index(f"✗ anneal {RUN}, attempt 2 on {socket.gethostname()}, SLURM 72:")
    assert lines[told + 1] == "  stopped by signal 15"
    assert lines[told + 2] == f"  log: results/tiny/logs/anneal/{RUN}.log {log}"
    assert lines[told + 3].startswith(
        f"  attempt 1 on {socket.gethostname()}, SLURM 71: ended with"
    )

    begin("73")
    code, found = status(capsys)
    assert (code, found["failures"]) == (0, [])
    (overcome,) = found["overcome"]
    assert (overcome["slurm_job"], overcome["again"]) == ("72", "running")
    assert row(found)["attempts"] == 3


def test_a_job_that_is_done_tells_of_the_attempts_that_failed(copy, capsys):
    record = read_record(RECORD).raw
    (last,) = record["circumstances"]["attempts"]
    first = last | {"node": "n1", "slurm_job": "71", "start": 1.0}
    second = first | {"slurm_job": "72", "start": 2.0, "problem": "stopped by signal 15"}
    record["circumstances"]["attempts"] = [first, second, last]
    RECORD.write_text(json.dumps(record), encoding="utf-8")
    assert cli.main(["status", "--study", "tiny"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index(f"anneal {RUN}, done after:") + 1 :] == [
        f"  attempt 1 on n1, SLURM 71: {attempts.SILENT}",
        "  attempt 2 on n1, SLURM 72: stopped by signal 15",
    ]


def test_a_job_that_fails_before_it_can_leave_a_note(copy, capsys):
    RECORD.unlink()
    Path(f"results/tiny/logs/anneal/{RUN}.log").write_text("python: no such file\n", "utf-8")
    code, found = status(capsys)
    assert code == 1
    (failure,) = found["failures"]
    assert failure["problem"] == "python: no such file"


def test_a_job_that_its_node_could_not_begin(copy, capsys):
    RECORD.unlink()
    Path(f"results/tiny/logs/anneal/{RUN}.log").write_text("", "utf-8")
    said = Path(f"work/slurm/group_{RUN}_anneal_evaluate/71.log")
    said.parent.mkdir(parents=True)
    said.write_text("srun: error: task 0 launch failed\n\n", "utf-8")
    code, found = status(capsys)
    assert code == 1
    (failure,) = found["failures"]
    assert failure["job"] == f"anneal {RUN}"
    assert failure["problem"] == "srun: error: task 0 launch failed"
    assert (failure["slurm_job"], failure["slurm_log"]) == ("71", str(said))


def test_a_reason_that_a_full_disk_kept_out_of_the_attempts_stands_in_the_note(begin, capsys):
    process = begin("71")
    process.terminate()
    process.wait()
    (path,) = Path("work/tiny").glob("*/attempts.json")
    (tried,) = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps([{k: v for k, v in tried.items() if k != "problem"}]), "utf-8")
    _, found = status(capsys)
    assert [failure["problem"] for failure in found["failures"]] == ["stopped by signal 15"]


def test_a_submission_of_several_runs_has_a_row(copy, capsys, monkeypatch, tmp_path):
    squeue = tmp_path / "squeue"
    row = f"9|PENDING||Priority|rule_training_anneal_evaluate_pretrain|tiny_0b1c|{Path.cwd()}"
    squeue.write_text(f"#!/bin/sh\necho '{row}'\n", encoding="utf-8")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    _, found = status(capsys)
    (other,) = found["others"]
    assert (other["run"], other["state"], other["slurm_job"]) == ("several runs", "queued", "9")


def test_what_the_study_cost(copy, capsys):
    assert cli.main(["cost", "--study", "tiny", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["jobs"]) == 35
    assert found["core_hours"] > 0
    trained = [job for job in found["jobs"] if job["rule"] in ("pretrain", "anneal")]
    assert len(trained) == 15
    for job in trained:
        assert job["cpu_seconds"] > 0
        assert 100 < job["memory_mb"] < 1000
        assert 0 < job["utilisation"] < 1
    assert cli.main(["cost", "--study", "tiny"]) == 0
    said = capsys.readouterr().out
    assert "nothing was asked of SLURM" in said
    assert max(map(len, said.splitlines())) <= 120
    assert cli.main(["cost", "--study", "nowhere"]) == 2
    assert "no job records" in capsys.readouterr().err


def test_the_plan_of_a_finished_study(copy, capsys):
    assert cli.main(["plan", "config/tiny.yaml", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"]["jobs_done"] == found["total"]["jobs"] == 35
    assert found["total"]["core_hours_left"] == 0
    assert {run["state"] for run in found["runs"]} == {"done"}
    assert found["pace"]["source"] == "observed"
    # Estimated by its own runs, what a study took lies near its estimate, however busy the machine.
    took = [sum(run[key] for run in found["runs"]) for key in ("seconds_done", "seconds_estimated")]
    assert 1 / 3 < took[0] / took[1] < 3
    assert cli.main(["plan", "config/tiny.yaml"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 120
