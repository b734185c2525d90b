import os

import pytest

from scaletrace.cluster import slurm
from scaletrace.jobs.status import PACKED


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4000M", 4000), ("4G", 4096), ("2048K", 2), ("1048576", 1), ("4Gn", 4096), ("N/A", None)],
)
def test_memory_in_slurms_units(text, expected):
    assert slurm.megabytes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:11:00", 660),
        ("1-02:00:00", 93600),
        ("05:30", 330),
        ("00:02.500", 2.5),
        ("UNLIMITED", None),
    ],
)
def test_times_in_slurms_form(text, expected):
    assert slurm.seconds(text) == expected


def test_without_slurm_there_is_nothing_to_say(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert slurm.requested() is None
    assert slurm.queue("demo") == []
    assert slurm.accounted(["4711"]) == {}


def program(folder, name, text):
    """A command that prints `text`, as SLURM 22.05 does."""
    (folder / "said").write_text(text, encoding="utf-8")
    (folder / name).write_text(f"#!/bin/sh\ncat {folder}/said\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def test_what_a_job_asked_for(monkeypatch, tmp_path):
    program(
        tmp_path,
        "scontrol",
        "JobId=7 JobName=x_1 UserId=u(0) Account=(null) QOS=(null) JobState=RUNNING Reason=None "
        "RunTime=00:00:01 TimeLimit=00:11:00 TimeMin=N/A Partition=short NodeList=n1 NumNodes=1 "
        "NumCPUs=2 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:* TRES=cpu=2,mem=1100M,node=1,billing=2 "
        "MinCPUsNode=1 MinMemoryNode=1100M MinTmpDiskNode=0 Comment=rule_anneal_wildcards_d8-l1 "
        "Power= TresPerJob=gres:gpu:2 NtasksPerTRES=1 \n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    assert slurm.requested() == {
        "partition": "short",
        "minutes": 11,
        "memory_mb": 1100,
        "cpus": 2,
        "gpus": 2,
    }


def test_steps_fill_in_what_the_job_leaves_open(monkeypatch, tmp_path):
    program(
        tmp_path,
        "sacct",
        "7|TIMEOUT|660|00:09:30||1100M|11\n"
        "7.batch|CANCELLED|661|00:00:02|90000K||\n"
        "7.0|CANCELLED|660|00:09:28|700000K||\n"
        "8|COMPLETED|30|00:00:20||1100M|11\n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = slurm.accounted(["7", "8"])
    assert found["7"]["State"] == "TIMEOUT"
    assert found["7"]["MaxRSS"] == "700000K"
    assert found["8"]["ElapsedRaw"] == "30"
    assert "MaxRSS" not in found["8"]


def test_a_job_that_was_queued_again_is_its_last_execution(monkeypatch, tmp_path):
    program(
        tmp_path,
        "sacct",
        "1|REQUEUED|5|00:00.003||6000M|2880\n"
        "1.batch|CANCELLED|5|00:00.001|10704K||\n"
        "1|NODE_FAIL|7|00:00.003||6000M|2880\n"
        "1|COMPLETED|15|00:00.014||6000M|2880\n"
        "1.batch|COMPLETED|15|00:00.011|10684K||\n",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (found,) = slurm.accounted(["1"]).values()
    assert (found["State"], found["ElapsedRaw"], found["MaxRSS"]) == ("COMPLETED", "15", "10684K")
    assert found["EarlierRaw"] == "12"


@pytest.mark.parametrize(
    ("comment", "jobs"),
    [
        ("rule_pretrain_wildcards_d8-l1_0_24960", ["pretrain d8-l1_0_24960"]),
        ("rule_d8-l1-s0-32k_anneal_evaluate", ["anneal d8-l1-s0-32k", "evaluate d8-l1-s0-32k"]),
        ("rule_text_corpus_tokenize_vocab", ["corpus ", "tokenize ", "vocab "]),
        ("rule_observe", ["observe "]),
    ],
)
def test_a_submission_names_its_jobs(comment, jobs):
    assert slurm.names(comment, PACKED) == jobs


def test_jobs_of_other_studies_and_clones_are_not_this_ones(monkeypatch, tmp_path):
    text = "\n".join(
        f"{number}|PENDING||Priority|rule_anneal|{name}|{folder}"
        for number, name, folder in (
            (1, "demo_0b1c", tmp_path),
            (2, "demo_2_0b1c", tmp_path),
            (3, "demo_0b1c", tmp_path.parent),
        )
    )
    program(tmp_path, "squeue", text)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert [queued.job for queued in slurm.queue("demo")] == ["1"]


def test_the_newest_log_of_each_job(tmp_path):
    for number, folder in enumerate(("group_d8-s0_anneal_evaluate", "rule_pretrain/d8_0_99"), 7):
        for age, name in ((20, number), (10, number + 10)):
            path = tmp_path / folder / f"{name}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (1e9 - age, 1e9 - age))
    found = slurm.last_logs(tmp_path, PACKED)
    assert {name: path.stem for name, path in found.items()} == {
        "anneal d8-s0": "17",
        "evaluate d8-s0": "17",
        "pretrain d8_0_99": "18",
    }
