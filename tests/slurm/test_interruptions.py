"""Training that is interrupted on a real cluster ends with the weights of one that was not."""

import subprocess

from tests.slurm.conftest import (
    LONGER,
    Driver,
    circumstances,
    cluster,
    job_facts,
    model,
    seams,
    slurm_jobs,
    weights,
)


def test_a_cancelled_job_is_submitted_once_more_and_resumes(clone, reference):
    driver = Driver(clone, model())
    first = driver.trains()
    subprocess.run(["scancel", first], check=True)
    assert driver.finish() == 0, driver.said()
    jobs = slurm_jobs(clone)
    assert len(jobs) == 2
    assert jobs[0] == first != jobs[1]
    # Long before the first state that is saved by the clock: TERM has reached the training.
    (resumed,) = seams(clone)
    assert resumed > 0
    assert weights(clone) == weights(reference)


def test_a_job_at_its_time_limit_resumes_with_a_larger_one(clone, reference):
    with (clone.folder / "slurm/site.yaml").open("a") as site:
        site.write("warning_seconds: 5\n")
    driver = Driver(clone, model(LONGER), "--set-resources", "anneal:runtime=attempt*attempt")
    assert driver.finish() == 0, driver.said()
    jobs = slurm_jobs(clone, LONGER)
    limits = [job_facts(job)["TimeLimit"] for job in jobs]
    assert limits == ["00:01:00", "00:04:00", "00:09:00"][: len(jobs)]
    assert len(jobs) > 1
    assert all(resumed > 0 for resumed in seams(clone, LONGER))
    assert weights(clone, LONGER) == weights(reference, LONGER)


def test_a_job_whose_node_dies_goes_on_at_another(clone, reference):
    # Nothing is saved in the end: a state every few seconds has to do.
    clone.edit("src/scaletrace/study/plan.py", '"save_seconds": 30', '"save_seconds": 3')
    driver = Driver(clone, model())
    job = driver.trains(beyond=1000)
    node = job_facts(job)["NodeList"]
    cluster("kill", node)
    assert driver.finish() == 0, driver.said()
    assert slurm_jobs(clone) == [job, job]
    assert circumstances(clone)["node"] != node
    (resumed,) = seams(clone)
    assert resumed > 0
    assert weights(clone) == weights(reference)


def test_a_preempted_job_goes_on_under_its_number(clone, reference):
    with (clone.folder / "slurm/site.yaml").open("w") as site:
        site.write("partition: spare\npoll_seconds: 2\n")
    driver = Driver(clone, model())
    job = driver.trains()
    urgent = ["sbatch", "-p", "short", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1"]
    subprocess.run(urgent, check=True, capture_output=True)
    assert driver.finish() == 0, driver.said()
    assert set(slurm_jobs(clone)) == {job}
    (resumed,) = seams(clone)
    assert resumed > 0
    assert weights(clone) == weights(reference)
