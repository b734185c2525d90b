from pathlib import Path

import pytest

from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.jobs import jobs
from scaletrace.study.plan import Plan

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def estimates():
    return Estimates(Plan(load(CONFIG / "tiny.yaml")), ASSUMED["cpu"])


def test_every_job_needs_only_jobs_before_it(estimates):
    seen = set()
    for job in jobs(estimates, {"networkx": "1"}):
        assert set(job.needs) <= seen
        assert job.name not in seen
        seen.add(job.name)


def test_the_tokens_of_all_jobs_are_those_of_the_runs_with_trunks_counted_once(estimates):
    plan = estimates.plan
    flops = sum(
        plan.flops_per_token(job.size) * job.tokens for job in jobs(estimates, {}) if job.size
    )
    assert flops == pytest.approx(plan.flops())


def test_a_larger_model_takes_longer_and_a_run_no_longer_than_its_pace_says(estimates):
    seconds = {job.name: job.seconds for job in jobs(estimates, {})}
    assert seconds["anneal d48-l2-s0-48k"] > seconds["anneal d8-l1-s0-48k"]
    run = estimates.plan.runs["d48-l2-s0-48k"]
    tokens = run.n_tokens - estimates.plan.start(run)
    flops = estimates.plan.flops_per_token("d48-l2") * tokens
    assert seconds["anneal d48-l2-s0-48k"] == pytest.approx(
        3.0 + flops / 50e9 + tokens / 200e3 + tokens / 64 * 1.5e-3
    )
