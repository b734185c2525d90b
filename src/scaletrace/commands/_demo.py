"""What `scaletrace demo` shows while a study runs, and the law that it ends with."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from scaletrace import python_command
from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import read_evaluation
from scaletrace.formats.fit import Extrapolation, Interval
from scaletrace.formats.fit_file import read_fit
from scaletrace.jobs.calibration import calibrated_pace
from scaletrace.jobs.planned import open_graph
from scaletrace.jobs.progress import Progress, Running
from scaletrace.study.cost import ASSUMED, Pace
from scaletrace.study.graph import Graph, Job
from scaletrace.study.plan import Plan
from scaletrace.study.rules import EVALUATE, FIGURES, FIT, OBSERVE, TOKENIZE

LOOK_SECONDS = 1.0
# Between two lines of a log: in the first half minute, and later.
EARLY_SECONDS, EARLY_REPORT_SECONDS, REPORT_SECONDS = 30.0, 5.0, 15.0


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _tell_losses(plan: Plan, finished: list[Job]) -> None:
    """Print the losses of the runs that have just been evaluated."""
    for job in finished:
        if job.rule is EVALUATE and job.run:
            run = plan.runs[job.run]
            evaluated = read_evaluation(job.result)
            loss = evaluated.status
            if evaluated.loss is not None:
                error = "" if evaluated.loss_se is None else f" ± {evaluated.loss_se:.4f}"
                loss = f"{evaluated.loss:.4f}{error} nats per token"
            clear = "\r\033[K" if sys.stdout.isatty() else ""
            print(f"{clear}  {run.name:<20} N {run.n_non_embedding:>9,}   {loss}", flush=True)


def _at_work(one: Running) -> list[str]:
    """Return what a job does: of a training its size or run, step, loss and speed."""
    name = one.job.run or one.job.size
    if not one.job.tokens or not name:
        return [one.job.name]
    if not one.report:
        return [f"{name} begins"]
    loss = "" if one.report.loss is None else f" loss {one.report.loss:.2f}"
    step = f"{name} step {one.report.step}/{one.report.last_step}{loss}"
    return [step, f"{one.report.tokens_per_s:,.0f} tokens/s"]


def status_line(parts: list[str], width: int | None = None) -> str:
    """Return the parts as a line; as many of them, from the first on, as the width allows."""
    line = "  ".join(parts)
    if width is None or len(line) <= width:
        return line
    while len(parts) > 1 and len(line) > width:
        parts = parts[:-1]
        line = "  ".join([*parts, "…"])
    return line[:width]


class Display:
    """One line that is replaced in place on a terminal; in a log, another line now and then."""

    def __init__(self) -> None:
        self._shown_at = -REPORT_SECONDS
        self._with_loss: set[str | None] = set()

    def show(self, progress: Progress, cores: int) -> None:
        """Show how far the study is; in a log if it is time, or a size has its first loss."""
        gone = time.time() - progress.began
        parts = [f"{_clock(gone)} gone, {_clock(progress.seconds_left(cores))} left"]
        for one in progress.running:
            parts += _at_work(one)
        parts += progress.counts()
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{status_line(parts, width)}", end="", flush=True)
            return
        with_loss = {one.job.size for one in progress.running if one.report and one.report.loss}
        due = EARLY_REPORT_SECONDS if gone < EARLY_SECONDS else REPORT_SECONDS
        if gone - self._shown_at >= due or with_loss - self._with_loss:
            print(status_line(parts), flush=True)
            self._shown_at = gone
        self._with_loss |= with_loss


def _watch(
    process: subprocess.Popen[bytes], plan: Plan, progress: Progress, cores: int, paces: list[Pace]
) -> None:
    display = Display()
    while process.poll() is None:
        _tell_losses(plan, progress.refresh())
        while paces:
            progress.expect(paces.pop())
        display.show(progress, cores)
        time.sleep(LOOK_SECONDS)
    _tell_losses(plan, progress.refresh())
    print("\r\033[K" if sys.stdout.isatty() else "", end="")


def _measure_pace(plan: Plan, paces: list[Pace]) -> None:
    """Measure the pace of training here, beside the reading of the text, which takes one core."""

    def measure() -> None:
        # What is too large to be tried keeps the assumed pace.
        with contextlib.suppress(BadInput):
            paces.append(calibrated_pace(plan, ASSUMED[plan.study.training.device]))

    threading.Thread(target=measure, daemon=True).start()


def _parameter(name: str, value: float, interval: Interval | None) -> str:
    if interval is None:
        return f"  {name:<6} {value:<8.4g} held"
    ends = ["open" if end is None else f"{end:.4g}" for end in (interval.low, interval.high)]
    verdict = f"   {interval.verdict}" if interval.se is None else ""
    return f"  {name:<6} {value:<8.4g} [{', '.join(ends)}]{verdict}"


def _prediction(extrapolation: Extrapolation) -> str:
    step = extrapolation.steps[0]
    return (
        f"  the law of the {step.fitted_on} smaller sizes predicts {step.predicted:.4f} for "
        f"N = {step.at:,.0f}; measured {step.observed:.4f} "
        f"({100 * step.relative_error:+.2f} %)"
    )


def _tell_laws(graph: Graph) -> None:
    for name, settings in graph.plan.fits().items():
        fit = read_fit(graph.job(FIT.name, name).result)
        budget = f" at D = {settings.budget} tokens" if settings.budget else ""
        print(f"\n{name}: {fit.formula}{budget}, N = {settings.n}")
        for parameter, value in fit.params.items():
            print(_parameter(parameter, value, fit.intervals.get(parameter)))
        if fit.diagnostics.r_squared is not None:
            print(f"  R² {fit.diagnostics.r_squared:.4f} over {fit.n_observations} sizes")
        if fit.extrapolation.steps:
            print(_prediction(fit.extrapolation))
        for warning in fit.warnings:
            if warning.code != "weakly_identified":
                print(f"  note: {warning.message}")


def demo(config: Path, cores: int) -> int:
    """Run a study and return snakemake's verdict: 0 done, 1 failed.

    Raises:
        BadInput: the study file is unsound.
    """
    python_command.require("snakemake")
    graph = open_graph(config, lambda plan: ASSUMED[plan.study.training.device])
    plan, study, results = graph.plan, graph.study, graph.results
    log = results / "logs" / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"study {study}: {len(plan.sizes)} sizes, {len(plan.runs)} runs, on {cores} "
        f"cores; full logs under {results}/logs/",
        flush=True,
    )
    progress, paces = Progress(graph), []
    command = python_command.words("snakemake", "--configfile", str(config))
    command += ["--cores", str(cores), "--rerun-incomplete"]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | python_command.ENVIRONMENT,
        )
        if cores > 1 and not progress.is_done(TOKENIZE.name):
            _measure_pace(plan, paces)
        try:
            _watch(process, plan, progress, cores, paces)
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
    _tell_laws(graph)
    figures = results / FIGURES.outputs.pdf.parent
    print(f"\nfigures (pdf, svg, png and the csv of every point) in {figures}/:")
    names = list(plan.figures())
    print("\n".join(f"  {name}.pdf" for name in names))
    print("\ntry next, after `source .venv/bin/activate`:")
    print(f"  scaletrace trace {figures}/{names[0]}.pdf")
    print(f"  scaletrace record --study {study}")
    print(f"  scaletrace fit {graph.job(OBSERVE.name).result} --law chinchilla")
    return 0
