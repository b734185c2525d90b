"""A cluster that keeps accounts of its jobs."""

import json
import os
import subprocess

import pytest

from tests.slurm.conftest import (
    BRIEF,
    Driver,
    cluster,
    model,
    slurm_jobs,
    stopped,
    turn_to_box,
    weights,
)


@pytest.fixture
def accounts(box, monkeypatch):
    """A box of its own, with accounts, in place of the other."""
    folder = os.environ.get("SCALETRACE_BOX", f"/tmp/scaletrace-box-{os.getuid()}")
    port = int(os.environ.get("SCALETRACE_BOX_PORT", "17817"))
    monkeypatch.setenv("SCALETRACE_BOX", f"{folder}-accounts")
    monkeypatch.setenv("SCALETRACE_BOX_PORT", str(port + 100))
    cluster("up", "accounts")
    turn_to_box(monkeypatch)
    yield
    cluster("down")


def asked(clone, *words):
    return json.loads(clone.run("scaletrace", *words, "--json").stdout)


def status_of_jobs(clone):
    checks = asked(clone, "doctor")["places"]["cluster"]
    return next(check for check in checks if check["name"] == "status of jobs")


def bill(clone, slurm_job):
    jobs = asked(clone, "cost", "--study", "faults")["jobs"]
    return next(job for job in jobs if job["slurm_job"] == slurm_job)


@pytest.mark.parametrize(("disturb", "numbers"), [(("scancel",), 2), (("scontrol", "requeue"), 1)])
def test_accounts_say_what_an_unfinished_attempt_took(accounts, clone, reference, disturb, numbers):
    assert status_of_jobs(clone)["found"].startswith("squeue answers")
    driver = Driver(clone, model())
    first = driver.trains()
    subprocess.run([*disturb, first], check=True)
    assert driver.finish() == 0, driver.said()
    assert weights(clone) == weights(reference)
    jobs = slurm_jobs(clone)
    assert len(jobs) == 2
    assert len(set(jobs)) == numbers
    assert bill(clone, jobs[1])["waste_seconds"] > 0


def test_a_study_can_go_by_sacct(accounts, clone):
    with (clone.folder / "slurm/site.yaml").open("a", encoding="utf-8") as site:
        site.write("status: sacct\n")
    assert "waits for ever" in status_of_jobs(clone)["found"]
    driver = Driver(clone, f"results/faults/evals/{BRIEF}.json")
    assert driver.finish() == 0, driver.said()
    assert stopped(clone, BRIEF) == []
    # The peak of all processes in the allocation, as SLURM saw it.
    own = bill(clone, *slurm_jobs(clone, BRIEF))
    assert own["rule"] == "anneal"
    assert 0 < own["memory_mb"] < own["asked_mb"]
