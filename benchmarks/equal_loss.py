"""CPU time to equal loss on held-out text: ours against the textbook trainer at its best rate.

Both train 2 layers of width 32 (about 25k non-embedding parameters) on the demo's tokens, batches
of 1024, the same in both. The textbook trainer runs for --tokens tokens at each of several learning
rates, doubled and halved from the last one until the best has a worse one on either side; its loss
is what the best reaches. Ours runs by the demo's recipe, again and again from the beginning and
each time a little longer, until it ends as well; its time is that of the last run. Where the
shortest run, little longer than the recipe's warm-up, does already, the ratio is a lower bound.
The loss is that of the first 256 windows of the demo's test split, without dropout; times are CPU
seconds of the steps alone, in one process whose allocator is set as for our jobs.

Dropout is 0.5, as the textbook has it; a second row gives the textbook trainer the advantage of
none, which a single pass over the text does not need.

    snakemake --cores 1 results/demo/tokens/train.bin
    python benchmarks/equal_loss.py [--tokens N] [--folder results/demo/tokens]
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import recipes
import torch
import torch.nn.functional as F  # noqa: N812
from textbook import Textbook, TextbookTraining
from train_cpu import ALLOCATOR

from scaletrace.formats.tokens import open_tokens
from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.training.batches import batch, windows
from scaletrace.training.evaluation import window_losses
from scaletrace.training.loop import Training

WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY = 32, 2, 1, 128, 1024
BATCH_TOKENS, SEED = 1024, 0
FIRST_RATE = 1.0
HELD_OUT_WINDOWS = 256
# Powers of two between which ours is tried, in steps.
QUICKEST, SLOWEST = 5, 12
SHAPE = Shape(WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY)


def textbook(
    train: np.ndarray, held_out: np.ndarray, steps: int, dropout: float, rate: float
) -> tuple[float, float]:
    """Return the held-out loss after `steps` and the CPU seconds that they took."""
    torch.manual_seed(SEED)
    model = Textbook(WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY, dropout)
    training, seconds = TextbookTraining(model, rate), 0.0
    for step in range(steps):
        began = time.process_time()
        drawn = torch.from_numpy(batch(train, SEED, step, BATCH_TOKENS // CONTEXT, CONTEXT))
        training.step(drawn[:, :-1], drawn[:, 1:])
        seconds += time.process_time() - began
    model.eval()
    chosen = torch.from_numpy(windows(held_out, np.arange(HELD_OUT_WINDOWS), CONTEXT))
    with torch.no_grad():
        losses = [
            F.cross_entropy(model(part[:, :-1]).flatten(0, 1), part[:, 1:].flatten()).item()
            for part in chosen.split(16)
        ]
    return float(np.mean(losses)), seconds


def at_its_best(
    train: np.ndarray, held_out: np.ndarray, steps: int, dropout: float
) -> tuple[float, float, float]:
    """Return the best rate with its held-out loss and CPU seconds."""
    tried: dict[float, tuple[float, float]] = {}

    def loss(rate: float) -> float:
        if rate not in tried:
            tried[rate] = textbook(train, held_out, steps, dropout, rate)
            found = f"dropout {dropout}, rate {rate:g}: loss {tried[rate][0]:.4f}"
            print(found, file=sys.stderr, flush=True)
        # A run that has diverged is worse than any that has not.
        return float(np.nan_to_num(tried[rate][0], nan=np.inf))

    rate = FIRST_RATE
    while (better := min(rate / 2, rate, rate * 2, key=loss)) != rate:
        rate = better
    return rate, *tried[rate]


def ours(train: np.ndarray, held_out: np.ndarray, target: float) -> tuple[int, float]:
    """Return the steps and CPU seconds of the shortest run whose held-out loss is at most `target`.

    Every run is a whole one, with warm-up and cooldown; each is a quarter of an octave longer.
    """
    for quarter in range(4 * QUICKEST, 4 * SLOWEST):
        steps = round(2 ** (quarter / 4))
        recipe = recipes.ours(SHAPE, steps, 1.0)
        training = Training(Decoder(SHAPE, SEED), train, CONTEXT, recipe)
        began = time.process_time()
        while not training.finished:
            training.advance()
        seconds = time.process_time() - began
        losses = window_losses(
            SHAPE, training.weights(), held_out, HELD_OUT_WINDOWS, torch.device("cpu")
        )
        print(f"ours, {steps} steps: loss {losses.mean():.4f}", file=sys.stderr, flush=True)
        if losses.mean() <= target:
            return steps, seconds
    raise SystemExit(f"ours did not reach {target:.4f} in {steps} steps")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1 << 19, help="of each textbook run")
    parser.add_argument("--folder", type=Path, default=Path("results/demo/tokens"))
    parser.add_argument("--json", action="store_true", help="print a list of objects")
    arguments = parser.parse_args()
    if not (arguments.folder / "train.bin").exists():
        parser.error(
            f"{arguments.folder}: no tokens there; snakemake --cores 1 {arguments.folder}/train.bin"
        )
    train, held_out = (
        open_tokens(
            arguments.folder / f"{split}.bin", arguments.folder / f"{split}.json", VOCABULARY
        )[0]
        for split in ("train", "test")
    )
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rows, steps = [], arguments.tokens // BATCH_TOKENS
    for dropout in (0.5, 0.0):
        rate, loss, seconds = at_its_best(train, held_out, steps, dropout)
        our_steps, our_seconds = ours(train, held_out, loss)
        rows.append(
            {
                "dropout": dropout,
                "textbook_rate": rate,
                "loss": loss,
                "textbook_cpu_s": seconds,
                "cpu_s": our_seconds,
                "textbook_tokens": steps * BATCH_TOKENS,
                "tokens": our_steps * BATCH_TOKENS,
                "ratio": seconds / our_seconds,
            }
        )
        if arguments.json:
            continue
        least = "at least " if our_steps == 1 << QUICKEST else ""
        print(
            f"held-out loss {loss:.4f}: textbook with dropout {dropout} at its best rate {rate:g} "
            f"{seconds:.1f} CPU s ({steps * BATCH_TOKENS:,} tokens), ours {our_seconds:.1f} CPU s "
            f"({our_steps * BATCH_TOKENS:,} tokens): {least}{seconds / our_seconds:.1f} times less",
            flush=True,
        )
    if arguments.json:
        print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    # The allocator reads its settings when a process starts.
    if os.environ.get("OMP_NUM_THREADS") != "1":
        settings = {**os.environ, **ALLOCATOR, "OMP_NUM_THREADS": "1"}
        raise SystemExit(subprocess.call([sys.executable, *sys.argv], env=settings))
    main()
