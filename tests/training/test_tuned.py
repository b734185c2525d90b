"""What a tuned law makes of the settings of a training."""

import json
from dataclasses import replace

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import RateLaw
from scaletrace.models.counts import Shape, n_non_embedding
from scaletrace.training.recipe import TrainingSettings
from scaletrace.training.tuned import with_tuned
from tests.training.groups import GROUPS

SHAPE = Shape(width=16, layers=2, heads=1, context=32, vocabulary_size=320)
SETTINGS = TrainingSettings(
    model=SHAPE,
    seed=0,
    batch_tokens=128,
    learning_rate=None,
    schedule="wsd",
    warmup_steps=5,
    groups=GROUPS,
    clip=1.0,
    threads=1,
    save_seconds=30,
    from_step=10,
    to_step=40,
    drops=((20, 0.5),),
)
N = n_non_embedding(SHAPE)


@pytest.fixture
def law(tmp_path):
    path = tmp_path / "law.json"
    found = RateLaw("decoder", 0.01, N / 4, -0.5, batch_tokens=128, beta2=0.9)
    path.write_text(json.dumps(vars(found) | {"sizes": []}))
    return path


def test_without_a_law_settings_are_as_they_were():
    assert with_tuned(SETTINGS, None) == SETTINGS


def test_the_laws_rate_at_the_models_n_and_its_beta2_are_put_in(law):
    tuned = with_tuned(SETTINGS, law)
    assert tuned.learning_rate == pytest.approx(0.005)
    other = {role: replace(group, beta2=0.9) for role, group in GROUPS.items()}
    assert tuned == replace(SETTINGS, learning_rate=tuned.learning_rate, groups=other)


def test_a_smaller_batch_takes_more_steps_to_the_same_tokens(law):
    law.write_text(law.read_text().replace('"batch_tokens": 128', '"batch_tokens": 32'))
    tuned = with_tuned(SETTINGS, law)
    assert tuned.batch_tokens == 32
    for steps in ("warmup_steps", "from_step", "to_step"):
        assert getattr(tuned, steps) * 32 == getattr(SETTINGS, steps) * 128
    assert tuned.drops == ((80, 0.5),)


def test_a_law_of_d_gives_a_training_the_rate_of_its_own_tokens(law):
    law.write_text(law.read_text().replace('"at_d": null', f'"at_d": {40 * 128 / 4}'))
    law.write_text(law.read_text().replace('"d_exponent": null', '"d_exponent": 0.5'))
    assert with_tuned(SETTINGS, law).learning_rate == pytest.approx(0.005 * 2)


def test_a_tuned_decay_multiplies_the_plans(law):
    law.write_text(law.read_text().replace('"weight_decay": null', '"weight_decay": 0.5'))
    tuned = with_tuned(SETTINGS, law).groups
    assert {role: group.decay for role, group in tuned.items()} == {
        role: 0.5 * group.decay for role, group in GROUPS.items()
    }


def test_what_a_law_leaves_open_stays_the_studys(law):
    text = law.read_text().replace('"batch_tokens": 128', '"batch_tokens": null')
    law.write_text(text.replace('"beta2": 0.9', '"beta2": null'))
    tuned = with_tuned(SETTINGS, law)
    assert tuned == replace(SETTINGS, learning_rate=tuned.learning_rate)


def test_a_batch_that_does_not_divide_the_plans_is_refused(law):
    law.write_text(law.read_text().replace('"batch_tokens": 128', '"batch_tokens": 96'))
    with pytest.raises(BadInput, match="a batch of 96 tokens"):
        with_tuned(SETTINGS, law)
