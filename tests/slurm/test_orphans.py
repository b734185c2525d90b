"""Jobs that outlive whoever watched over them are neither lost nor doubled."""

import signal
import time

from tests.slurm.conftest import (
    LONG,
    LONGER,
    Driver,
    circumstances,
    cluster,
    job_facts,
    model,
    queue,
    seams,
    slurm_jobs,
    until,
    weights,
)


def test_beside_an_orphan_of_a_dead_slurmd_nobody_trains(clone, reference):
    driver = Driver(clone, model(LONGER))
    job = driver.trains(LONGER)
    node = job_facts(job)["NodeList"]
    cluster("kill-slurmd", node)
    until(lambda: job_facts(job).get("Restarts") == "1", driver.said)
    assert driver.finish() == 0, driver.said()
    assert seams(clone, LONGER) == []
    attempts = circumstances(clone, LONGER)["attempts"]
    # SLURM may take the end of the orphan's step for the end of the second's, which has the same
    # number: a third job then finds what the orphan made.
    assert [attempt["slurm_job"] for attempt in attempts[:2]] == [job, job]
    assert len(attempts) < 4
    assert circumstances(clone, LONGER)["measured"]["processes"][0]["pid"] == attempts[0]["pid"]
    assert weights(clone, LONGER) == weights(reference, LONGER)


def test_after_a_killed_driver_no_two_jobs_train_one_run(clone, reference):
    driver = Driver(clone, model(LONGER))
    first = driver.trains(LONGER)
    driver.process.send_signal(signal.SIGKILL)
    driver.process.wait()
    clone.run("snakemake", "--unlock", "--configfile", "config/faults.yaml")
    again = Driver(clone, model(LONGER))
    assert again.finish() == 0, again.said()
    # SLURM may run a job again under its number, which then finds the result: it loses sight of one
    # where the machine is busy.
    jobs = list(dict.fromkeys(slurm_jobs(clone, LONGER)))
    assert len(jobs) == 2
    assert jobs[0] == first != jobs[1]
    # The second waited for the first and took what it had made.
    assert seams(clone, LONGER) == []
    assert circumstances(clone, LONGER)["measured"]["processes"][0]["slurm_job"] == first
    assert weights(clone, LONGER) == weights(reference, LONGER)
    assert not queue()


def test_a_restarted_slurmctld_loses_nothing(clone, reference):
    driver = Driver(clone, model())
    job = driver.trains()
    cluster("stop", "slurmctld")
    # Longer than the plugin goes on asking by itself: five times, nine seconds each.
    time.sleep(65)
    cluster("start", "slurmctld")
    assert driver.finish() == 0, driver.said()
    assert set(slurm_jobs(clone)) == {job}
    assert seams(clone) == []
    assert LONG in driver.said()
    assert weights(clone) == weights(reference)
