"""Several runs in one submission."""

from itertools import combinations

from tests.slurm.conftest import Driver, circumstances, job_facts, model

RUNS = [f"d32-l2-s{seed}-8k" for seed in range(6)]


def test_small_runs_share_an_allocation_and_its_gpu(clone):
    with (clone.folder / "slurm/site.yaml").open("a", encoding="utf-8") as site:
        site.write("together: 3\nshare_gpu: true\n")
    driver = Driver(clone, *map(model, RUNS))
    assert driver.finish() == 0, driver.said()
    found = [circumstances(clone, run) for run in RUNS]
    packs = {}
    for job in found:
        packs.setdefault(job["slurm_job"], []).append(job)
    assert [len(pack) for pack in packs.values()] == [3, 3]
    for number, pack in packs.items():
        assert job_facts(number)["TresPerNode"] == "gres:gpu:1"
        assert len({(job["node"], job["gpus"]) for job in pack}) == 1
        assert pack[0]["gpus"] in {"0", "1"}
        # Side by side, not one after another.
        assert any(
            a["start"] < b["end"] and b["start"] < a["end"] for a, b in combinations(pack, 2)
        )
