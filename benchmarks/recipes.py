"""CPU time to equal loss on held-out text: the example's recipe, its earlier one, and nanochat's.

All train our decoder on the demo's tokens from one seed, in batches of 1024 tokens; only the recipe
differs. Each is tuned over the same multiples of its own rate, which are printed with the loss that
they end in, on the validation split; the best of each is compared on the test split. Then ours is
trained again for fewer tokens, an eighth of an octave at a time, for as long as it ends no worse
than the other did. The time of a step is the median of steps that the recipes take in turns.

What nanochat publishes (github.com/karpathy/nanochat, scripts/base_train.py and nanochat/gpt.py):

    embedding, head, matrices   rates 0.3, 0.008 (AdamW), 0.02 (Muon), the first two by
                                (width / 768)^-0.5
    AdamW                       beta 0.8, 0.95, epsilon 1e-10, no decay
    Muon                        momentum 0.95, five iterations
    schedule                    40 steps of warm-up, then constant, the last 65 % down to 0.05

Left out are its weight decay (0.28 at a depth and a batch far from these), the rise of its momentum
from 0.85 over 300 steps, and what it has in the model: capped logits, learned scalars.

    snakemake --cores 1 results/demo/tokens/train.bin
    python benchmarks/recipes.py [--tokens N] [--sizes 32x2 …] [--folder results/demo/tokens]
"""

import argparse
import dataclasses
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from train_cpu import ALLOCATOR

from scaletrace.formats.tokens import open_tokens
from scaletrace.formats.yaml_files import read
from scaletrace.models.counts import Shape, n_non_embedding
from scaletrace.models.decoder import Decoder
from scaletrace.optimisers import Group
from scaletrace.parametrisations import nanochat
from scaletrace.study.config import Study
from scaletrace.study.groups import groups
from scaletrace.training.evaluation import window_losses
from scaletrace.training.loop import Training
from scaletrace.training.recipe import Recipe

CONTEXT, VOCABULARY, BATCH_TOKENS, HEAD_WIDTH, SEED = 128, 1024, 1024, 32, 0
SIZES = ["32x2", "64x4", "128x4"]
MULTIPLES = (0.5, 1.0, 2.0, 4.0)
HELD_OUT_WINDOWS = 512
SHORTER = 2 ** (-1 / 8)
TURNS = 30
EXAMPLE = Path(__file__).parents[1] / "config/example.yaml"


class Nanochat(Recipe):
    """A recipe with nanochat's schedule."""

    def factor(self, step: int) -> float:
        """Return 40 steps of warm-up, a constant, and the last 65 % down to 0.05."""
        rising = min(1.0, (step + 1) / 40)
        left = (self.to_step - step) / (0.65 * self.to_step)
        return rising * (1.0 if left >= 1.0 else left + (1.0 - left) * 0.05)


def of_nanochat(shape: Shape, steps: int, multiple: float) -> Recipe:
    keys = nanochat.Keys(kind="nanochat")
    adamw = Group(beta1=0.8, beta2=0.95, epsilon=1e-10)
    every = {
        role: dataclasses.replace(adamw, rate=keys.factors(role, shape, 0.0).rate)
        for role in ("embedding", "head", "gain")
    }
    muon = Group(optimiser="muon", beta1=0.95)
    every |= {"matrix_in": muon, "matrix_out": muon}
    return Nanochat(
        seed=SEED,
        batch_tokens=BATCH_TOKENS,
        learning_rate=nanochat.MATRIX * multiple,
        schedule="wsd",
        warmup_steps=0,
        from_step=0,
        to_step=steps,
        clip=1.0,
        groups=every,
    )


def earlier(shape: Shape, steps: int, multiple: float) -> Recipe:
    """The example's recipe until it had groups: one rate, and a decay that it multiplied."""
    rate = multiple * 0.024 * 32 / shape.width
    decayed = Group(decay=0.1 * rate)
    return Recipe(
        seed=SEED,
        batch_tokens=BATCH_TOKENS,
        learning_rate=rate,
        schedule="wsd",
        warmup_steps=math.ceil(100_000 / BATCH_TOKENS),
        from_step=0,
        to_step=steps,
        clip=1.0,
        groups=dict.fromkeys(("embedding", "head", "matrix_in", "matrix_out"), decayed)
        | {"gain": Group()},
        cooldown_from_step=steps - round(0.2 * steps),
    )


def ours(shape: Shape, steps: int, multiple: float) -> Recipe:
    """The recipe of the example and the demo, as the study file has it."""
    training = read(EXAMPLE, Study, keys="config/README.md").training
    law = training.law_of("decoder")
    rate = law.rate(shape, steps * BATCH_TOKENS) if law else None
    assert rate is not None
    cooldown_from_step = steps - round(training.cooldown * steps)
    return Recipe(
        seed=SEED,
        batch_tokens=BATCH_TOKENS,
        learning_rate=rate * multiple,
        schedule="wsd",
        warmup_steps=training.warmup_steps(shape, BATCH_TOKENS, steps * BATCH_TOKENS),
        from_step=0,
        to_step=steps,
        clip=training.clip,
        groups=groups(training, shape, BATCH_TOKENS, steps * BATCH_TOKENS),
        cooldown_from_step=cooldown_from_step,
        drops=training.drops(BATCH_TOKENS, cooldown_from_step),
    )


RECIPES: dict[str, Callable[[Shape, int, float], Recipe]] = {
    "ours": ours,
    "earlier": earlier,
    "nanochat": of_nanochat,
}


class Bench:
    """One size, and the text that it is trained and measured on."""

    def __init__(self, size: str, tokens: int, folder: Path):
        width, layers = (int(part) for part in size.split("x"))
        self.shape = Shape(width, layers, width // HEAD_WIDTH, CONTEXT, VOCABULARY)
        self.steps = tokens // BATCH_TOKENS
        self.train, self.valid, self.test = (
            open_tokens(folder / f"{split}.bin", folder / f"{split}.json", VOCABULARY)[0]
            for split in ("train", "valid", "test")
        )

    def begin(self, name: str, steps: int, multiple: float) -> Training:
        """Return a training by one of the recipes, at a multiple of its rate."""
        recipe = RECIPES[name](self.shape, steps, multiple)
        return Training(Decoder(self.shape, SEED), self.train, CONTEXT, recipe)

    def losses(self, name: str, steps: int, multiple: float) -> tuple[float, float]:
        """Return the losses on the validation and the test split; infinite after divergence."""
        training = self.begin(name, steps, multiple)
        while not training.finished:
            training.advance()
        if training.diverged:
            return math.inf, math.inf
        valid, test = (
            float(
                window_losses(
                    *(self.shape, training.weights(), split),
                    *(HELD_OUT_WINDOWS, torch.device("cpu")),
                ).mean()
            )
            for split in (self.valid, self.test)
        )
        print(
            f"  {name:<9} x {multiple:<4g} {steps * BATCH_TOKENS:>9,} tokens: "
            f"valid {valid:.4f}, test {test:.4f}",
            flush=True,
        )
        return valid, test

    def seconds_per_step(self) -> dict[str, float]:
        """Return the median CPU seconds of a step of each recipe, taken in turns."""
        trainings = {name: self.begin(name, 10 * TURNS, 1.0) for name in RECIPES}
        taken: dict[str, list[float]] = {name: [] for name in RECIPES}
        for _ in range(TURNS):
            for name, training in trainings.items():
                began = time.process_time()
                training.advance()
                taken[name].append(time.process_time() - began)
        return {name: statistics.median(seconds[3:]) for name, seconds in taken.items()}

    def compare(self) -> None:
        """Tune each recipe, and print how much longer the others take to where they end."""
        print(f"{n_non_embedding(self.shape):,} parameters, {self.steps * BATCH_TOKENS:,} tokens")
        seconds = self.seconds_per_step()
        best: dict[str, tuple[float, float]] = {}
        for name in RECIPES:
            tried = {m: self.losses(name, self.steps, m) for m in MULTIPLES}
            multiple = min(tried, key=lambda m: tried[m][0])
            best[name] = multiple, tried[multiple][1]
        for name in ("earlier", "nanochat"):
            steps, reached = self.shortest(best["ours"][0], best[name][1])
            if steps is None:
                print(f"  {name}: {best[name][1]:.4f}, not reached by ours ({reached:.4f})")
                continue
            ratio = self.steps * seconds[name] / (steps * seconds["ours"])
            print(
                f"  to {best[name][1]:.4f}, where {name} ends at x {best[name][0]:g}: "
                f"{self.steps} steps of {1e3 * seconds[name]:.1f} ms, ours {steps} of "
                f"{1e3 * seconds['ours']:.1f} ms: {ratio:.2f} times less CPU time",
                flush=True,
            )

    def shortest(self, multiple: float, target: float) -> tuple[int | None, float]:
        """Return the fewest steps after which ours ends no worse, and the loss then."""
        reached: tuple[int | None, float] = (None, math.inf)
        steps = self.steps
        while True:
            loss = self.losses("ours", steps, multiple)[1]
            if loss > target:
                return (reached[0], loss) if reached[0] is None else reached
            reached = steps, loss
            steps = round(steps * SHORTER)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1_000_000, help="of each run")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="width x layers")
    parser.add_argument("--folder", type=Path, default=Path("results/demo/tokens"))
    arguments = parser.parse_args()
    if not (arguments.folder / "train.bin").exists():
        parser.error(
            f"{arguments.folder}: no tokens there; snakemake --cores 1 {arguments.folder}/train.bin"
        )
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    np.seterr(all="ignore")
    for size in arguments.sizes:
        Bench(size, arguments.tokens, arguments.folder).compare()


if __name__ == "__main__":
    # The allocator reads its settings when a process starts.
    if os.environ.get("OMP_NUM_THREADS") != "1" or "MALLOC_TOP_PAD_" not in os.environ:
        settings = {**os.environ, **ALLOCATOR, "OMP_NUM_THREADS": "1"}
        raise SystemExit(subprocess.call([sys.executable, *sys.argv], env=settings))
    main()
