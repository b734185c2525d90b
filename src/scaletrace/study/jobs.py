"""Every job of a study, in an order in which they can run, with what each is estimated to take."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.study.estimates import ANALYSIS_MB, ANALYSIS_SECONDS, Estimates


@dataclasses.dataclass(frozen=True)
class Job:
    """One job of the workflow's graph.

    name: the rule, and what tells it from the rule's other jobs; `needs` are names.
    result: a file that stands for all its outputs.
    settings: gives the parameters that the job is handed.
    size, run: what it trains or measures; a trunk's segment belongs to no single run.
    seconds, memory_mb: estimates; MiB.
    """

    rule: str
    wildcards: dict[str, str]
    result: Path
    log: Path
    needs: tuple[str, ...]
    settings: Callable[[], dict[str, Any]]
    seconds: float
    memory_mb: float
    tokens: int = 0
    size: str | None = None
    seed: int | None = None
    run: str | None = None

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

    def alone(rule: str, result: str, settings: Callable[[], dict[str, Any]], *needs: str, **cost):
        return Job(
            rule, {}, results / result, results / f"logs/{rule}.log", needs, settings, **cost
        )

    yield alone("corpus", "corpus/manifest.json", lambda: plan.corpus(packages), **text)
    yield alone("vocab", "vocab/vocabulary.json", plan.vocabulary, "corpus", **text)
    yield alone("tokenize", "tokens/train.json", dict, "vocab", **text)
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


def _trunk(size: str, seed: int, tokens: int) -> str:
    return f"pretrain {size} {seed} {tokens}"


def _trunks(estimates: Estimates, results: Path) -> Iterator[Job]:
    plan = estimates.plan
    for size, seed, tokens in plan.trunk_states():
        before = plan.state_before(size, tokens)
        yield Job(
            "pretrain",
            {"size": size, "seed": str(seed), "tokens": str(tokens)},
            results / f"trunks/{size}-s{seed}/{tokens}/state.safetensors",
            results / f"logs/pretrain/{size}-s{seed}-{tokens}.log",
            (_trunk(size, seed, before) if before else "tokenize",),
            lambda size=size, seed=seed, tokens=tokens: plan.pretrain(size, seed, tokens),
            estimates.training_seconds(size, tokens - before),
            estimates.training_mb(size),
            tokens - before,
            size,
            seed,
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
            (_trunk(run.size, run.seed, start) if start else "tokenize",),
            lambda run=run: plan.anneal(run),
            estimates.training_seconds(run.size, run.n_tokens - start),
            estimates.training_mb(run.size),
            run.n_tokens - start,
            **of_run,
        )
        yield Job(
            "evaluate",
            {"run": run.name},
            results / f"evals/{run.name}.json",
            results / f"logs/evaluate/{run.name}.log",
            (f"anneal {run.name}",),
            lambda run=run: plan.evaluate(run),
            estimates.evaluation_seconds(run),
            estimates.training_mb(run.size),
            **of_run,
        )
