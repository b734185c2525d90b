"""Show what a study takes, run by run, before anything is spent; and what is done of it.

N, D, FLOPs, memory and time of every run, with totals in core-hours and GPU-hours, and what stays
on disk in GB, by what `keep` in the study file says of each kind of file. The time comes
from this study's own runs once there are any, before that from slurm/site.yaml or from assumed
speeds; --calibrate measures this machine.
What is done is judged by records and files; `snakemake -n` tells exactly what would run.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletrace.commands._columns import aligned, duration, memory

if TYPE_CHECKING:
    from scaletrace.jobs.done import Done
    from scaletrace.study.cost import Pace
    from scaletrace.study.estimates import Estimates
    from scaletrace.study.graph import Graph, Job

WHENCE = {
    "assumed": "assumed; --calibrate measures this machine in seconds",
    "calibrated": "calibrated on this machine just now",
    "observed": "observed in this study's own runs",
    "site": "by slurm/site.yaml",
}
MEMORY = {"memory_mb": "memory", "gpu_memory_mb": "GPU memory"}
HEADER = ("run", "n_non_embedding", "n_tokens", "flops_exact", "batch", "rate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", type=Path, help="study file")
    parser.add_argument(
        "--calibrate", action="store_true", help="train a few steps here to measure the speed"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the plan: a line per run, and what all jobs take together."""
    from scaletrace.jobs.done import Done
    from scaletrace.jobs.planned import open_fittable_graph

    graph = open_fittable_graph(arguments.config, lambda plan: _pace(plan, arguments.calibrate))
    planned = list(graph.jobs())
    done = Done(graph.plan)
    done.look(planned)
    findings = _findings(graph.estimates, planned, done) | {"disk": _disk(graph)}
    print(json.dumps(findings, indent=2) if arguments.json else "\n".join(_text(findings)))
    return 0


def _pace(plan: Any, calibrate: bool) -> "Pace":
    from scaletrace.jobs.pace import known_pace
    from scaletrace.study.cost import ASSUMED

    if not calibrate:
        return known_pace(plan)
    from scaletrace.jobs.calibration import calibrated_pace

    return calibrated_pace(plan, ASSUMED[plan.study.training.device])


def _disk(graph: "Graph") -> dict[str, Any]:
    from scaletrace.study import disk

    files = disk.files_by_kind(graph)
    return {
        "kinds": [dataclasses.asdict(one) for one in files],
        "bytes_kept": disk.kept(files),
        "bytes_at_most": sum(one.bytes for one in files),
        "bytes_pushed": sum(one.bytes for one in files if one.stays == "pushed"),
    }


def _share(name: str, jobs: Iterable["Job"], done: "Done") -> dict[str, Any]:
    """Return what a group of jobs takes: seconds used by those done, estimated for those left."""
    jobs = list(jobs)
    ended = [job for job in jobs if job.name in done.circumstances]
    left = [job for job in jobs if job.name not in done.circumstances]
    used = [(done.circumstances[job.name].seconds or 0.0, job) for job in ended]
    due = [(job.takes.seconds, job) for job in left]
    return {
        "name": name,
        "jobs": len(jobs),
        "jobs_done": len(ended),
        "seconds_done": sum(seconds for seconds, _ in used),
        "seconds_left": sum(seconds for seconds, _ in due),
        "seconds_estimated": sum(job.takes.seconds for job in jobs),
        "core_hours_done": sum(seconds * job.takes.cores for seconds, job in used) / 3600,
        "core_hours_left": sum(seconds * job.takes.cores for seconds, job in due) / 3600,
        "gpu_hours_done": sum(seconds * job.takes.gpus for seconds, job in used) / 3600,
        "gpu_hours_left": sum(seconds * job.takes.gpus for seconds, job in due) / 3600,
        "memory_mb": max((job.takes.memory_mb for job in jobs), default=0),
        "gpu_memory_mb": max((job.takes.gpu_memory_mb for job in jobs), default=0),
        "state": "left" if not ended else f"{len(ended)} of {len(jobs)} done" if left else "done",
    }


def _chain(jobs: Iterable["Job"], done: "Done") -> float:
    """Return the seconds of the longest chain of jobs that are left."""
    ends: dict[str, float] = {}
    for job in jobs:
        own = 0.0 if job.name in done.circumstances else job.takes.seconds
        ends[job.name] = own + max((ends[need] for need in job.needs), default=0.0)
    return max(ends.values(), default=0.0)


def _findings(estimates: "Estimates", planned: list["Job"], done: "Done") -> dict[str, Any]:
    from scaletrace.study.rules import COORDINATES, PRETRAIN, TRIAL

    plan = estimates.plan
    trunks: dict[str, list[Job]] = {}
    runs: dict[str, list[Job]] = {}
    for job in planned:
        if job.run is not None:
            runs.setdefault(job.run, []).append(job)
        elif job.rule is PRETRAIN:
            trunks.setdefault(f"{job.size}-s{job.seed}", []).append(job)
    tuning = [job for job in planned if job.rule.title == TRIAL.title]
    checks = [job for job in planned if job.rule is COORDINATES]
    text = [job for job in planned if job.rule.kind == "text"]
    analysis = [job for job in planned if job.rule.kind == "analysis" and job not in tuning]
    return {
        "study": plan.study.study,
        "flops": plan.flops(),
        "share": plan.study.training.shares_trunks,
        "flops_shared": plan.flops_shared(),
        "pace": dataclasses.asdict(estimates.pace),
        "text": _share("text", text, done),
        "tuning": _share("tuning", tuning, done) if tuning else None,
        "coordinate_check": _share("coordinate check", checks, done) if checks else None,
        "trunks": [
            {
                "size": of_trunk[0].size,
                "seed": of_trunk[0].seed,
                "n_tokens": sum(job.tokens for job in of_trunk),
                "flops_exact": sum(
                    plan.flops_per_token(job.size or "") * job.tokens for job in of_trunk
                ),
                **_share(name, of_trunk, done),
            }
            for name, of_trunk in trunks.items()
        ],
        "runs": [
            {**dataclasses.asdict(run), **_share(run.name, runs.get(run.name, []), done)}
            | ({"state": "given up"} if run.name in plan.study.failed else {})
            | ({"state": "excluded"} if run.name in plan.study.exclude else {})
            for run in plan.runs.values()
        ],
        "analysis": _share("analysis", analysis, done),
        "total": {
            **_share("total", planned, done),
            "longest_chain_seconds": _chain(planned, done),
        },
    }


def _cells(part: dict[str, Any], name: str, kind: str, numbers: list[str]) -> list[str]:
    seconds = part["seconds_done"] + part["seconds_left"]
    return [name, *numbers, memory(part[kind]), duration(seconds), part["state"]]


def _flops_per_s(value: float) -> str:
    return f"{value / 1e9:.3g} GFLOP/s" if value < 1e12 else f"{value / 1e12:.3g} TFLOP/s"


def _hours(total: dict[str, Any], which: str) -> str:
    cores, gpus = total[f"core_hours_{which}"], total[f"gpu_hours_{which}"]
    return f"{cores:.3g} core-hours" + (f" and {gpus:.3g} GPU-hours" if gpus else "")


def _accuracy(total: dict[str, Any]) -> str:
    if not total["jobs_done"]:
        return ""
    estimated = total["seconds_estimated"] - total["seconds_left"]
    return f", {total['seconds_done'] / estimated:.2f} times their estimate"


def _sharing(findings: dict[str, Any]) -> str:
    if findings["share"]:
        return "what budgets share counted once as their trunk"
    times = findings["flops"] / findings["flops_shared"]
    return f"{times:.2f} times those with trunks that budgets share"


def _text(findings: dict[str, Any]) -> list[str]:
    pace, total = findings["pace"], findings["total"]
    kind = "gpu_memory_mb" if total["gpu_memory_mb"] else "memory_mb"
    rows = [
        [*HEADER, MEMORY[kind], "time", "state"],
        _cells(findings["text"], "text", kind, [""] * 5),
    ]
    for part in (findings["tuning"], findings["coordinate_check"]):
        if part:
            rows.append(_cells(part, part["name"], kind, [""] * 5))
    of_size: dict[tuple[str, int], list[list[str]]] = {
        (run["size"], run["seed"]): [] for run in findings["runs"]
    }
    for trunk in findings["trunks"]:
        numbers = ["", f"{trunk['n_tokens']:,}", f"{trunk['flops_exact']:.3g}", "", ""]
        of_size[trunk["size"], trunk["seed"]].append(
            _cells(trunk, f"{trunk['name']} trunk", kind, numbers)
        )
    for run in findings["runs"]:
        numbers = [f"{run['n_non_embedding']:,}", f"{run['n_tokens']:,}"]
        numbers += [f"{run['flops_exact']:.3g}", f"{run['batch_tokens']:,}"]
        numbers += ["tuned" if run["learning_rate"] is None else f"{run['learning_rate']:.2g}"]
        of_size[run["size"], run["seed"]].append(_cells(run, run["name"], kind, numbers))
    rows += [row for group in of_size.values() for row in group]
    rows.append(_cells(findings["analysis"], "fits, figures", kind, [""] * 5))
    lines = aligned(rows)
    lines += [
        "",
        f"{len(findings['runs'])} runs, {findings['flops']:.3g} FLOPs (exact), "
        f"{_sharing(findings)}",
        f"time: {WHENCE[pace['source']]}",
        f"      {pace['start_seconds']:.1f} s a job, {_flops_per_s(pace['flops_per_s'])}, in each "
        f"layer {pace['layer_step_seconds'] * 1e3:.2g} ms a step and "
        f"{1e6 / pace['layer_tokens_per_s']:.2g} s a million tokens",
        f"done: {total['jobs_done']} of {total['jobs']} jobs, {_hours(total, 'done')} measured"
        f"{_accuracy(total)}",
    ]
    if total["jobs_done"] < total["jobs"]:
        lines.append(
            f"left: {_hours(total, 'left')} estimated; the longest chain takes "
            f"{duration(total['longest_chain_seconds'])}, however many cores there are"
        )
    return [*lines, *_disk_lines(findings["disk"])]


def _gb(size: float) -> str:
    return f"{size / 1e9:.3g} GB"


def _disk_lines(disk: dict[str, Any]) -> list[str]:
    rows = [["", "files", "about", "here", "keep"]]
    for part in disk["kinds"]:
        size, here = _gb(part["bytes"]), _gb(part["bytes_here"])
        rows.append([part["kind"], str(part["files"]), size, here, part["stays"]])
    return [
        "",
        *aligned(rows),
        f"disk: about {_gb(disk['bytes_kept'])} stay, at most {_gb(disk['bytes_at_most'])} while "
        "it runs, beside two states of each training under way;",
        f"scaletrace record gives DVC a copy of what is pushed, {_gb(disk['bytes_pushed'])}",
    ]
