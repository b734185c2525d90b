"""How fast a study's own training went so far."""

from pathlib import Path

import pytest

from scaletrace.formats.record import Code, Identity
from scaletrace.jobs import ledger
from scaletrace.jobs.pace import known_pace, observed_pace
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config/tiny.yaml"


@pytest.fixture(scope="module")
def plan():
    return Plan(load(TINY))


def trained(run, seconds, measured, **settings):
    identity = Identity("anneal", {"run": run}, settings, Code("", {}), (), ())
    ledger.write("tiny", identity, {"start": 1.0, "seconds": seconds, "measured": measured})


def longest(plan, size):
    return max((run for run in plan.trained_runs() if run.size == size), key=lambda r: r.n_tokens)


def test_before_any_training_a_pace_is_assumed(plan, folder):
    assert observed_pace(plan, ASSUMED["cpu"]) is None
    assert known_pace(plan) == ASSUMED["cpu"]


def test_a_training_tells_of_its_start_and_its_speed(plan, folder):
    run = longest(plan, "d48-l2")
    trained(run.name, 20.0, {"seconds": 15.0, "tokens_per_s": 1000.0})
    pace = known_pace(plan)
    assert (pace.source, pace.start_seconds) == ("observed", 5.0)
    flops, layers = plan.flops_per_token("d48-l2"), plan.sizes["d48-l2"].layers
    expected = pace.seconds(flops * run.batch_tokens, layers, run.batch_tokens, 1)
    assert expected - 5.0 == pytest.approx(run.batch_tokens / 1000.0)


def test_the_start_is_the_median(plan, folder):
    for size, start in (("d8-l1", 1.0), ("d32-l2", 2.0), ("d48-l2", 9.0)):
        trained(longest(plan, size).name, 10.0 + start, {"seconds": 10.0, "tokens_per_s": 1e3})
    pace = observed_pace(plan, ASSUMED["cpu"])
    assert pace is not None
    assert pace.start_seconds == 2.0


@pytest.mark.parametrize(
    ("measured", "settings"),
    [
        ({"seconds": 15.0}, {}),
        ({"seconds": 15.0, "tokens_per_s": 0}, {}),
        ({"tokens_per_s": 1000.0}, {}),
        ({"seconds": 15.0, "tokens_per_s": 1000.0}, {"compute": {"device": "cuda"}}),
    ],
)
def test_what_tells_nothing_is_passed_over(plan, folder, measured, settings):
    trained(longest(plan, "d48-l2").name, 20.0, measured, **settings)
    assert observed_pace(plan, ASSUMED["cpu"]) is None


def test_the_site_knows_best(plan, folder):
    trained(longest(plan, "d48-l2").name, 20.0, {"seconds": 15.0, "tokens_per_s": 1000.0})
    Path("slurm").mkdir()
    Path("slurm/site.yaml").write_text("flops_per_s: 130e9\n", encoding="utf-8")
    pace = known_pace(plan)
    assert (pace.source, pace.flops_per_s) == ("site", 130e9)
