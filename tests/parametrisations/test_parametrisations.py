"""Each parametrisation against the tables of its paper."""

from dataclasses import replace

import pytest

from scaletrace.models.counts import Shape
from scaletrace.optimisers import adamw, muon
from scaletrace.parametrisations import (
    Factors,
    ParametrisationKeys,
    completep,
    mup,
    nanochat,
    standard,
)

SHAPE = Shape(width=32, layers=2, heads=2, context=16, vocabulary_size=64)
WIDE_DEEP = replace(SHAPE, width=128, layers=6)
ROLES = ("embedding", "head", "matrix_in", "matrix_out", "gain")


def test_standard_is_the_studys_rate_for_all():
    for role in ROLES:
        assert standard.Keys().factors(role, WIDE_DEEP, adamw.UPDATE_GROWS) == Factors()


@pytest.mark.parametrize(
    "given",
    [
        mup.Keys(kind="mup", at_width=32),
        completep.Keys(kind="completep", at_width=32, at_layers=2),
    ],
)
def test_all_factors_are_one_at_the_base(given: ParametrisationKeys):
    for role in ROLES:
        for optimiser in (adamw, muon):
            assert given.factors(role, SHAPE, optimiser.UPDATE_GROWS) == Factors()


def test_mup_shrinks_adams_rate_of_what_reads_the_width():
    keys = mup.Keys(kind="mup", at_width=32)
    rates = {role: keys.factors(role, WIDE_DEEP, adamw.UPDATE_GROWS).rate for role in ROLES}
    quarter = dict.fromkeys(("head", "matrix_in", "matrix_out"), 0.25)
    assert rates == {"embedding": 1.0, "gain": 1.0, **quarter}


def test_mup_shrinks_epsilon_with_the_gradients_which_the_heads_do_not():
    keys = mup.Keys(kind="mup", at_width=32)
    epsilons = {role: keys.factors(role, WIDE_DEEP, adamw.UPDATE_GROWS).epsilon for role in ROLES}
    assert epsilons == dict.fromkeys(ROLES, 0.25) | {"head": 1.0}


def test_mup_leaves_the_rate_of_a_step_of_fixed_norm():
    keys = mup.Keys(kind="mup", at_width=32)
    assert keys.factors("matrix_in", WIDE_DEEP, muon.UPDATE_GROWS).rate == 1.0


def test_completep_adds_less_the_deeper_the_model():
    keys = completep.Keys(kind="completep", at_width=32, at_layers=2)
    for optimiser, of_width in ((adamw, 0.25), (muon, 1.0)):
        grows = optimiser.UPDATE_GROWS
        assert keys.factors("matrix_in", WIDE_DEEP, grows).rate == of_width
        assert keys.factors("matrix_out", WIDE_DEEP, grows).rate == pytest.approx(of_width / 3)
    epsilon = {r: keys.factors(r, WIDE_DEEP, adamw.UPDATE_GROWS).epsilon for r in ROLES}
    assert epsilon["matrix_in"] == pytest.approx(1 / 12)
    assert epsilon["matrix_out"] == epsilon["embedding"] == pytest.approx(1 / 4)


def test_nanochats_rates_at_its_own_and_at_a_quarter_of_its_width():
    keys = nanochat.Keys(kind="nanochat")
    own = replace(SHAPE, width=768)
    rates = {role: 0.02 * keys.factors(role, own, 0.0).rate for role in ROLES}
    assert rates == pytest.approx(
        {"embedding": 0.3, "head": 0.008, "matrix_in": 0.02, "matrix_out": 0.02, "gain": 0.02}
    )
    assert 0.02 * keys.factors("head", replace(own, width=192), 0.0).rate == pytest.approx(0.016)
