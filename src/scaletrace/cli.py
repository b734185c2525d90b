"""`scaletrace`: the commands that people type. Exit codes: 0 success, 1 negative, 2 bad input."""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput


def _study_file(arguments: argparse.Namespace) -> Path:
    return Path("config") / f"{arguments.study}.yaml"


def _check(arguments: argparse.Namespace) -> int:
    from scaletrace.workflow import open_plan

    for path in arguments.config:
        plan, _, raw = open_plan(path)
        text = f"{len(raw)} files" if raw else plan.study.corpus.source
        print(
            f"{path}: study {plan.study.study} is sound: {len(plan.sizes)} sizes, "
            f"{len(plan.runs)} runs, text from {text}"
        )
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    import dataclasses

    from scaletrace.workflow import open_plan

    plan, _, _ = open_plan(arguments.config)
    runs = [dataclasses.asdict(run) for run in plan.runs.values()]
    if arguments.json:
        print(json.dumps({"study": plan.study.study, "runs": runs}, indent=2))
        return 0
    print(f"{'run':<28} {'n_non_embedding':>15} {'n_tokens':>14} {'flops_exact':>12} {'rate':>9}")
    for run in plan.runs.values():
        print(
            f"{run.name:<28} {run.n_non_embedding:>15,} {run.n_tokens:>14,} "
            f"{run.flops_exact:>12.3g} {run.learning_rate:>9.2g}"
        )
    print(f"{len(runs)} runs, {plan.flops():.3g} FLOPs (exact) with trunks shared between budgets")
    return 0


def _record(arguments: argparse.Namespace) -> int:
    from scaletrace.lineage.record import record

    path = _study_file(arguments)
    jobs = record(path)
    print(f"{arguments.study}: {jobs} jobs recorded in dvc.yaml, dvc.lock and provenance/")
    print("next: git commit, dvc push")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scaletrace", description=metadata.metadata("scaletrace")["Summary"]
    )
    parser.add_argument("--version", action="version", version=metadata.version("scaletrace"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, about: str, run: Callable[[Any], int]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run=run)
        return added

    check = command("check", "say whether study files are sound, or what is wrong where", _check)
    check.add_argument("config", type=Path, nargs="+", help="study files")
    plan = command("plan", "show every run of a study before anything is spent", _plan)
    plan.add_argument("config", type=Path, help="study file")
    plan.add_argument("--json", action="store_true", help="print JSON")
    record = command("record", "hand a finished study to DVC and git", _record)
    record.add_argument("--study", default="demo", help="name of a study, config/NAME.yaml")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except BadInput as problem:
        print(f"scaletrace {arguments.command}: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
