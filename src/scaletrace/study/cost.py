"""What a job takes: seconds from FLOPs and tokens, memory from shapes, and what to ask for.

A step's time is the sum of FLOPs at the pace of large models and of what each step and each token
costs in every layer, however narrow. All of it is estimated; nothing here enters an artifact.
"""

import dataclasses
import math
from collections.abc import Iterable

# A scheduler kills what takes longer than was asked for, so jobs ask for this much more.
TIME_FACTOR = 3.0
TIME_FLOOR_MINUTES = 10
MEMORY_FACTOR = 1.5
# On a cluster two processes of Snakemake stand around each job, within what it asked for.
SNAKEMAKE_MB = 400
MEMORY_STEP_MB = 100

# Python with torch, the allocator's reserve and the touched part of the tokens.
BASE_MB = {"cpu": 260, "cuda": 6_000}
# fp32 weights, gradients and at most two moments, and weights and moments once more while saved.
STATE_BYTES = 4 * (4 + 3)
# Values that backpropagation keeps per token, layer and channel, with those at work: as measured,
# to 8 %, from 40 thousand to 30 million parameters.
ACTIVATIONS = 26
# Rows of logits that the chunked cross-entropy holds at a time, with their gradient.
LOGIT_ROWS = 2 * 512

# Reading, cleaning and encoding text: bytes per second of the slowest stage, memory per byte.
TEXT_BYTES_PER_S = 2e6
TEXT_MEMORY = 8
TEXT_BASE_MB = 1_500


@dataclasses.dataclass(frozen=True)
class Pace:
    """How fast one core or GPU works, and where that is known from.

    seconds = start_seconds + FLOPs / flops_per_s
        + (layers + 1) x (tokens / layer_tokens_per_s + steps x layer_step_seconds)
    """

    source: str
    start_seconds: float
    flops_per_s: float
    layer_tokens_per_s: float
    layer_step_seconds: float

    def seconds(self, flops: float, layers: int, tokens: float, steps: float = 0) -> float:
        """Return the seconds that one job takes."""
        fixed = tokens / self.layer_tokens_per_s + steps * self.layer_step_seconds
        return self.start_seconds + flops / self.flops_per_s + (layers + 1) * fixed


def scaled_pace(source: str, assumed: Pace, ratio: float) -> Pace:
    """Return a pace that is `ratio` times the assumed one, the start left as it is."""
    return dataclasses.replace(
        assumed,
        source=source,
        flops_per_s=assumed.flops_per_s * ratio,
        layer_tokens_per_s=assumed.layer_tokens_per_s * ratio,
        layer_step_seconds=assumed.layer_step_seconds / ratio,
    )


@dataclasses.dataclass(frozen=True)
class Speed:
    """A training's measured speed in tokens per second, with what it depends on."""

    flops_per_token: float
    layers: int
    batch_tokens: int
    tokens_per_s: float


# One core of a present-day processor, measured: within 20 % from 800 to 3 million parameters, in
# steps of 64 to 4,096 tokens. One large GPU at a fifth of its bf16 peak, its start with the
# compilation: not measured.
ASSUMED = {
    "cpu": Pace("assumed", 3.0, 65e9, 600e3, 1.0e-3),
    "cuda": Pace("assumed", 60.0, 200e12, 250e6, 0.25e-3),
}


def fitted_pace(source: str, assumed: Pace, speeds: Iterable[Speed]) -> Pace:
    """Return the pace that explains measured speeds best, relative error by relative error.

    Args:
        source: what the result says of itself: `observed` or `calibrated`.
        assumed: gives the start, the ratio of the parts that do not depend on the model, and the
            ratio of all parts where one model alone, or speeds that contradict the form, cannot
            tell them apart.
        speeds: at least one.
    """
    # Least squares of x a + y b = 1, where x and y are the assumed parts of the measured time.
    rows = []
    for speed in speeds:
        step = speed.batch_tokens / speed.tokens_per_s
        flops = speed.flops_per_token * speed.batch_tokens
        arithmetic = flops / assumed.flops_per_s
        whole = assumed.seconds(flops, speed.layers, speed.batch_tokens, 1) - assumed.start_seconds
        rows.append((arithmetic / step, (whole - arithmetic) / step))
    xx, xy, yy = (sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
    x, y = sum(row[0] for row in rows), sum(row[1] for row in rows)
    determinant = xx * yy - xy * xy
    a = b = 0.0
    if determinant > 1e-6 * xx * yy:
        a, b = (x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant
    if a <= 0 or b <= 0:
        ratio = math.exp(sum(math.log(x + y) for x, y in rows) / len(rows))
        return scaled_pace(source, assumed, ratio)
    return dataclasses.replace(
        assumed,
        source=source,
        flops_per_s=assumed.flops_per_s / a,
        layer_tokens_per_s=assumed.layer_tokens_per_s / b,
        layer_step_seconds=assumed.layer_step_seconds * b,
    )


def training_mb(
    parameters: int, channels: int, vocabulary: int, rows: int, device: str = "cpu"
) -> int:
    """Return the memory of a training process in MiB: the host's, whatever the device.

    Args:
        parameters: all of the model's (n_total).
        channels: width x layers.
        vocabulary: token ids.
        rows: tokens that go through the model at a time.
        device: `cpu`, or `cuda` where activations lie on the GPU and the host keeps the state
            while it is saved.
    """
    passing = 4 * (rows * channels * ACTIVATIONS + min(rows, LOGIT_ROWS) * vocabulary)
    state = parameters * STATE_BYTES
    return BASE_MB[device] + math.ceil((state + (passing if device == "cpu" else 0)) / 2**20)


def minutes_to_ask(seconds: float, times: float = 1) -> int:
    """Return the time limit in minutes for a job of estimated length; a later attempt's is longer.

    Args:
        seconds: the estimate.
        times: so many times what a first attempt asks for.
    """
    first = TIME_FLOOR_MINUTES + math.ceil(TIME_FACTOR * seconds / 60)
    return _floor(times * first)


def mb_to_ask(estimate: float, times: float = 1) -> int:
    """Return the memory limit in MiB for an estimated need; a later attempt's is larger."""
    needed = SNAKEMAKE_MB + MEMORY_FACTOR * estimate
    return _floor(times * MEMORY_STEP_MB * math.ceil(needed / MEMORY_STEP_MB))


def _floor(amount: float) -> int:
    """Return the whole part, of 14.999… from 15 / 11 x 11 the 15 that is meant."""
    return math.floor(amount + 1e-6)


def text_seconds(size: int) -> float:
    """Return the seconds of one stage over so many bytes of text."""
    return size / TEXT_BYTES_PER_S


def text_mb(size: int) -> float:
    """Return the memory of one stage over so many bytes of text, in MiB."""
    return TEXT_BASE_MB + TEXT_MEMORY * size / 2**20
