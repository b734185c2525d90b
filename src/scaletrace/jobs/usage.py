"""What a job took from its machine, and what the machine could have done."""

import os
import resource
import sys
import time
from typing import Any

from scaletrace.models.counts import flops_per_token_exact

# Small enough to cost milliseconds, large enough for the matrix units to run at full pace.
SIDE = {"cpu": 512, "cuda": 4096}
TRIES = 5


def taken() -> dict[str, float]:
    """Return this process's CPU seconds and peak memory in MiB, its children's with them.

    Of several children the largest one's memory counts, not their sum.
    """
    times = os.times()
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"cpu_seconds": sum(times[:4]), "peak_memory_mb": peak / 1024}


def flops_per_s(settings: Any, measured: dict[str, Any]) -> dict[str, float]:
    """Return a training's FLOP/s (exact) by the tokens that it took a second; nothing of others."""
    speed = measured.get("tokens_per_s")
    if not speed:
        return {}
    return {"flops_per_s": speed * flops_per_token_exact(settings.model)}


def matrix_flops_per_s() -> dict[str, Any] | None:
    """Return the pace of plain matrix products where torch is at work already; None elsewhere.

    The best of a few products, in bf16 on a GPU that this process uses, in fp32 on its threads
    otherwise, by the faster of torch's two libraries: what a training's FLOP/s are a part of.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    device = "cuda" if torch.cuda.is_initialized() else "cpu"
    side = SIDE[device]
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    matrix = torch.rand(side, side, dtype=dtype, device=device)
    products = [lambda: torch.mm(matrix, matrix)]
    if device == "cpu" and torch.backends.mkldnn.is_available():
        onednn = torch.ops.mkldnn._linear_pointwise
        products.append(lambda: onednn(matrix, matrix, None, "none", [], ""))
    best = float("inf")
    for product in products * TRIES:
        began = time.perf_counter()
        product()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    kind = "bf16 on the GPU" if device == "cuda" else f"fp32, {torch.get_num_threads()} threads"
    return {"flops_per_s": 2 * side**3 / best, "kind": kind}
