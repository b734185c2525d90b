"""Measure training on one NVIDIA GPU: tokens per second and model FLOP/s utilisation.

    python benchmarks/train_gpu.py [--json] [--peak TFLOPS] [--sizes 192x4 512x8 …] [--cuda-graphs]
        [--optimiser muon]
    python benchmarks/train_gpu.py --packed [--json]

Sizes are width x layers. Utilisation counts 6 FLOPs per matrix parameter and token, the output
head included, and 12 x layers x width x context for attention, the causal mask not deducted,
against the GPU's dense bf16 peak. Compiling is told and not counted.

`--packed` trains ten models of about 1M parameters in processes of their own, one after another
and together, without MPS and, where its daemon can be started, with it.

Without a GPU it says so, prints no figures and ends with code 0.
"""

import argparse
import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from training_groups import GROUPS

CONTEXT, VOCABULARY, BATCH_TOKENS = 1024, 50304, 1 << 19
# With the output head about 11M, 51M, 124M and 354M parameters.
SIZES = ["192x4", "512x8", "768x12", "1024x24"]
HEAD_WIDTH = 64
SECONDS, STEPS = 10.0, 5
# Dense bf16, FLOP/s, as NVIDIA's data sheets give it; the first name that fits counts.
PEAKS = {
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
}
# A short context, so that a step is as small as those of real small runs.
PACKED: dict[str, Any] = {
    "width": 128,
    "layers": 5,
    "heads": 2,
    "context": 256,
    "vocabulary_size": 4096,
}
PACKED_BATCH_TOKENS, PACKED_STEPS, PACKED_RUNS = 1 << 14, 300, 10


def training(
    shape: dict[str, Any],
    batch_tokens: int,
    memory: float,
    cuda_graphs: bool,
    optimiser: str = "adamw",
) -> Any:
    """Return a training on random tokens whose passes are chosen as a plan chooses them."""
    import numpy as np
    import torch

    from scaletrace import kinds
    from scaletrace.models.counts import Shape
    from scaletrace.models.memory import fits, training_bytes
    from scaletrace.training.device import open_device
    from scaletrace.training.parallel import ParallelTraining
    from scaletrace.training.recipe import Compute, Recipe

    own = Shape(**shape)
    sequences = batch_tokens // own.context
    passes = [n * own.context for n in range(sequences, 0, -1) if sequences % n == 0]
    roomy = [
        tokens
        for tokens in passes
        if fits(training_bytes(own, tokens, cuda_graphs=cuda_graphs), memory)
    ]
    recipe = Recipe(
        seed=0,
        batch_tokens=batch_tokens,
        learning_rate=0.001,
        schedule="wsd",
        warmup_steps=100,
        from_step=0,
        to_step=1_000_000,
        groups=GROUPS[optimiser],
        clip=1.0,
    )
    compute = Compute("cuda", micro_batch_tokens=roomy[0], cuda_graphs=cuda_graphs)
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    tokens = np.random.default_rng(0).integers(0, own.vocabulary_size, 1 << 24).astype(np.uint16)
    model = kinds.load("families", own.family).build(own, 0)
    return ParallelTraining(model, tokens, own, recipe, compute, open_device("cuda"))


def measure(size: str, peak: float, cuda_graphs: bool, optimiser: str) -> dict[str, Any]:
    """Train one size for some seconds."""
    import torch

    from scaletrace.models.counts import Shape, flops_per_token_exact, n_non_embedding, n_with_head

    width, layers = (int(part) for part in size.split("x"))
    shape: dict[str, Any] = {"width": width, "layers": layers, "heads": width // HEAD_WIDTH}
    shape |= {"context": CONTEXT, "vocabulary_size": VOCABULARY}
    # What the size before has left behind.
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    memory = torch.cuda.mem_get_info()[0] / 2**30
    run = training(shape, BATCH_TOKENS, memory, cuda_graphs, optimiser)
    compiling = run.warm_up()
    # The first steps end a row of the loss curve each, and so wait for the GPU: not the usual.
    run.step = 1 << 16
    run.advance()
    torch.cuda.synchronize()
    began, steps = time.perf_counter(), 0
    while steps < STEPS or time.perf_counter() - began < SECONDS:
        run.advance()
        steps += 1
    torch.cuda.synchronize()
    speed = steps * BATCH_TOKENS / (time.perf_counter() - began)
    own = Shape(**shape)
    return {
        "gpu": torch.cuda.get_device_name(),
        "optimiser": optimiser,
        "width": width,
        "layers": layers,
        "n_with_head": n_with_head(own),
        "n_non_embedding": n_non_embedding(own),
        "context": CONTEXT,
        "batch_tokens": BATCH_TOKENS,
        "micro_batch_tokens": run.sequences * CONTEXT,
        "tokens_per_s": speed,
        "utilisation": speed * flops_per_token_exact(own) / peak,
        "compile_seconds": compiling,
        "peak_memory_gib": torch.cuda.max_memory_allocated() / 2**30,
    }


def work() -> None:
    """Train a small model for some steps at every line on standard input."""
    import torch

    torch.set_num_threads(1)
    run = training(PACKED, PACKED_BATCH_TOKENS, 4.0, cuda_graphs=False)
    run.warm_up()
    run.step = 1 << 16
    run.advance()
    torch.cuda.synchronize()
    print("ready", flush=True)
    for _ in sys.stdin:
        for _ in range(PACKED_STEPS):
            run.advance()
        torch.cuda.synchronize()
        print("done", flush=True)


def answer(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdout is not None
    if not worker.stdout.readline():
        raise SystemExit(f"a trainer stopped with code {worker.wait()}")


def tell(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def packed(environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds that the runs take one after another, and together."""
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )
        for _ in range(PACKED_RUNS)
    ]
    try:
        for worker in workers:
            answer(worker)
        began = time.perf_counter()
        for worker in workers:
            tell(worker)
            answer(worker)
        between = time.perf_counter()
        for worker in workers:
            tell(worker)
        for worker in workers:
            answer(worker)
        return between - began, time.perf_counter() - between
    finally:
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait()


@contextlib.contextmanager
def mps() -> Iterator[dict[str, str] | None]:
    """Run an MPS daemon of our own; yield what its clients' environment needs, None without one."""
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        environment = {**os.environ, **own}
        started = subprocess.run([control, "-d"], env=environment, capture_output=True)
        try:
            yield own if started.returncode == 0 else None
        finally:
            if started.returncode == 0:
                subprocess.run([control], env=environment, input="quit\n", text=True, check=False)


def measure_packed() -> list[dict[str, Any]]:
    """Train the small models in every way that there is here."""
    import torch

    rows = []
    with mps() as environment:
        for name, own in (("without MPS", {}), ("with MPS", environment)):
            if own is None:
                print("no MPS daemon can be started here", file=sys.stderr)
                continue
            alone, together = packed(own)
            rows.append(
                {
                    "gpu": torch.cuda.get_device_name(),
                    "runs": PACKED_RUNS,
                    "mps": name == "with MPS",
                    "one_after_another_s": alone,
                    "together_s": together,
                    "ratio": alone / together,
                }
            )
    return rows


def peak_of(name: str) -> float:
    for part, peak in PEAKS.items():
        if part in name:
            return peak
    raise SystemExit(f"the dense bf16 peak of {name} is not known here; give it with --peak")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--peak", type=float, help="dense bf16 peak, TFLOP/s")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="width x layers")
    parser.add_argument("--cuda-graphs", action="store_true", help="record a pass and replay it")
    parser.add_argument("--optimiser", choices=GROUPS, default="adamw")
    parser.add_argument("--packed", action="store_true", help="ten small runs on one GPU")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("no CUDA GPU here: nothing was measured", file=sys.stderr)
        if arguments.json:
            print("[]")
        return
    if arguments.worker:
        work()
        return
    if arguments.packed:
        rows = measure_packed()
        lines = [
            f"{row['gpu']}, {row['runs']} runs, {'with' if row['mps'] else 'without'} MPS: "
            f"{row['one_after_another_s']:.1f} s one after another, {row['together_s']:.1f} s "
            f"together, {row['ratio']:.2f} x"
            for row in rows
        ]
    else:
        name = torch.cuda.get_device_name()
        peak = arguments.peak * 1e12 if arguments.peak else peak_of(name)
        rows = [
            measure(size, peak, arguments.cuda_graphs, arguments.optimiser)
            for size in arguments.sizes
        ]
        lines = [f"{name}, context {CONTEXT}, batch {BATCH_TOKENS}, peak {peak / 1e12:.0f} TFLOP/s"]
        lines.append("  N with head  pass tokens    tokens/s  of peak  compiling  memory")
        lines += [
            f"{row['n_with_head']:13,d} {row['micro_batch_tokens']:12,d} "
            f"{row['tokens_per_s']:11,.0f} {row['utilisation']:8.1%} "
            f"{row['compile_seconds']:8.0f} s {row['peak_memory_gib']:4.0f} GiB"
            for row in rows
        ]
    print(json.dumps(rows, indent=2) if arguments.json else "\n".join(lines))


if __name__ == "__main__":
    main()
