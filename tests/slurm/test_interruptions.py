"""Training that is interrupted on a real cluster ends with the weights of one that was not."""

import json
import subprocess

from tests.slurm.conftest import (
    LONG,
    LONGER,
    Driver,
    circumstances,
    cluster,
    job_facts,
    model,
    seams,
    slurm_jobs,
    stopped,
    weights,
)

# What training says that has heard it, and saved its state; a state may also be saved by the clock.
TERM = "stopped by signal 15"


def asked(clone, command):
    """What a command says of the study."""
    return json.loads(clone.run("scaletrace", command, "--study", "faults", "--json").stdout)


def standing(clone):
    return next(row for row in asked(clone, "status")["runs"] if row["run"] == LONG)


def test_a_cancelled_job_is_submitted_once_more_and_resumes(clone, reference):
    driver = Driver(clone, model())
    first = driver.trains()
    facts = job_facts(first)
    told = standing(clone)
    assert (told["state"], told["stage"], told["slurm_job"]) == ("running", "anneal", first)
    assert told["node"] == facts["NodeList"]
    assert 0 < told["step"] < told["last_step"]
    assert told["tokens_per_s"] > 0 < told["seconds_left"]
    # What people read in the queue: the study, the run and the stage.
    assert facts["JobName"].startswith("faults_")
    assert facts["Comment"] == f"rule_{LONG}_anneal"
    subprocess.run(["scancel", first], check=True)
    assert driver.finish() == 0, driver.said()
    jobs = slurm_jobs(clone)
    assert len(jobs) == 2
    assert jobs[0] == first != jobs[1]
    assert stopped(clone) == [TERM]
    (resumed,) = seams(clone)
    assert resumed > 0
    assert weights(clone) == weights(reference)
    (overcome,) = asked(clone, "status")["overcome"]
    assert (overcome["slurm_job"], overcome["problem"]) == (first, TERM)
    (bill,) = (job for job in asked(clone, "cost")["jobs"] if job["slurm_job"] == jobs[1])
    assert (bill["attempts"], bill["cores"]) == (2, 1)
    assert bill["asked_minutes"] == 2 * int(facts["TimeLimit"].split(":")[1])
    assert 0 < bill["memory_mb"] < bill["asked_mb"]


def test_a_job_at_its_time_limit_resumes_with_a_larger_one(clone, reference):
    with (clone.folder / "slurm/site.yaml").open("a") as site:
        # However fast the machine, the limit comes before the end of the training.
        site.write("warning_seconds: 40\n")
    driver = Driver(clone, model(LONGER), "--set-resources", "anneal:runtime=attempt*attempt")
    assert driver.finish() == 0, driver.said()
    jobs = slurm_jobs(clone, LONGER)
    limits = [job_facts(job)["TimeLimit"] for job in jobs]
    assert limits == ["00:01:00", "00:04:00", "00:09:00"][: len(jobs)]
    assert len(jobs) > 1
    assert set(stopped(clone, LONGER)) == {TERM}
    assert all(resumed > 0 for resumed in seams(clone, LONGER))
    assert weights(clone, LONGER) == weights(reference, LONGER)


def test_a_job_whose_node_dies_goes_on_at_another(clone, reference):
    # Nothing is saved in the end: a state every few seconds has to do.
    clone.edit("src/scaletrace/study/plan.py", "save_seconds=30,", "save_seconds=3,")
    driver = Driver(clone, model())
    job = driver.trains(beyond=1000)
    node = job_facts(job)["NodeList"]
    cluster("kill", node)
    assert driver.finish() == 0, driver.said()
    # Never a second submission; how often SLURM itself begins one again is its own affair.
    assert set(slurm_jobs(clone)) == {job}
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
    # Under its number, however often SLURM begins it; what is done is not done again.
    assert set(slurm_jobs(clone)) == {job}
    assert stopped(clone)[0] == TERM
    (resumed,) = seams(clone)
    assert resumed > 0
    assert weights(clone) == weights(reference)
