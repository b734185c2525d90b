"""What a job took from its machine, and what the machine could have done."""

import sys
from types import SimpleNamespace

from scaletrace.jobs import usage
from scaletrace.models.counts import Shape

SHAPE = Shape(8, 1, 1, context=8, vocabulary_size=7, family="decoder")


def test_what_this_process_took_grows():
    before = usage.taken()
    kept = bytearray(8 << 20)
    after = usage.taken()
    assert after["cpu_seconds"] >= before["cpu_seconds"] > 0
    assert after["peak_memory_mb"] >= before["peak_memory_mb"] > 1
    assert len(kept) == 8 << 20


def test_a_trainings_flops_by_its_tokens(monkeypatch):
    monkeypatch.setattr(usage, "flops_per_token_exact", lambda shape: 100 * shape.width)
    settings = SimpleNamespace(model=SHAPE)
    assert usage.flops_per_s(settings, {"tokens_per_s": 5.0}) == {"flops_per_s": 4000.0}
    assert usage.flops_per_s(settings, {}) == usage.flops_per_s(None, {"tokens_per_s": None}) == {}


def test_where_torch_is_not_at_work_nothing_is_measured(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert usage.matrix_flops_per_s() is None


def test_the_pace_of_matrix_products(monkeypatch):
    """Of a library that takes a second for every product."""
    clock = iter(range(100))
    cpu = SimpleNamespace(
        cuda=SimpleNamespace(is_initialized=lambda: False),
        float32="float32",
        rand=lambda *shape, dtype, device: (*shape, dtype, device),
        mm=lambda a, b: None,
        backends=SimpleNamespace(mkldnn=SimpleNamespace(is_available=lambda: False)),
        get_num_threads=lambda: 3,
    )
    monkeypatch.setitem(sys.modules, "torch", cpu)
    monkeypatch.setattr(usage.time, "perf_counter", lambda: next(clock))
    assert usage.matrix_flops_per_s() == {"flops_per_s": 2 * 512**3, "kind": "fp32, 3 threads"}
