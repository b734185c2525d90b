"""Several runs in one submission, and several submissions on one GPU."""

from itertools import combinations

from tests.slurm.conftest import Driver, circumstances, job_facts, model

RUNS = [f"d32-l2-s{seed}-8k" for seed in range(4)]


def trained(clone, settings, *words):
    """What the records say of the runs, trained at a site with some settings more."""
    with (clone.folder / "slurm/site.yaml").open("a", encoding="utf-8") as site:
        site.write(settings)
    driver = Driver(clone, *map(model, RUNS), *words)
    assert driver.finish() == 0, driver.said()
    return [circumstances(clone, run) for run in RUNS]


def overlap(a, b):
    return a["start"] < b["end"] and b["start"] < a["end"]


def test_small_runs_share_an_allocation(clone):
    found = trained(clone, "together: 4\n", "--set-resources", "anneal:gpu=1")
    (submission,) = {job["slurm_job"] for job in found}
    facts = job_facts(submission)
    assert facts["TresPerJob"] == "gres:gpu:1"
    assert facts["NumCPUs"] == "1"
    assert not any(overlap(a, b) for a, b in combinations(found, 2))


def test_small_runs_share_a_gpu(clone):
    found = trained(clone, "gpu_share: shard:1\npartition: short\n")
    assert len({job["slurm_job"] for job in found}) == 4
    assert {job_facts(job["slurm_job"])["TresPerNode"] for job in found} == {"gres:shard:1"}
    sharing = [
        (a, b)
        for a, b in combinations(found, 2)
        if (a["node"], a["gpus"]) == (b["node"], b["gpus"]) and overlap(a, b)
    ]
    assert sharing
    assert {job["gpus"] for job in found} <= {"0", "1"}
