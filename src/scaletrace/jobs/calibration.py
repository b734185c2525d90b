"""Measure how fast this machine trains a study's models: a few steps of some sizes, in seconds.

The steps are those of the real stage on random tokens, in a process with a job's environment:
`python -m scaletrace.jobs.calibration` reads settings as JSON and prints tokens per second.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scaletrace import contract, python_command
from scaletrace.errors import BadInput
from scaletrace.jobs.command import ENVIRONMENT
from scaletrace.study.cost import Pace, Speed, fitted_pace
from scaletrace.study.plan import Plan

# Training of each measured size, by the assumed pace.
SECONDS = 1.5
STEPS = range(3, 400)
# A model whose single step would take longer than this is left out.
LONGEST_STEP_SECONDS = 10.0
# Peak rate where the study has none before its tuning; any rate takes the same time.
RATE = 1e-3


def calibrated_pace(plan: Plan, assumed: Pace) -> Pace:
    """Return this machine's pace by the study's smallest, middle and largest size.

    Raises:
        BadInput: every size is too large to train a few steps of it here.
    """
    python_command.require("torch")
    by_cost = sorted(plan.sizes, key=plan.flops_per_token)
    chosen = dict.fromkeys([by_cost[0], by_cost[len(by_cost) // 2], by_cost[-1]])
    tried: dict[str, dict[str, Any]] = {}
    for size in chosen:
        run = plan.longest[size]
        flops, layers = plan.flops_per_token(size) * run.batch_tokens, plan.sizes[size].layers
        step = assumed.seconds(flops, layers, run.batch_tokens, 1) - assumed.start_seconds
        if step > LONGEST_STEP_SECONDS:
            continue
        steps = min(max(int(SECONDS / step), STEPS.start), STEPS.stop)
        planned = plan.anneal(run)
        shortened = dataclasses.replace(
            planned,
            from_step=0,
            to_step=steps,
            warmup_steps=1,
            cooldown_from_step=steps,
            learning_rate=planned.learning_rate or RATE,
        )
        tried[size] = contract.plain(shortened)
    if not tried:
        raise BadInput(
            "--calibrate: one step of the smallest size would take longer than "
            f"{LONGEST_STEP_SECONDS:.0f} s here; leave it out for assumed speeds"
        )
    done = subprocess.run(
        python_command.words("scaletrace.jobs.calibration"),
        input=json.dumps(list(tried.values())),
        capture_output=True,
        text=True,
        env=os.environ | ENVIRONMENT,
    )
    if done.returncode:
        raise BadInput(
            f"--calibrate: {(done.stderr.strip() or 'training failed').splitlines()[-1]}"
        )
    measured = json.loads(done.stdout)
    speeds = [
        # Processes that train together share each batch.
        Speed(
            plan.flops_per_token(size),
            plan.sizes[size].layers,
            plan.longest[size].batch_tokens // plan.processes[size],
            speed / plan.processes[size],
        )
        for size, speed in zip(tried, measured, strict=True)
    ]
    return fitted_pace("calibrated", assumed, speeds)


def _tokens_per_s(settings: dict[str, Any], folder: Path) -> float:
    import numpy as np

    from scaletrace.formats.tokens import TokenHeader, write_header
    from scaletrace.stages import pretrain

    vocabulary, context = settings["model"]["vocabulary_size"], settings["model"]["context"]
    count = settings["batch_tokens"] + context + 1
    tokens = np.random.default_rng(0).integers(0, vocabulary, count).astype("<u4")
    tokens.tofile(folder / "tokens.bin")
    write_header(folder / "tokens.json", TokenHeader("uint32", count, vocabulary))
    # What the stage prints belongs in a job's log.
    with contextlib.redirect_stdout(sys.stderr):
        measured = contract.run(
            pretrain,
            {"tokens": [folder / "tokens.bin"], "header": [folder / "tokens.json"]},
            {"state": folder / "state.safetensors", "curve": folder / "curve.csv"},
            settings,
            folder / "work",
        )
    return measured["tokens_per_s"]


def main() -> int:
    """Train by each of the settings on standard input, and print the speeds."""
    speeds = []
    for settings in json.load(sys.stdin):
        with tempfile.TemporaryDirectory() as folder:
            try:
                speeds.append(_tokens_per_s(settings, Path(folder)))
            except BadInput as problem:
                print(problem, file=sys.stderr)
                return 2
    print(json.dumps(speeds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
