"""Show every run of a study before anything is spent."""

import argparse
import dataclasses
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", type=Path, help="study file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan: a line per run, and what all training takes together."""
    from scaletrace.workflow import open_plan

    plan, _, _ = open_plan(arguments.config)
    if arguments.json:
        runs = [dataclasses.asdict(run) for run in plan.runs.values()]
        print(
            json.dumps({"study": plan.study.study, "flops": plan.flops(), "runs": runs}, indent=2)
        )
        return 0
    print(f"{'run':<28} {'n_non_embedding':>15} {'n_tokens':>14} {'flops_exact':>12} {'rate':>9}")
    for run in plan.runs.values():
        rate = "tuned" if run.learning_rate is None else f"{run.learning_rate:.2g}"
        print(
            f"{run.name:<28} {run.n_non_embedding:>15,} {run.n_tokens:>14,} "
            f"{run.flops_exact:>12.3g} {rate:>9}"
        )
    print(
        f"{len(plan.runs)} runs, {plan.flops():.3g} FLOPs (exact), what budgets share counted once"
    )
    return 0
