"""Say how far a study is: every run with its stage, node, step, speed and time left.

Works from the login node, while the study runs and after: from job records, notes, logs, and
SLURM's queue where there is one. Exit code 1 if a job has failed.
"""

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.commands._columns import aligned, duration

if TYPE_CHECKING:
    from scaletrace.cluster.slurm import Queued
    from scaletrace.jobs.attempts import Failed
    from scaletrace.jobs.status import JobStatus
    from scaletrace.study.plan import Plan

HEADER = ("run", "state", "stage", "node", "slurm", "step", "loss", "tokens/s", "left", "attempts")
# What people look for first, where not all rows have room.
URGENT = ("failed", "running", "queued", "waiting", "done", "given up", "excluded")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--study", default="demo", help="name of a study: config/NAME.yaml")
    parser.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=5.0,
        metavar="SECONDS",
        help="look again every few seconds (5), until all is done",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the status, again and again if asked to."""
    from scaletrace.jobs.planned import open_graph
    from scaletrace.jobs.status import Status
    from scaletrace.lineage import links
    from scaletrace.study.config import file_of

    # Leases are judged by the clock of the folder that they lie in, which takes a file there.
    links.require_none()
    graph = open_graph(file_of(arguments.study))
    plan = graph.plan
    status = Status(plan, list(graph.jobs()))
    while True:
        statuses = status.look()
        findings = _findings(plan, statuses, status.packs)
        if arguments.json:
            print(json.dumps(findings), flush=True)
        elif arguments.watch and sys.stdout.isatty():
            lines = _text(findings, room=shutil.get_terminal_size().lines - 1)
            print("\033[H\033[J" + "\n".join(lines), flush=True)
        else:
            print("\n".join(_text(findings)), flush=True)
        code = 1 if findings["failures"] else 0
        if not arguments.watch or all(one.state == "done" for one in statuses.values()):
            return code
        try:
            time.sleep(arguments.watch)
        except KeyboardInterrupt:
            return code


def _chain(name: str, statuses: dict[str, "JobStatus"]) -> list["JobStatus"]:
    """Return the training jobs that lead to a job, and it, first to last."""
    chain = [statuses[name]]
    while before := [n for n in chain[-1].job.needs if statuses[n].job.size is not None]:
        chain.append(statuses[before[0]])
    return chain[::-1]


def _run(plan: "Plan", name: str, statuses: dict[str, "JobStatus"]) -> dict[str, Any]:
    """Return a run's row: where the first of its jobs that is not done stands."""
    from scaletrace.study.rules import EVALUATE

    for state, runs in (("given up", plan.study.failed), ("excluded", plan.study.exclude)):
        if name in runs:
            return _row(name, None) | {"state": state, "reason": runs[name]}
    chain = _chain(f"{EVALUATE.name} {name}", statuses)
    left = [one for one in chain if one.state != "done"]
    # Of a run that is done the training says more than the evaluation.
    row = _row(name, left[0] if left else chain[-2])
    return row | {"seconds_left": sum(one.seconds_left for one in left)}


def _row(name: str, one: "JobStatus | None") -> dict[str, Any]:
    progress = one.progress if one else None
    stage = one.job.rule.name if one else None
    if one and "tokens" in one.job.wildcards:
        stage = f"{stage} to {int(one.job.wildcards['tokens']):,}"
    return {
        "run": name,
        "state": one.state if one else None,
        "stage": stage,
        "node": one.node if one else None,
        "slurm_job": one.slurm_job if one else None,
        "step": progress.step if progress else None,
        "last_step": progress.last_step if progress else None,
        "loss": progress.loss if progress else None,
        "tokens_per_s": one.tokens_per_s if one else None,
        "seconds_left": one.seconds_left if one else 0.0,
        "attempts": one.attempts if one else 0,
        "reason": one.reason if one else None,
    }


def _failure(one: "JobStatus", slurm_logs: dict[str, Path]) -> dict[str, Any]:
    """Return why the attempts of a job failed, the last of them in front."""

    def with_slurm_log(failed: "Failed") -> dict[str, Any]:
        beside = slurm_logs.get(failed.slurm_job or "")
        return {**dataclasses.asdict(failed), "slurm_log": str(beside) if beside else None}

    *earlier, last = map(with_slurm_log, one.failed)
    return {
        "job": one.job.name,
        **last,
        "again": one.state if one.state != "failed" else None,
        "log": str(one.job.log),
        "earlier": earlier,
    }


def _findings(
    plan: "Plan", statuses: dict[str, "JobStatus"], packs: list["Queued"]
) -> dict[str, Any]:
    from scaletrace.cluster import slurm
    from scaletrace.cluster.site import read_site
    from scaletrace.jobs.status import in_queue
    from scaletrace.study.rules import TRIAL

    logs, ends = slurm.logs(read_site().logs), {}
    for name, one in statuses.items():
        ends[name] = one.seconds_left + max((ends[need] for need in one.job.needs), default=0.0)
    others = [one for one in statuses.values() if one.job.size is None or one.job.rule is TRIAL]
    failed = [one for one in statuses.values() if one.failed]
    groups: dict[str, list[JobStatus]] = {}
    for one in statuses.values():
        rule = one.job.rule
        groups.setdefault("text" if rule.kind == "text" else rule.title, []).append(one)
    running = sum(one.state == "running" for one in statuses.values())
    left = sum(one.seconds_left for one in statuses.values())
    return {
        "study": plan.study.study,
        "counts": {
            group: {"done": sum(one.state == "done" for one in members), "jobs": len(members)}
            for group, members in groups.items()
        },
        "states": dict(Counter(one.state for one in statuses.values())),
        "core_hours_left": left / 3600,
        "seconds_left": max(left / max(1, running), max(ends.values(), default=0.0)),
        "runs": [_run(plan, name, statuses) for name in plan.runs],
        "others": [_row(o.job.name, o) for o in others if o.state not in ("done", "waiting")]
        # Of a submission of several runs, those that have begun have rows of their own too.
        + [_row("several runs", None) | in_queue(queued) for queued in packs],
        "failures": [_failure(one, logs) for one in failed if one.state in ("failed", "queued")],
        "overcome": [_failure(one, logs) for one in failed if one.state in ("running", "done")],
    }


def _cells(row: dict[str, Any]) -> list[str]:
    def shown(name: str, form: str = "") -> str:
        return "" if row[name] is None else format(row[name], form)

    return [
        row["run"],
        row["state"],
        shown("stage") if row["state"] != "done" else "",
        shown("node") or (shown("reason") if row["state"] == "queued" else ""),
        shown("slurm_job"),
        f"{row['step']}/{row['last_step']}" if row["step"] is not None else "",
        shown("loss", ".4f"),
        shown("tokens_per_s", ",.0f"),
        duration(row["seconds_left"]) if row["seconds_left"] else "",
        str(row["attempts"] or ""),
    ]


def _fitting(rows: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], str]:
    """Return the most urgent rows that there is room for, and what the others are."""
    if len(rows) <= room:
        return rows, ""
    urgent = sorted(rows, key=lambda row: URGENT.index(row["state"]))
    kept = urgent[: max(1, room - 1)]
    states = Counter(row["state"] for row in urgent[len(kept) :])
    return kept, "… and " + ", ".join(f"{count} {state}" for state, count in states.items())


def _text(findings: dict[str, Any], room: int | None = None) -> list[str]:
    counts = findings["counts"].items()
    done = "  ".join(f"{kind} {part['done']}/{part['jobs']}" for kind, part in counts)
    head = [f"study {findings['study']}:  {done}"]
    if findings["core_hours_left"]:
        states, about = findings["states"], duration(findings["seconds_left"])
        parts = [f"{states[state]} {state}" for state in URGENT[:3] if state in states]
        now = ", ".join(parts) or "nothing is running"
        pace = f"about {about} as now" if "running" in states else f"{about} one after another"
        head.append(f"{now};  {findings['core_hours_left']:.3g} core-hours left, {pace}")
    tail = [line for failure in findings["failures"] for line in _tell_failure(failure)]
    if room is None:
        tail += [line for failure in findings["overcome"] for line in _tell_overcome(failure)]
    rows, rest = findings["others"] + findings["runs"], ""
    if room is not None:
        rows, rest = _fitting(rows, room - len(head) - len(tail) - 2)
    table = aligned([HEADER, *map(_cells, rows)], left=5)
    return [*head, "", *table, *([rest] if rest else []), *tail]


def _tell_failure(failure: dict[str, Any]) -> list[str]:
    from scaletrace.jobs.attempts import described

    again = f"; {failure['again']} again" if failure["again"] else ""
    logs = " ".join(path for path in (failure["log"], failure["slurm_log"]) if path)
    return [
        "",
        f"✗ {failure['job']}, {described(failure)}{again}:",
        f"  {failure['problem']}",
        f"  log: {logs}",
        *map(_tell_earlier, failure["earlier"]),
    ]


def _tell_overcome(failure: dict[str, Any]) -> list[str]:
    tried = [*failure["earlier"], failure]
    return ["", f"{failure['job']}, {failure['again']} after:", *map(_tell_earlier, tried)]


def _tell_earlier(failed: dict[str, Any]) -> str:
    from scaletrace.jobs.attempts import described

    log = f"; log: {failed['slurm_log']}" if failed["slurm_log"] else ""
    return f"  {described(failed)}: {failed['problem']}{log}"
