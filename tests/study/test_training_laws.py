"""Rates and batches by law, several families, and tuning, as a study file says them."""

import math
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.models.counts import Shape, n_non_embedding
from scaletrace.stages.trial import MeasuredOn
from scaletrace.study.config import load
from scaletrace.study.plan import Plan
from scaletrace.study.training_laws import FAMILIES, Family, PowerBatch

TINY = yaml.safe_load((Path(__file__).parents[2] / "config/tiny.yaml").read_text(encoding="utf-8"))
POWER = {"law": "power", "value": 0.01, "at_n": 1000, "n_exponent": -0.5}
BATCH = {"law": "power", "value": 64, "at_n": 1000, "n_exponent": 0.5}
WARMUP = {"law": "power", "value": 1_000, "at_n": 1000, "n_exponent": 0.25}
OF_D = {"at_d": 32_000, "d_exponent": 0.5}
TUNING = {"sizes": ["d8-l1", "d16-l1"], "rates": [0.01, 0.02, 0.04], "tokens": 16_000}
TUNED = {"learning_rate": {"law": "tuned"}}
BOTH = ["decoder", "encoder_textbook"]


@pytest.fixture
def study(tmp_path):
    """Return a plan of the tiny study with other training settings and keys."""

    def changed(training=None, **keys):
        content = {**TINY, **keys, "training": TINY["training"] | (training or {})}
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return Plan(load(path))

    return changed


def trainings(plan):
    """Every training job's settings by the name of what it makes."""
    found = {
        f"{size}-s{seed}/{tokens}": plan.pretrain(size, seed, tokens)
        for size, seed, tokens in plan.trunk_states()
    }
    return found | {run.name: plan.anneal(run) for run in plan.runs.values()}


def test_the_study_knows_the_families_that_there_are():
    assert get_args(Family) == FAMILIES == kinds.names("families")


def test_a_power_law_gives_rates_and_batches_by_n(study):
    plan = study({"learning_rate": POWER, "batch_tokens": BATCH})
    run = plan.runs["d48-l2-s0-32k"]
    n = n_non_embedding(Shape(48, 2, 2, 32, 320))
    assert run.learning_rate == pytest.approx(0.01 * (n / 1000) ** -0.5)
    # 64 sqrt(55.3) = 476 tokens, 14.9 contexts of 32.
    assert run.batch_tokens == 16 * 32
    assert plan.anneal(run).batch_tokens == 512
    assert plan.runs["d8-l1-s0-32k"].batch_tokens == 64


@given(
    st.floats(1, 1e6), st.floats(1, 1e9), st.floats(-1, 1), st.integers(1, 400), st.integers(3, 512)
)
def test_a_batch_is_contexts_by_a_power_of_two_as_near_as_they_come(
    value, at_n, exponent, width, context
):
    law = PowerBatch(law="power", value=value, at_n=at_n, n_exponent=exponent)
    shape = Shape(2 * width, 2, 1, context, 320)
    contexts, rest = divmod(law.batch(shape, 1e6), context)
    assert rest == 0
    assert math.log2(contexts).is_integer()
    wanted = value * (n_non_embedding(shape) / at_n) ** exponent / context
    assert contexts == 1 or abs(math.log2(contexts / wanted)) <= 0.5 + 1e-9


def test_states_and_runs_lie_at_whole_steps_of_each_batch(study):
    plan = study({"learning_rate": POWER, "batch_tokens": BATCH}, budgets=[64_000, 100_000])
    assert len({run.batch_tokens for run in plan.runs.values()}) > 2
    for run in plan.runs.values():
        assert run.n_tokens == run.steps * run.batch_tokens
        assert plan.start(run) % run.batch_tokens == 0
        assert plan.start(run) < run.n_tokens
    for size, _, tokens in plan.trunk_states():
        batch = plan.longest[size].batch_tokens
        assert tokens % batch == 0
        settings = plan.pretrain(size, 0, tokens)
        assert settings.to_step * settings.batch_tokens == tokens
        assert settings.warmup_steps == math.ceil(2_000 / batch)
    rows = {row["run"]: row for row in plan.observe().runs}
    assert all(rows[name]["batch_tokens"] == run.batch_tokens for name, run in plan.runs.items())


@pytest.mark.parametrize("schedule", ["wsd", "stepped"])
def test_a_budget_disturbs_no_job_whatever_the_laws(study, schedule):
    laws = {"learning_rate": POWER, "batch_tokens": BATCH, "warmup": WARMUP, "schedule": schedule}
    before = trainings(study(laws, budgets=[64_000]))
    after = trainings(study(laws, budgets=[50_000, 64_000, 256_000]))
    assert before.items() <= after.items()
    assert any(job.cooldown_from_step is None for job in before.values())


@pytest.mark.parametrize("alone", [{"schedule": "cosine"}, {"share": False}])
def test_where_runs_share_no_trunk_laws_may_depend_on_d(study, alone):
    laws = {"learning_rate": POWER | OF_D, "batch_tokens": BATCH | OF_D, "warmup": WARMUP | OF_D}
    plan = study(laws | alone, budgets=[32_000, 128_000])
    short, long = (plan.runs[f"d8-l1-s0-{budget}"] for budget in ("32k", "128k"))
    assert (short.batch_tokens, long.batch_tokens) == (64, 128)
    assert long.learning_rate == pytest.approx(2 * short.learning_rate)
    steps = {run.name: plan.anneal(run).warmup_steps for run in (short, long)}
    assert steps == {
        run.name: math.ceil(1_000 * (769 / 1000) ** 0.25 * (run.n_tokens / 32_000) ** 0.5 / batch)
        for run, batch in ((short, 64), (long, 128))
    }
    assert plan.start(long) == plan.anneal(long).from_step == 0
    assert plan.trunk_states() == []


def test_flops_budgets_are_met_with_every_batch(study):
    plan = study({"batch_tokens": BATCH | OF_D, "schedule": "cosine"}, budgets=[], flops=[3e10])
    for run in plan.runs.values():
        assert run.flops_exact == pytest.approx(3e10, rel=0.01)


def test_families_share_names_of_sizes_and_disturb_no_decoder(study):
    alone, both = study(), study(model={"context": 32, "family": BOTH})
    assert trainings(alone).items() <= trainings(both).items()
    assert len(both.runs) == 2 * len(alone.runs)
    run = both.runs["d16-l1-encoder_textbook-s0-32k"]
    assert (run.family, both.family(run.size)) == ("encoder_textbook", "encoder_textbook")
    assert both.anneal(run).model.family == "encoder_textbook"
    assert set(both.fits()) == {
        *("power_n-32k", "power_n-48k"),
        *("power_n-encoder_textbook-32k", "power_n-encoder_textbook-48k"),
    }
    assert [fit.family for fit in both.fits().values()] == [BOTH[0]] * 2 + [BOTH[1]] * 2
    one = study(model={"context": 32, "family": "encoder_textbook"})
    assert set(one.runs) == set(both.runs) - set(alone.runs)


def test_each_family_may_have_a_law_of_its_own(study):
    laws = {"learning_rate": {"decoder": POWER, "encoder_textbook": POWER | {"value": 0.002}}}
    plan = study(laws, model={"context": 32, "family": BOTH})
    decoder, textbook = (plan.runs[f"d8-l1{suffix}-s0-32k"] for suffix in ("", "-encoder_textbook"))
    assert decoder.learning_rate == pytest.approx(0.01 * (769 / 1000) ** -0.5)
    assert textbook.learning_rate == pytest.approx(0.002 * (872 / 1000) ** -0.5)


def test_trials_are_whole_runs_on_the_split_that_is_not_reported(study):
    plan = study(TUNED, tuning=TUNING)
    assert len(plan.trials) == 6
    trial = plan.trials["d16-l1-s0-16k-lr0.02"]
    settings = plan.trial(trial)
    assert (settings.learning_rate, settings.from_step) == (0.02, 0)
    assert settings.to_step * settings.batch_tokens == 16_000
    assert settings.cooldown_from_step == 200
    assert settings.evaluation == MeasuredOn("test", 8_192)
    untuned = study()
    assert plan.flops() - untuned.flops() == sum(t.flops_exact for t in plan.trials.values())
    assert plan.tune("decoder").trials[1]["trial"] == "d8-l1-s0-16k-lr0.02"


def test_trials_use_the_schedule_that_they_tune(study):
    tuning = TUNING | {"batches": [32, 64], "tokens": 64_000}
    plan = study(TUNED | {"schedule": "stepped"}, budgets=[64_000], tuning=tuning)
    trained = plan.anneal(plan.runs["d8-l1-s0-64k"])
    for batch in (32, 64):
        tried = plan.trial(plan.trials[f"d8-l1-s0-64k-lr0.02-b{batch}"])
        assert tried.drops == tuple((k * 64 // batch, factor) for k, factor in trained.drops)


def test_training_that_is_tuned_knows_no_rate(study):
    """So that the plan is no way by which a tuning could reach training."""
    once = study(TUNED, tuning=TUNING)
    again = study(TUNED, tuning=TUNING | {"rates": [0.001, 0.01, 0.1], "tokens": 8_000})
    assert trainings(once) == trainings(again)
    assert {job.learning_rate for job in trainings(once).values()} == {None}
    assert once.is_tuned("decoder")
    given = study(tuning=TUNING)
    assert trainings(given) == trainings(study())
    assert (given.is_tuned("decoder"), given.tuned_families()) == (False, ["decoder"])


def test_every_combination_is_tried(study):
    tuning = TUNING | {"batches": [32, 64], "beta2s": [0.9, 0.95], "seeds": [0, 1]}
    tuning |= {"decays": [0.0, 0.002]}
    plan = study(TUNED, tuning=tuning, model={"context": 32, "family": BOTH})
    assert len(plan.trials) == 2 * 2 * 3 * 2 * 2 * 2 * 2
    trial = plan.trials["d8-l1-encoder_textbook-s1-16k-lr0.04-b32-beta0.9-decay0.002"]
    settings = plan.trial(trial)
    assert (settings.batch_tokens, settings.to_step) == (32, 500)
    assert {group.beta2 for group in settings.groups.values()} == {0.9}
    decays = {role: group.decay for role, group in settings.groups.items()}
    assert (decays["matrix_in"], decays["embedding"]) == (0.002, 0.0)


def test_decays_that_are_tuned_are_multiples_of_the_laws(study):
    def decays(training):
        plan = study(training, tuning=TUNING | {"decays": [0.0, 0.002]})
        groups = plan.anneal(plan.runs["d8-l1-s0-32k"]).groups
        return groups["matrix_in"].decay, groups["embedding"].decay

    given = {"groups": {"matrices": {"decay": 0.5}}}
    assert decays(TUNED | given) == (0.5, 0.0)
    assert decays({"weight_decay": 0.004} | given) == (0.002, 0.0)


def test_every_budget_is_tried_and_one_that_is_added_disturbs_no_trial(study):
    alone = TUNED | {"share": False}
    one = study(alone, tuning=TUNING)
    several = study(alone, tuning=TUNING | {"tokens": [8_000, 16_000, 32_000]})
    assert one.trials.items() < several.trials.items()
    assert len(several.trials) == 3 * len(one.trials)
    longer = several.trials["d8-l1-s0-32k-lr0.01"]
    assert (longer.n_tokens, longer.budget) == (32_000, "32k")
    assert longer.flops_exact == 2 * several.trials["d8-l1-s0-16k-lr0.01"].flops_exact
    beside = study(tuning=TUNING | {"tokens": [8_000, 16_000]})
    assert len(beside.trials) == 2 * len(one.trials)


@pytest.mark.parametrize(
    ("training", "keys", "said"),
    [
        ({"learning_rate": POWER | OF_D}, {}, "training: learning_rate: a law of D needs runs"),
        ({"batch_tokens": BATCH | OF_D}, {}, "training: batch_tokens: a law of D needs runs"),
        ({"warmup": WARMUP | OF_D}, {}, "training: warmup: a law of D needs runs"),
        ({"warmup": POWER | {"value": 0}}, {}, "training.warmup.value: found 0"),
        (
            {"warmup": 25_000},
            {"budgets": [64_000]},
            "training.warmup: 391 steps of 64 tokens for size d16-l1, whose trunk has its first "
            "state after 390; give at most 24960 tokens",
        ),
        ({"learning_rate": POWER | {"at_d": 1}}, {}, "at_d and d_exponent stand together"),
        ({"learning_rate": {"law": "cube"}}, {}, "training.learning_rate"),
        ({"learning_rate": 0.1}, {}, "`law` is constant, inverse_width, power or tuned"),
        ({"learning_rate": POWER | {"n_exponent": math.inf}}, {}, "n_exponent: found inf; must be"),
        (
            {"learning_rate": {"decoder": POWER}},
            {"model": {"context": 32, "family": BOTH}},
            "training.learning_rate.encoder_textbook: missing",
        ),
        ({}, {"model": {"context": 32, "family": "rnn"}}, "model.family[0]: found 'rnn'"),
        ({}, {"model": {"context": 32, "family": []}}, "model.family: found []"),
        ({}, {"figures": {"tuning": {"title": "Rates"}}}, "figures.tuning: no such figure"),
        (
            {},
            {"figures": {"coordinate_check": {"title": "Flat"}}},
            "figures.coordinate_check: no such figure without `coordinate_check`",
        ),
        ({}, {"coordinate_check": {"widths": [32]}}, "coordinate_check.widths: found [32]"),
        (
            {},
            {"coordinate_check": {"widths": [32, 40]}},
            "coordinate_check: width 40 with head_width 16",
        ),
        (
            {},
            {"coordinate_check": {"widths": [32, 64], "steps": 2}},
            "coordinate_check.steps: found 2",
        ),
        (TUNED, {}, "tuning: missing; training.learning_rate is tuned"),
        (TUNED, {"tuning": TUNING | {"sizes": ["d8-l1", "d9"]}}, "tuning.sizes: d9 is no size"),
        (TUNED, {"tuning": TUNING | {"sizes": ["d8-l1"]}}, "tuning.sizes: found ['d8-l1']"),
        (TUNED, {"tuning": TUNING | {"rates": [0.1, 0.2]}}, "tuning.rates"),
        (TUNED, {"tuning": TUNING | {"batches": [48]}}, "tuning.batches: 48"),
        (TUNED, {"tuning": TUNING | {"batches": [128]}}, "tuning.batches: 128"),
        (TUNED, {"tuning": TUNING | {"tokens": 2_000}}, "tuning.tokens: 2000: 31 steps"),
        (
            TUNED,
            {"tuning": TUNING | {"tokens": [8_000, 16_000]}},
            "tuning.tokens: several budgets give a law of D, which needs",
        ),
        (TUNED, {"tuning": TUNING | {"tokens": []}}, "tuning.tokens: found []"),
        (TUNED, {"tuning": TUNING | {"decays": [0.1]}}, "tuning.decays"),
        (
            TUNED,
            {
                "tuning": TUNING | {"rates": {"decoder": [0.1, 0.2, 0.3]}},
                "model": {"context": 32, "family": BOTH},
            },
            "tuning.rates.encoder_textbook: missing",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(study, training, keys, said):
    with pytest.raises(BadInput) as caught:
        study(training, **keys)
    assert said in str(caught.value)
