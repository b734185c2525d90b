"""Where sizes are trained and in which passes, by the memory that a study gives."""

from pathlib import Path

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.models import memory
from scaletrace.models.counts import Shape, n_total
from scaletrace.models.memory import GIB, training_bytes
from scaletrace.study import compute
from scaletrace.study.config import load
from scaletrace.study.plan import Plan

ROOT = Path(__file__).parents[2]
TINY = load(ROOT / "config/tiny.yaml")
LARGE = Shape(width=1024, layers=24, heads=16, context=1024, vocabulary_size=50304)
BATCH = 1 << 19


def gpu(gpu_memory: float, **changes):
    return TINY.training.model_copy(update={"device": "cuda", "gpu_memory": gpu_memory, **changes})


def plan(gpus: int = 1, **training) -> Plan:
    sizes = {name: size.model_copy(update={"gpus": gpus}) for name, size in TINY.sizes.items()}
    own = TINY.training.model_copy(update=training)
    return Plan(TINY.model_copy(update={"sizes": sizes, "training": own}))


def test_a_core_each_is_what_studies_have_and_is_not_told():
    study_plan = plan()
    run = study_plan.runs["d16-l1-s0-32k"]
    assert "compute" not in contract.plain(study_plan.anneal(run))
    assert "device" not in contract.plain(study_plan.evaluate(run))
    assert study_plan.gpus("d16-l1") == 0


def test_two_processes_on_the_cpu_share_the_batch():
    study_plan = plan(gpus=2)
    assert contract.plain(study_plan.anneal(study_plan.runs["d16-l1-s0-32k"]))["compute"] == {
        "device": "cpu",
        "processes": 2,
        "micro_batch_tokens": 32,
        "sharded": False,
        "cuda_graphs": False,
    }
    assert study_plan.gpus("d16-l1") == 0


def test_on_gpus_training_and_evaluation_are_told_the_device():
    study_plan = plan(gpus=2, device="cuda", gpu_memory=80)
    run = study_plan.runs["d16-l1-s0-32k"]
    assert study_plan.anneal(run).compute.device == "cuda"
    assert study_plan.evaluate(run).device == "cuda"
    assert study_plan.gpus("d16-l1") == 2


def test_a_batch_that_processes_cannot_share_is_refused_by_the_plan():
    with pytest.raises(BadInput, match=r"sizes.d8-l1.gpus: 3 cannot share a batch of 64 .* of 96"):
        plan(gpus=3)


@pytest.mark.parametrize("gpu_memory", [24, 40, 80, 141])
def test_the_passes_are_the_largest_that_fit(gpu_memory: float):
    chosen = compute.passes(gpu(gpu_memory), "large", LARGE, BATCH)
    tokens, room = chosen.micro_batch_tokens or 0, memory.USABLE * gpu_memory * GIB
    assert BATCH % tokens == 0
    assert tokens < BATCH
    assert training_bytes(LARGE, tokens) <= room < training_bytes(LARGE, 2 * tokens)


def test_moments_are_shared_out_only_where_nothing_fits_otherwise():
    huge = Shape(width=4096, layers=32, heads=32, context=1024, vocabulary_size=50304)
    for gpu_memory, sharded in ((141, False), (100, True)):
        assert compute.passes(gpu(gpu_memory), "huge", huge, BATCH, 4).sharded == sharded
    with pytest.raises(BadInput, match=r"gpu_memory: 100 GiB; huge with 1 GPU\(s\) needs about"):
        compute.passes(gpu(100), "huge", huge, BATCH)


def test_memory_grows_with_all_that_takes_it():
    tokens = 16 * 1024
    base = training_bytes(LARGE, tokens)
    assert training_bytes(LARGE, 2 * tokens) > base
    assert training_bytes(LARGE, tokens, cuda_graphs=True) > base
    assert base - training_bytes(LARGE, tokens, keepers=2) == 4 * n_total(LARGE)
