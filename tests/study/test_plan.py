"""The plan: names, the trunk's grid, and what a change of the study disturbs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaletrace.study.config import load
from scaletrace.study.plan import Plan
from scaletrace.study.runs import budget_label, flops_label
from scaletrace.study.trunk import Trunk
from scaletrace.training.recipe import kinds

ROOT = Path(__file__).parents[2]
TINY = load(ROOT / "config/tiny.yaml")


def plan(**changes):
    return Plan(TINY.model_copy(update=changes))


def jobs(study_plan):
    """Every training job with its settings, by the name of what it makes."""
    found = {
        f"{size}-s{seed}/{tokens}": study_plan.pretrain(size, seed, tokens)
        for size, seed, tokens in study_plan.trunk_states()
    }
    found |= {run.name: study_plan.anneal(run) for run in study_plan.trained_runs()}
    return found


def test_labels_are_written_as_people_write_them():
    assert [budget_label(d) for d in (512, 10_000, 500_000, 1_500_000, 2_000_000, 3 * 10**9)] == [
        *("512", "10k", "500k", "1.5M", "2M", "3B"),
    ]
    assert [flops_label(c) for c in (1e15, 2.5e18)] == ["C1e15", "C2.5e18"]


def test_a_training_is_told_of_z_loss_and_spikes_and_loads_what_skips_steps():
    spikes = "scaletrace.training.spikes"
    for study_plan, z_loss, spike in (
        (plan(), 0.0, None),
        (plan(training=TINY.training.model_copy(update={"z_loss": 1e-4, "spike": 4.0})), 1e-4, 4.0),
    ):
        for settings in jobs(study_plan).values():
            assert (settings.z_loss, settings.spike) == (z_loss, spike)
            assert (spikes in kinds(settings)) == (spike is not None)


@given(st.lists(st.integers(1, 10**13), min_size=2, max_size=2, unique=True))
def test_two_budgets_never_share_a_label(budgets):
    assert len({budget_label(d) for d in budgets}) == 2


def test_a_run_has_whole_batches_and_the_rate_of_its_width():
    run = plan().runs["d16-l1-s0-32k"]
    assert (run.steps, run.n_tokens, run.learning_rate) == (500, 32_000, 0.02)


def scheduled(budgets, **training):
    return plan(budgets=budgets, training=TINY.training.model_copy(update=training))


def test_a_stepped_rate_goes_down_at_every_state_of_the_trunk():
    for exponent in (0.5, 0.3):
        study_plan = scheduled([128_000], schedule="stepped", step_exponent=exponent)
        recipe = study_plan.anneal(study_plan.runs["d8-l1-s0-128k"]).recipe()
        # States lie after 390, 781, 1562 and 3125 steps; the cooldown begins at 1600.
        found = [recipe.factor(step) for step in (389, 390, 780, 781, 1561, 1562, 1600)]
        ends = [390, 781, 781, 1562, 1562, 3125, 3125]
        assert found == pytest.approx([(end / 390) ** -exponent for end in ends])
        assert recipe.factor(1700) == pytest.approx(found[-1] * 0.5)


def test_a_run_that_branches_at_a_state_cools_down_from_the_rate_that_it_comes_with():
    (run,) = (run for run in scheduled([62_500]).runs.values() if run.size == "d8-l1")
    settings = scheduled([62_500], schedule="stepped").anneal(run)
    assert settings.from_step == settings.cooldown_from_step == 781
    assert settings.recipe().factor(781) == pytest.approx((781 / 390) ** -0.5)


def test_the_first_segment_is_one_whatever_the_steps():
    plans = [scheduled([64_000], schedule=schedule) for schedule in ("wsd", "stepped")]
    first, second = (
        [study_plan.pretrain("d8-l1", 0, tokens) for study_plan in plans]
        for tokens in (390 * 64, 781 * 64)
    )
    assert first[0] == first[1]
    assert second[0] != second[1]


def test_trunk_states_lie_where_runs_of_powers_of_two_million_tokens_branch():
    study_plan = plan(budgets=[32_000, 64_000])
    states = {tokens // 64 for _, _, tokens in study_plan.trunk_states()}
    assert states == {390, 781}  # 0.8 x 1e6/32 and 1e6/16 tokens, in whole batches of 64
    assert study_plan.start(study_plan.runs["d8-l1-s0-32k"]) == 390 * 64


@pytest.mark.parametrize(
    "change",
    [
        {"budgets": [32_000, 40_000, 48_000]},
        {"budgets": [32_000, 48_000, 128_000]},
        {"budgets": [16_000, 32_000, 48_000]},
        {"seeds": [0, 1]},
        {"sizes": TINY.sizes | {"d64-l2": TINY.sizes["d48-l2"].model_copy(update={"width": 64})}},
    ],
)
@pytest.mark.parametrize("schedule", ["wsd", "stepped"])
def test_what_is_added_disturbs_no_job_that_was_there(change, schedule):
    training = TINY.training.model_copy(update={"schedule": schedule})
    before, after = jobs(plan(training=training)), jobs(plan(training=training, **change))
    assert before.items() <= after.items()
    assert len(after) > len(before)


def test_a_size_may_have_seeds_of_its_own():
    several = TINY.sizes["d8-l1"].model_copy(update={"seeds": [0, 1, 2]})
    study_plan = plan(sizes=TINY.sizes | {"d8-l1": several})
    added = jobs(study_plan).keys() - jobs(plan()).keys()
    assert {name.split("/")[0] for name in added if "/" in name} == {"d8-l1-s1", "d8-l1-s2"}
    assert {name for name in added if "/" not in name} == {
        f"d8-l1-s{seed}-{budget}" for seed in (1, 2) for budget in ("32k", "48k")
    }
    assert jobs(plan()).items() <= jobs(study_plan).items()


def test_a_doubled_budget_adds_one_segment_and_one_anneal_per_size():
    more = plan(budgets=[32_000, 48_000, 64_000])
    added = jobs(more).keys() - jobs(plan()).keys()
    assert len(added) == 2 * len(TINY.sizes)


@given(st.lists(st.integers(10_000, 10_000_000), min_size=1, max_size=4, unique=True))
def test_every_run_can_be_reached_from_nothing(budgets):
    study_plan = plan(budgets=budgets)
    states = set(study_plan.trunk_states())
    for run in study_plan.runs.values():
        start = study_plan.start(run)
        branch = Trunk(run.batch_tokens, 0.2).branch(run.steps)
        assert start <= branch * run.batch_tokens < run.n_tokens
        assert start == 0 or (run.size, run.seed, start) in states
    for size, seed, tokens in states:
        before = study_plan.state_before(size, tokens)
        assert before < tokens
        assert before == 0 or (size, seed, before) in states


def test_flops_budgets_give_tokens_per_size():
    study_plan = plan(budgets=[], flops=[1e10])
    for run in study_plan.runs.values():
        assert run.flops_exact == pytest.approx(1e10, rel=0.01)
        assert run.budget == "C1e10"


def test_cosine_has_no_trunk():
    training = TINY.training.model_copy(update={"schedule": "cosine"})
    study_plan = plan(training=training)
    assert study_plan.trunk_states() == []
    assert {study_plan.start(run) for run in study_plan.runs.values()} == {0}


def test_a_run_given_up_is_tabled_and_not_trained():
    study_plan = plan(failed={"d8-l1-s0-48k": "out of memory"})
    assert "d8-l1-s0-48k" not in jobs(study_plan)
    rows = {row["run"]: row["failed"] for row in study_plan.observe().runs}
    assert rows["d8-l1-s0-48k"] == "out of memory"


def test_runs_that_share_no_trunk_cost_what_the_trunk_would_have_spared():
    budgets = [32_000, 48_000]
    shared, alone = scheduled(budgets), scheduled(budgets, share=False)
    assert alone.trunk_states() == []
    assert {job.from_step for job in jobs(alone).values()} == {0}
    assert shared.flops() == shared.flops_shared() == alone.flops_shared()
    # The first 390 steps of 64 tokens are the same for both budgets.
    spared = sum(390 * 64 * alone.flops_per_token(size) for size in TINY.sizes)
    assert alone.flops() - alone.flops_shared() == pytest.approx(spared)
    assert scheduled(budgets, schedule="cosine").flops() == alone.flops()
