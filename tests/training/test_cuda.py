"""What only a GPU can tell; skipped where there is none."""

from typing import Any

import numpy as np
import pytest
import torch

from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.training.device import open_device
from scaletrace.training.evaluation import window_losses
from scaletrace.training.loop import Training
from scaletrace.training.parallel import ParallelTraining
from scaletrace.training.recipe import Compute, Recipe
from tests.training.groups import GROUPS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")

SHAPE = Shape(width=128, layers=2, heads=2, context=64, vocabulary_size=256)
RECIPE = Recipe(
    seed=0,
    batch_tokens=64 * 32,
    learning_rate=0.005,
    schedule="wsd",
    warmup_steps=5,
    from_step=0,
    to_step=70,
    groups=GROUPS,
    clip=1.0,
)
TOKENS = (np.arange(100_000) ** 2 % 251).astype(np.uint16)


@pytest.fixture(autouse=True)
def deterministic():
    torch.set_deterministic_debug_mode("error")
    yield
    torch.set_deterministic_debug_mode("default")


def on_gpu(**compute: Any) -> ParallelTraining:
    own = Compute("cuda", **compute)
    model = Decoder(SHAPE, 0)
    return ParallelTraining(model, TOKENS, SHAPE, RECIPE, own, open_device("cuda"))


def finish(training: Training) -> Training:
    while not training.finished:
        training.advance()
    return training


def same(one: Training, other: Training) -> bool:
    return all(torch.equal(other.state()[name], tensor) for name, tensor in one.state().items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("micro_batch_tokens", [None, 64 * 8])
def test_it_learns_as_on_the_cpu(micro_batch_tokens: int | None):
    cpu = finish(Training(Decoder(SHAPE, 0), TOKENS, SHAPE.context, RECIPE))
    gpu = finish(on_gpu(micro_batch_tokens=micro_batch_tokens))
    pairs = [(one.loss, other.loss) for one, other in zip(cpu.rows, gpu.rows, strict=True)]
    assert [one for one, _ in pairs[:10]] == pytest.approx([two for _, two in pairs[:10]], rel=5e-3)
    assert pairs[-1][1] == pytest.approx(pairs[-1][0], rel=0.05)
    assert all(tensor.device.type == "cpu" for tensor in gpu.state().values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_resumed_it_changes_no_bit(cuda_graphs: bool):
    whole, first, second = (on_gpu(cuda_graphs=cuda_graphs) for _ in range(3))
    finish(whole)
    for _ in range(37):
        first.advance()
    second.put_state(first.state(), 37)
    second.put_curve_state(first.rows, *first.curve_state())
    finish(second)
    assert second.rows == whole.rows
    assert same(whole, second)


@pytest.mark.filterwarnings("ignore")
def test_a_recorded_pass_is_the_pass():
    assert same(finish(on_gpu(cuda_graphs=True)), finish(on_gpu()))


def test_evaluation_is_that_of_the_cpu():
    weights = Decoder(SHAPE, 0).state_dict()
    cpu, gpu = (
        window_losses(SHAPE, weights, TOKENS, 20, device)
        for device in (torch.device("cpu"), open_device("cuda"))
    )
    np.testing.assert_allclose(gpu, cpu, rtol=1e-5)
