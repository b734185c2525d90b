"""Every job of a study, in an order in which they can run, with what each is estimated to take."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.study.estimates import ANALYSIS_MB, ANALYSIS_SECONDS, Estimates
from scaletrace.study.plan import Plan

# The rules whose jobs lead to one run each, or to a trunk that runs share.
LADDER = ("pretrain", "anneal", "evaluate")


@dataclasses.dataclass(frozen=True)
class Job:
    """One job of the workflow's graph.

    name: the rule, and what tells it from the rule's other jobs; `needs` are names.
    result: a file that stands for all its outputs.
    settings: gives the parameters that the job is handed.
    seconds, memory_mb, gpu_memory_mb: estimates; MiB, of each GPU.
    cores, gpus: that the job holds while it runs.
    tokens: trained on in this job.
    size, seed, run: what it trains or measures; a trunk's segment belongs to no single run.
    """

    rule: str
    wildcards: dict[str, str]
    result: Path
    log: Path
    needs: tuple[str, ...]
    settings: Callable[[], Any]
    seconds: float
    memory_mb: float
    tokens: int = 0
    size: str | None = None
    seed: int | None = None
    run: str | None = None
    cores: int = 1
    gpus: int = 0
    gpu_memory_mb: float = 0.0

    @property
    def name(self) -> str:
        """The job's name among those of its study."""
        return " ".join([self.rule, *self.wildcards.values()])


def jobs(estimates: Estimates, packages: dict[str, str]) -> Iterator[Job]:
    """Yield the study's jobs; timings, which have no record, are none of them.

    Args:
        estimates: of the study's plan.
        packages: versions of the packages that the text is read from.
    """
    plan = estimates.plan
    results = Path("results") / plan.study.study
    text = {"seconds": estimates.text_seconds(), "memory_mb": estimates.text_mb()}
    analysis = {"seconds": ANALYSIS_SECONDS, "memory_mb": ANALYSIS_MB}

    def alone(
        rule: str, result: str, settings: Callable[[], Any], *needs: str, **cost: float
    ) -> Job:
        log = results / f"logs/{rule}.log"
        return Job(rule, {}, results / result, log, needs, settings, **cost)  # pyright: ignore[reportArgumentType]

    yield alone("corpus", "corpus/manifest.json", lambda: plan.corpus(packages), **text)
    yield alone("vocab", "vocab/vocabulary.json", plan.vocabulary, "corpus", **text)
    yield alone("tokenize", "tokens/train.json", plan.tokens, "vocab", **text)
    yield from _tuning(estimates, results, analysis)
    yield from _trunks(estimates, results)
    evaluations = []
    for job in _runs(estimates, results):
        if job.rule == "evaluate":
            evaluations.append(job.name)
        yield job
    yield alone("observe", "observations.csv", plan.observe, *evaluations, **analysis)
    for rule, kind, found, needs in (
        ("fit", "fit", plan.fits(), ("observe",)),
        ("figures", "figure", plan.figures(), ("observe", *(f"fit {f}" for f in plan.fits()))),
    ):
        for name, settings in found.items():
            yield Job(
                rule,
                {kind: name},
                results / (f"fits/{name}.json" if rule == "fit" else f"figures/{name}.csv"),
                results / f"logs/{rule}/{name}.log",
                needs,
                lambda settings=settings: settings,
                **analysis,
            )


def _tuning(estimates: Estimates, results: Path, analysis: dict[str, Any]) -> Iterator[Job]:
    plan = estimates.plan
    for trial in plan.trials.values():
        yield Job(
            "trial",
            {"family": trial.family, "trial": trial.trial},
            results / f"tuning/{trial.family}/trials/{trial.trial}.json",
            results / f"logs/trial/{trial.family}-{trial.trial}.log",
            ("tokenize",),
            lambda trial=trial: plan.trial(trial),
            estimates.training_seconds(trial.size, trial.n_tokens, trial.batch_tokens),
            estimates.training_mb(trial.size, trial.batch_tokens),
            trial.n_tokens,
            trial.size,
            trial.seed,
            **_held(estimates, trial.size, trial.batch_tokens),
        )
    for family in plan.tuned_families():
        own = [trial for trial in plan.trials.values() if trial.family == family]
        yield Job(
            "tune",
            {"family": family},
            results / f"tuning/{family}/law.json",
            results / f"logs/tune/{family}.log",
            tuple(f"trial {family} {trial.trial}" for trial in own),
            lambda family=family: plan.tune(family),
            **analysis,
        )


def _held(estimates: Estimates, size: str, batch_tokens: int) -> dict[str, Any]:
    """Return what training of a size holds."""
    plan = estimates.plan
    return {
        "cores": plan.processes[size],
        "gpus": plan.gpus(size),
        "gpu_memory_mb": estimates.gpu_mb(size, batch_tokens),
    }


def _before(plan: Plan, size: str, seed: int, tokens: int) -> tuple[str, ...]:
    """Return what training of a size needs that goes on after so many tokens."""
    first = f"pretrain {size} {seed} {tokens}" if tokens else "tokenize"
    return (first, f"tune {plan.family(size)}") if plan.is_tuned(size) else (first,)


def _trunks(estimates: Estimates, results: Path) -> Iterator[Job]:
    plan = estimates.plan
    for size, seed, tokens in plan.trunk_states():
        before, batch = plan.state_before(size, tokens), plan.longest[size].batch_tokens
        yield Job(
            "pretrain",
            {"size": size, "seed": str(seed), "tokens": str(tokens)},
            results / f"trunks/{size}-s{seed}/{tokens}/state.safetensors",
            results / f"logs/pretrain/{size}-s{seed}-{tokens}.log",
            _before(plan, size, seed, before),
            lambda size=size, seed=seed, tokens=tokens: plan.pretrain(size, seed, tokens),
            estimates.training_seconds(size, tokens - before, batch),
            estimates.training_mb(size, batch),
            tokens - before,
            size,
            seed,
            **_held(estimates, size, batch),
        )


def _runs(estimates: Estimates, results: Path) -> Iterator[Job]:
    plan = estimates.plan
    for run in plan.trained_runs():
        start = plan.start(run)
        of_run: dict[str, Any] = {"size": run.size, "seed": run.seed, "run": run.name}
        yield Job(
            "anneal",
            {"run": run.name},
            results / f"runs/{run.name}/outcome.json",
            results / f"logs/anneal/{run.name}.log",
            _before(plan, run.size, run.seed, start),
            lambda run=run: plan.anneal(run),
            estimates.training_seconds(run.size, run.n_tokens - start, run.batch_tokens),
            estimates.training_mb(run.size, run.batch_tokens),
            run.n_tokens - start,
            **of_run,
            **_held(estimates, run.size, run.batch_tokens),
        )
        yield Job(
            "evaluate",
            {"run": run.name},
            results / f"evals/{run.name}.json",
            results / f"logs/evaluate/{run.name}.log",
            (f"anneal {run.name}",),
            lambda run=run: plan.evaluate(run),
            estimates.evaluation_seconds(run),
            estimates.training_mb(run.size, run.batch_tokens),
            **of_run,
            gpus=min(1, plan.gpus(run.size)),
        )
