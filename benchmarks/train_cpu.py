"""Compare training speed on one CPU thread: a textbook trainer, a strong plain one, and ours.

Ours with AdamW, and beside it what a step with Muon costs more.

Every trainer runs in a process of its own; the processes take turns, step by step, so that a busy
machine slows all of them alike. Figures are medians over the turns, in CPU time, which on an idle
machine is the time on the clock.

    python benchmarks/train_cpu.py [--json] [--turns N] [--sizes 32x3 64x2 …]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from training_groups import GROUPS

CONTEXT, VOCABULARY, BATCH_TOKENS = 128, 4096, 4096
SIZES = ["32x3", "64x2", "96x3", "128x5", "256x4"]
HEAD_WIDTH = 32
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "67108864",
}
PEAK_SIDE = 1024


def random_tokens() -> Any:
    import numpy as np

    return np.random.default_rng(0).integers(0, VOCABULARY, 1 << 20).astype(np.uint16)


def ours(width: int, layers: int, optimiser: str = "adamw") -> Callable[[], None]:
    from scaletrace.models.counts import Shape
    from scaletrace.models.decoder import Decoder
    from scaletrace.training.loop import Training
    from scaletrace.training.recipe import Recipe

    shape = Shape(width, layers, width // HEAD_WIDTH, CONTEXT, VOCABULARY)
    recipe = Recipe(
        seed=0,
        batch_tokens=BATCH_TOKENS,
        learning_rate=0.001,
        schedule="wsd",
        warmup_steps=10,
        from_step=0,
        to_step=1_000_000,
        groups=GROUPS[optimiser],
        clip=1.0,
    )
    return Training(Decoder(shape, seed=0), random_tokens(), CONTEXT, recipe).advance


def batches() -> Callable[[], tuple[Any, Any]]:
    """Return a function that draws random windows: inputs and targets, (sequences, CONTEXT)."""
    import torch

    tokens = torch.from_numpy(random_tokens().astype("int64"))
    generator = torch.Generator().manual_seed(0)
    places = torch.arange(CONTEXT + 1)

    def draw() -> tuple[Any, Any]:
        starts = torch.randint(
            len(tokens) - CONTEXT, (BATCH_TOKENS // CONTEXT, 1), generator=generator
        )
        windows = tokens[starts + places]
        return windows[:, :-1], windows[:, 1:]

    return draw


def plain(width: int, layers: int) -> Callable[[], None]:
    """Pre-norm decoder with SDPA, GELU, learned positions, fused AdamW and full logits."""
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    heads = width // HEAD_WIDTH

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = (
                nn.LayerNorm(width, bias=False),
                nn.LayerNorm(width, bias=False),
            )
            self.qkv = nn.Linear(width, 3 * width, bias=False)
            self.out = nn.Linear(width, width, bias=False)
            self.up = nn.Linear(width, 4 * width, bias=False)
            self.down = nn.Linear(4 * width, width, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            query, key, value = (
                part.unflatten(2, (heads, -1)).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).split(width, dim=2)
            )
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).flatten(2))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    embedding, positions = nn.Embedding(VOCABULARY, width), nn.Embedding(CONTEXT, width)
    body = nn.Sequential(*(Block() for _ in range(layers)), nn.LayerNorm(width, bias=False))
    head = nn.Linear(width, VOCABULARY, bias=False)
    model = nn.ModuleList([embedding, positions, body, head])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    draw = batches()

    def step() -> None:
        inputs, targets = draw()
        logits = head(body(embedding(inputs) + positions.weight))
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def textbook(width: int, layers: int) -> Callable[[], Any]:
    """The trainer of textbook.py, as its sources have it: dropout 0.5."""
    from textbook import Textbook, TextbookTraining

    model = Textbook(width, layers, width // HEAD_WIDTH, CONTEXT, VOCABULARY, dropout=0.5)
    training = TextbookTraining(model, rate=0.1)
    draw = batches()
    return lambda: training.step(*draw())


def peak(*_: int) -> Callable[[], None]:
    """Multiply two square fp32 matrices by the faster library: what the thread can do at most."""
    import torch

    left, right = (torch.randn(PEAK_SIDE, PEAK_SIDE) for _ in range(2))

    def onednn() -> None:
        torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")

    def default() -> None:
        torch.mm(left, right.T)

    return min((default, onednn) if torch.backends.mkldnn.is_available() else (default,), key=best)


def best(step: Callable[[], None]) -> float:
    """Return the fewest seconds of CPU time that a step takes."""
    seconds = []
    for _ in range(20):
        began = time.process_time()
        step()
        seconds.append(time.process_time() - began)
    return min(seconds)


def muon(width: int, layers: int) -> Callable[[], None]:
    """Ours with Muon for the blocks' matrices."""
    return ours(width, layers, "muon")


TRAINERS = {"textbook": textbook, "plain": plain, "ours": ours, "muon": muon, "peak": peak}


def work(name: str, width: int, layers: int) -> None:
    """Take one step for every line on standard input; answer with its seconds of CPU time."""
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    step = TRAINERS[name](width, layers)
    for _ in range(3):
        step()
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        step()
        print(time.process_time() - began, flush=True)


def start(name: str, width: int, layers: int) -> subprocess.Popen[str]:
    settings = {} if name == "textbook" else ALLOCATOR
    return subprocess.Popen(
        [sys.executable, __file__, "--worker", name, str(width), str(layers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **settings},
    )


def answer(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"a trainer stopped with code {worker.wait()}")
    return line.strip()


def seconds_per_step(width: int, layers: int, turns: int) -> dict[str, float]:
    """Return the median seconds of one step of each trainer, the workers taking turns."""
    workers = {name: start(name, width, layers) for name in TRAINERS}
    times: dict[str, list[float]] = {name: [] for name in TRAINERS}
    for worker in workers.values():
        answer(worker)
    for _ in range(turns):
        for name, worker in workers.items():
            assert worker.stdin is not None
            worker.stdin.write("step\n")
            worker.stdin.flush()
            times[name].append(float(answer(worker)))
    for worker in workers.values():
        worker.communicate()
    return {name: statistics.median(found) for name, found in times.items()}


def measure(size: str, turns: int) -> dict[str, float]:
    width, layers = (int(part) for part in size.split("x"))
    matrices = 12 * layers * width**2
    flops_per_token = 6 * (matrices + VOCABULARY * width) + 12 * layers * width * CONTEXT
    seconds = seconds_per_step(width, layers, turns)
    speed = {name: BATCH_TOKENS / seconds[name] for name in ("textbook", "plain", "ours")}
    return {
        "n_non_embedding": matrices,
        "textbook_tokens_per_s": speed["textbook"],
        "plain_tokens_per_s": speed["plain"],
        "tokens_per_s": speed["ours"],
        "ratio": speed["ours"] / speed["textbook"],
        "ratio_plain": speed["ours"] / speed["plain"],
        "muon_step": seconds["muon"] / seconds["ours"],
        "utilisation": flops_per_token * speed["ours"] / (2 * PEAK_SIDE**3 / seconds["peak"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    parser.add_argument("--turns", type=int, default=15, help="steps of each trainer per size")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="width x layers")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        name, width, layers = arguments.worker
        work(name, int(width), int(layers))
        return
    rows = []
    if not arguments.json:
        print(
            "N non-emb.  textbook    plain     ours  tokens/s   x textbook  x plain  of peak  Muon"
        )
    for size in arguments.sizes:
        row = measure(size, arguments.turns)
        rows.append(row)
        if not arguments.json:
            print(
                f"{row['n_non_embedding']:10,d} {row['textbook_tokens_per_s']:9,.0f} "
                f"{row['plain_tokens_per_s']:8,.0f} {row['tokens_per_s']:8,.0f} "
                f"{row['ratio']:21.2f} {row['ratio_plain']:8.2f} {row['utilisation']:8.0%} "
                f"{row['muon_step'] - 1:+5.0%}",
                flush=True,
            )
    if arguments.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
