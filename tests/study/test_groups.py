"""What a study says of optimiser, parametrisation and groups, as trainings are told it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaletrace.errors import BadInput
from scaletrace.optimisers import Group
from scaletrace.study.config import load
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config/tiny.yaml"


@pytest.fixture
def groups(tmp_path: Path) -> Callable[..., dict[str, Group]]:
    def of(family: str = "decoder", **training: Any) -> dict[str, Group]:
        study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
        study["model"]["family"] = family
        study["training"] |= training
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(study))
        plan = Plan(load(path))
        largest = max(plan.trained_runs(), key=lambda run: run.n_non_embedding)
        return plan.anneal(largest).groups

    return of


def test_by_default_matrices_and_head_alone_decay(groups):
    decays = {role: group.decay for role, group in groups().items()}
    assert decays == {
        "embedding": 0.0,
        "head": 0.0001,
        "matrix_in": 0.0001,
        "matrix_out": 0.0001,
        "gain": 0.0,
    }
    assert {group.optimiser for group in groups().values()} == {"adamw"}


def test_muon_has_the_matrices_and_its_own_momentum(groups):
    given = groups(optimiser="muon", momentum=0.9)
    assert {r: g.optimiser for r, g in given.items() if g.optimiser == "muon"}.keys() == {
        "matrix_in",
        "matrix_out",
    }
    assert given["matrix_in"].beta1 == 0.9
    assert given["embedding"].beta1 == 0.9
    assert groups(optimiser="muon")["embedding"].beta1 == 0.9
    assert groups(optimiser="muon")["matrix_in"].beta1 == 0.95


def test_a_group_has_multiples_of_its_own(groups):
    given = groups(groups={"embedding": {"rate": 4, "decay": 0.5}, "matrices": {"rate": 2}})
    assert (given["embedding"].rate, given["embedding"].decay) == (4.0, 0.00005)
    assert given["matrix_in"].rate == given["matrix_out"].rate == 2.0
    assert given["head"].rate == 1.0


def test_laws_in_the_batch(groups):
    decay = {"value": 0.004, "at_batch": 256}
    beta2 = {"value": 0.95, "at_batch": 128}
    given = groups(batch_tokens=64, weight_decay=decay, beta2=beta2)
    assert given["head"].decay == pytest.approx(0.001)
    assert given["head"].beta2 == pytest.approx(0.95**0.5)


def test_a_decay_follows_d_where_runs_share_no_trunk(groups):
    decay = {"value": 0.001, "at_batch": 64, "at_d": 16_000, "d_exponent": -1.0}
    for alone in ({"schedule": "cosine"}, {"share": False}):
        given = groups(weight_decay=decay, **alone)
        assert given["head"].decay == pytest.approx(0.0005, rel=0.01)
    with pytest.raises(BadInput, match="weight_decay: a law of D needs runs that share no trunk"):
        groups(weight_decay=decay)


def test_rates_follow_width_and_depth_as_the_parametrisation_has_it(groups):
    mup = groups(parametrisation={"kind": "mup", "at_width": 4})
    assert mup["embedding"].rate == 1.0
    assert mup["head"].rate < 1.0
    with_muon = groups(optimiser="muon", parametrisation={"kind": "mup", "at_width": 4})
    assert with_muon["matrix_in"].rate == 1.0
    assert with_muon["head"].rate == mup["head"].rate


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"weight_decay": 0.1}, "weight_decay.*at most 0.05.*not multiplied by the rate"),
        ({"optimiser": "sgd"}, "training.optimiser: found 'sgd'"),
        ({"parametrisation": {"kind": "mup"}}, "parametrisation.*at_width"),
        ({"parametrisation": {"kind": "umup"}}, "parametrisation"),
        ({"groups": {"biases": {"rate": 2}}}, "groups"),
        ({"groups": {"head": {"rate": 0}}}, "groups.head.rate"),
        ({"beta2": 1.0}, "beta2"),
        ({"z_loss": -1e-4}, "training.z_loss"),
        ({"spike": 1.0}, "training.spike"),
    ],
)
def test_what_cannot_be_is_a_sentence(groups, training: dict[str, Any], said: str):
    with pytest.raises(BadInput, match=said):
        groups(**training)


def test_rates_are_carried_where_outputs_begin_at_zero_alone(groups):
    with pytest.raises(BadInput, match="mup needs a head and outputs of blocks that begin at zero"):
        groups("encoder_textbook", parametrisation={"kind": "mup", "at_width": 4})
