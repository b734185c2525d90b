"""`make demo`: run a study with everything on one screen, and end with its law.

python -m scaletrace.demo [STUDY_FILE] [--cores N]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.lineage import graph
from scaletrace.progress import Job, Progress
from scaletrace.study.plan import Plan
from scaletrace.workflow import DEFAULT, open_plan

LOOK_SECONDS = 1.0
REPORT_SECONDS = 15.0


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _tell_losses(plan: Plan, finished: list[Job]) -> None:
    """Print the losses of the runs that have just been evaluated."""
    for job in finished:
        if job.rule == "losses":
            run = plan.runs[job.path.stem]
            result = json.loads(job.path.read_text(encoding="utf-8"))
            loss = (
                f"{result['loss']:.4f} ± {result['loss_se']:.4f} nats per token"
                if result["status"] == "ok"
                else result["status"]
            )
            clear = "\r\033[K" if sys.stdout.isatty() else ""
            print(f"{clear}  {run.name:<20} N {run.n_non_embedding:>9,}   {loss}", flush=True)


def _watch(process: subprocess.Popen[bytes], plan: Plan, progress: Progress, cores: int) -> None:
    reported = 0.0
    while process.poll() is None:
        _tell_losses(plan, progress.refresh())
        gone = _clock(time.time() - progress.began)
        line = f"{gone} gone, {_clock(progress.seconds_left(cores))} left   {progress.counts()}"
        if sys.stdout.isatty():
            print(f"\r\033[K{line}", end="", flush=True)
        elif time.time() - reported >= REPORT_SECONDS:
            print(line, flush=True)
            reported = time.time()
        time.sleep(LOOK_SECONDS)
    _tell_losses(plan, progress.refresh())
    print("\r\033[K" if sys.stdout.isatty() else "", end="")


def _parameter(name: str, value: float, interval: dict[str, Any]) -> str:
    ends = ["open" if interval[end] is None else f"{interval[end]:.4g}" for end in ("low", "high")]
    verdict = f"   {interval['verdict']}" if interval["se"] is None else ""
    return f"  {name:<6} {value:<8.4g} [{', '.join(ends)}]{verdict}"


def _prediction(extrapolation: dict[str, Any]) -> str:
    step = extrapolation["steps"][0]
    return (
        f"  the law of the {step['fitted_on']} smaller sizes predicts {step['predicted']:.4f} for "
        f"N = {step['at']:,.0f}; measured {step['observed']:.4f} "
        f"({100 * step['relative_error']:+.2f} %)"
    )


def _tell_laws(plan: Plan, results: Path) -> None:
    for name, settings in plan.fits().items():
        fit = json.loads((results / "fits" / f"{name}.json").read_text(encoding="utf-8"))
        budget = f" at D = {settings['budget']} tokens" if settings["budget"] else ""
        print(f"\n{name}: {fit['formula']}{budget}, N = {settings['n']}")
        for parameter, value in fit["params"].items():
            print(_parameter(parameter, value, fit["intervals"][parameter]))
        print(f"  R² {fit['diagnostics']['r_squared']:.4f} over {fit['n_observations']} sizes")
        if fit["extrapolation"]["steps"]:
            print(_prediction(fit["extrapolation"]))
        for warning in fit["warnings"]:
            if warning["code"] != "weakly_identified":
                print(f"  note: {warning['message']}")


def main(argv: list[str] | None = None) -> int:
    """Run the study and return snakemake's verdict: 0 done, 1 failed, 2 bad study file."""
    parser = argparse.ArgumentParser(prog="python -m scaletrace.demo", description=__doc__)
    parser.add_argument("study", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args(argv)
    try:
        plan, _, _ = open_plan(arguments.study)
        progress = Progress(plan, graph.outputs(arguments.study))
    except BadInput as problem:
        print(problem, file=sys.stderr)
        return 2
    study, results = plan.study.study, Path("results") / plan.study.study
    log = results / "logs" / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"study {study}: {len(plan.sizes)} sizes, {len(plan.runs)} runs, on {arguments.cores} "
        f"cores; full logs under {results}/logs/"
    )
    command = [sys.executable, "-m", "snakemake", "--configfile", str(arguments.study)]
    command += ["--cores", str(arguments.cores), "--rerun-incomplete"]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            _watch(process, plan, progress, arguments.cores)
        except KeyboardInterrupt:
            process.wait()
            print(f"\nstopped; the same command goes on where it was. Log: {log}")
            return 130
    if process.returncode:
        print(f"snakemake failed; the end of {log}:", file=sys.stderr)
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:]
        print("\n".join(tail), file=sys.stderr)
        return 1
    print(f"done in {_clock(time.time() - progress.began)}")
    _tell_laws(plan, results)
    print(f"\nfigures (pdf, svg, png and the csv of every point) in {results}/figures/:")
    for figure in plan.figures():
        print(f"  {figure}.pdf")
    print("\ntry next, after `source .venv/bin/activate`:")
    print(f"  scaletrace trace {results}/figures/loss_vs_params.pdf")
    print(f"  scaletrace record --study {study}")
    print(f"  scaletrace fit {results}/observations.csv --law chinchilla")
    return 0


if __name__ == "__main__":
    sys.exit(main())
