import pytest

from scaletrace.formats.record import Code, Identity, new_record
from scaletrace.jobs import bill


def record(**changes):
    """The record of a job that ran a minute on one core and asked for eleven minutes and 1.1 GB."""
    circumstances = {
        "start": 1000.0,
        "seconds": 60.0,
        "cpu_seconds": 57.0,
        "peak_memory_mb": 300.0,
        "threads": 1,
        "slurm_job": "12",
        "attempts": [{"slurm_job": "11"}, {"slurm_job": "12"}],
        "measured": {"flops_per_s": 3e10},
        "matrix": {"flops_per_s": 6e10},
        "requested": {"minutes": 11.0, "memory_mb": 1100.0, "cpus": 1, "gpus": 0},
    }
    identity = Identity("anneal", {}, {}, Code("", {}), (), ())
    return new_record(identity, circumstances | changes)


def item(accounts=None, **changes):
    (found,) = bill.items([("anneal a", "anneal", record(**changes))], accounts or {})
    return found


def requested(minutes=11.0, memory_mb=1100.0, gpus=0):
    return {"minutes": minutes, "memory_mb": memory_mb, "cpus": 1, "gpus": gpus}


def test_a_job_from_its_record_alone():
    found = item()
    assert found.attempts == 2
    assert found.utilisation == pytest.approx(0.5)
    assert (found.asked_minutes, found.asked_mb, found.memory_mb) == (11, 1100, 300)
    # Without accounts nobody knows what the first attempt took.
    assert found.waste_seconds is None


def test_accounts_add_the_failed_attempt_and_slurms_memory():
    accounts = {"11": {"ElapsedRaw": "660"}, "12": {"ElapsedRaw": "61", "MaxRSS": "512000K"}}
    found = item(accounts)
    assert found.waste_seconds == 660
    assert found.memory_mb == 500


def test_what_ran_before_a_job_was_queued_again_is_waste():
    accounts = {"12": {"ElapsedRaw": "61", "EarlierRaw": "30"}}
    twice = [{"slurm_job": "12"}, {"slurm_job": "12"}]
    assert item(accounts, attempts=twice).waste_seconds == 30
    # Another job of the submission ran then.
    assert item(accounts, attempts=twice[:1]).waste_seconds == 0


def test_a_submission_that_failed_several_jobs_is_waste_once_beside_what_it_finished():
    accounts = {"11": {"ElapsedRaw": "660"}, "12": {"ElapsedRaw": "130"}}
    finished = record(slurm_job="11", attempts=[{"slurm_job": "11"}])
    jobs = [("anneal a", finished), ("anneal b", record()), ("evaluate b", record())]
    found = bill.items([(name, name.split()[0], one) for name, one in jobs], accounts)
    assert [one.waste_seconds for one in found] == [0, 600, 0]


def test_hours_are_those_of_the_cores_and_gpus_that_were_held():
    other = item(slurm_job="13", requested={**requested(gpus=2), "cpus": 8})
    found = bill.hours([item(), other])
    assert found == {
        "core_hours": pytest.approx((60 + 8 * 60) / 3600),
        "gpu_hours": pytest.approx(120 / 3600),
    }


def test_jobs_that_share_a_submission_are_paid_for_once():
    first, second = item(), item(start=1070.0, seconds=50.0)
    (held,) = bill.allocations([first, second])
    # From 1000 to 1120, with a pause of 10 seconds.
    assert held.seconds == 120
    assert held.memory_mb == (300, 600)
    assert bill.hours([first, second])["core_hours"] == pytest.approx(120 / 3600)
    alone = [item(slurm_job=None, requested=None) for _ in range(2)]
    assert bill.hours(alone[:1])["core_hours"] == pytest.approx(60 / 3600)


def test_without_slurm_no_advice():
    assert bill.advice([item(requested=None)]) == []


def test_requests_that_fit_need_no_advice():
    assert bill.advice([item()]) == []


def test_advice_for_jobs_that_share_a_submission_sets_none_of_them_alone():
    def shared(minutes):
        asked = {"requested": requested(minutes=minutes, memory_mb=16_000.0)}
        return bill.advice(bill.items([(f"{r} a", r, record(**asked)) for r in ("x", "y")], {}))

    # Each of them asks for the least that a job asks for.
    (memory,) = shared(23.0)
    assert memory == (
        "x and y: asked for up to 16000 MiB and used at most 600 beside Snakemake's 400"
    )
    time, _ = shared(240.0)
    assert "sooner; a higher flops_per_s" in time
    assert "--set-resources" not in time


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requested": requested(minutes=240.0)}, "--set-resources anneal:runtime=12"),
        ({"seconds": 600.0}, "1 of 1 took over 85%"),
        ({"requested": requested(memory_mb=16_000.0)}, "--set-resources anneal:mem_mb=1050"),
        ({"peak_memory_mb": 620.0}, "came close to the memory"),
        ({"requested": requested(gpus=1), "measured": {"flops_per_s": 1e9}}, "had a GPU"),
    ],
)
def test_advice_where_a_request_was_far_off(changes, words):
    (said,) = bill.advice([item(**changes)])
    assert words in said
