import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.models.decoder_bf16 import MixedPrecision
from scaletrace.training.loop import Training
from scaletrace.training.parallel import ParallelTraining, sequences_per_pass
from scaletrace.training.recipe import Compute, Recipe
from tests.training.groups import GROUPS

SHAPE = Shape(width=16, layers=1, heads=1, context=8, vocabulary_size=11)
RECIPE = Recipe(
    seed=0,
    batch_tokens=96,
    learning_rate=0.02,
    schedule="wsd",
    warmup_steps=5,
    from_step=0,
    to_step=70,
    groups=GROUPS,
    clip=0.5,
)
TOKENS = (np.arange(1000) ** 2 % 11).astype(np.uint16)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def parallel(micro_batch_tokens: int | None, recipe: Recipe = RECIPE) -> ParallelTraining:
    compute = Compute(micro_batch_tokens=micro_batch_tokens)
    return ParallelTraining(Decoder(SHAPE, 0), TOKENS, SHAPE, recipe, compute, CPU)


def trained(training: Training) -> Training:
    while not training.finished:
        training.advance()
    return training


@pytest.mark.parametrize("micro_batch_tokens", [None, 48, 8])
def test_passes_add_up_to_the_batch(micro_batch_tokens: int | None):
    # A change in the last bit grows from step to step, so that few steps tell more.
    recipe = replace(RECIPE, to_step=30)
    wanted = trained(Training(Decoder(SHAPE, 0), TOKENS, SHAPE.context, recipe))
    found = trained(parallel(micro_batch_tokens, recipe))
    for name, tensor in wanted.state().items():
        torch.testing.assert_close(found.state()[name], tensor, rtol=1e-3, atol=1e-5)
    assert [row.step for row in found.rows] == [row.step for row in wanted.rows]
    losses = [[row.loss for row in run.rows] for run in (found, wanted)]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_the_passes_are_as_small_as_asked_for():
    training, seen = parallel(40), []
    loss = training._loss
    training._loss = lambda windows, z_loss: (seen.append(len(windows)), loss(windows, z_loss))[1]
    training.advance()
    assert seen == [4, 4, 4]


def test_the_largest_equal_passes_within_the_limit():
    assert sequences_per_pass(12, 8, None) == 12
    assert sequences_per_pass(12, 8, 40) == 4
    assert sequences_per_pass(12, 8, 1000) == 12
    assert sequences_per_pass(7, 8, 40) == 1
    assert sequences_per_pass(12, 8, 7) == 1


@pytest.mark.parametrize("spike", [None, 1.05])
def test_a_state_taken_out_and_put_back_changes_no_bit(monkeypatch, spike: float | None):
    monkeypatch.setattr("scaletrace.training.spikes.LEAST_NORMS", 2)
    recipe = replace(RECIPE, spike=spike, warmup_steps=0)
    whole, first, second = (parallel(48, recipe) for _ in range(3))
    trained(whole)
    for steps in (range(38), range(38, 70)):
        assert any(row.skipped for row in whole.rows if row.step in steps) == (spike is not None)
    for _ in range(37):
        first.advance()
    second.put_state({name: tensor.clone() for name, tensor in first.state().items()}, 37)
    second.put_curve_state(first.rows, *first.curve_state())
    trained(second)
    assert second.rows == whole.rows
    assert all(torch.equal(second.state()[name], t) for name, t in whole.state().items())


def test_warming_up_changes_no_bit():
    cold, warm = parallel(48), parallel(48)
    assert warm.warm_up() > 0
    for training in (cold, warm):
        training.advance()
    assert warm.rows == cold.rows
    assert all(torch.equal(warm.state()[name], t) for name, t in cold.state().items())


def test_a_loss_that_is_not_finite_ends_the_run():
    training = parallel(48)
    training.advance()
    with torch.no_grad():
        training.model.get_parameter("embedding")[3] = float("nan")
    training.advance()
    assert training.diverged


@pytest.mark.parametrize("recipe", [replace(RECIPE, clip=1e-3), replace(RECIPE, z_loss=0.5)])
def test_all_of_the_recipe_holds(recipe: Recipe):
    other = ParallelTraining(Decoder(SHAPE, 0), TOKENS, SHAPE, recipe, Compute(), CPU)
    plain = Training(Decoder(SHAPE, 0), TOKENS, SHAPE.context, recipe)
    for training in (other, plain):
        training.advance()
    for name, tensor in plain.state().items():
        torch.testing.assert_close(other.state()[name], tensor, rtol=1e-4, atol=1e-9)


def test_all_that_a_step_touches_lies_on_the_device(monkeypatch):
    # Tensors without content refuse to meet tensors of another device.
    meta, updated = torch.device("meta"), []

    def listening(*lists, **_):
        updated.extend(tensor.device for tensors in lists for tensor in tensors)

    monkeypatch.setattr(importlib.import_module("torch.optim.adamw"), "adamw", listening)
    monkeypatch.setattr("scaletrace.training.loop.ends_curve_row", lambda _: False)
    run = ParallelTraining(Decoder(SHAPE, 0), TOKENS, SHAPE, RECIPE, Compute(), meta)
    run._loss = MixedPrecision(run.model, SHAPE.context).loss
    monkeypatch.setattr(run, "_windows", run._blank)
    run.advance()
    assert set(updated) == {meta}
    assert len(updated) == 5 * len(list(run.model.parameters()))
