"""The graph of a study's jobs, said once: what each reads, writes, is told, and takes.

A rule (`study.rules`) is what jobs of one stage have in common; a job is a rule with its wildcards.
Rule files, plan, status, cost, progress, audit and record read this module: no other one says what
rests on what.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from scaletrace import contract, kinds
from scaletrace.stages import (
    anneal,
    coordinates,
    corpus,
    evaluate,
    figures,
    fit,
    observe,
    pretrain,
    tokenize,
    trial,
    tune,
    vocab,
)
from scaletrace.study.cost import Pace, text_mb, text_seconds
from scaletrace.study.estimates import ANALYSIS_MB, ANALYSIS_SECONDS, Estimates
from scaletrace.study.rules import (
    ANNEAL,
    COORDINATES,
    CORPUS,
    EVALUATE,
    FIGURES,
    FIT,
    LARGE,
    OBSERVE,
    PRETRAIN,
    RESULTS,
    TOKENIZE,
    TRIAL,
    TUNE,
    VOCAB,
    Rule,
    timings_path,
)
from scaletrace.study.runs import Run
from scaletrace.study.trials import Trial

# Trials and their law come before all other training, which cannot begin without.
MOST_URGENT = 10**9


@dataclasses.dataclass(frozen=True)
class Takes:
    """What a job is estimated to take; memory in MiB, the GPU's of each GPU."""

    seconds: float
    memory_mb: float
    cores: int = 1
    gpus: int = 0
    gpu_memory_mb: float = 0.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One job of a study.

    inputs, outputs: as its stage declares them. settings: makes what the job is told.
    needs: names of the jobs that make its inputs. priority: the larger, the sooner it is begun.
    tokens: trained on in this job. size, seed, run: what it trains or measures; a trunk's segment
    belongs to no single run.
    """

    rule: Rule
    wildcards: dict[str, str]
    inputs: Any
    outputs: Any
    log: Path
    settings: Callable[[], Any]
    takes: Takes
    priority: int = 0
    tokens: int = 0
    size: str | None = None
    seed: int | None = None
    run: str | None = None
    needs: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """The job's name among those of its study."""
        return " ".join([self.rule.name, *self.wildcards.values()])

    @property
    def result(self) -> Path:
        """A file that stands for all outputs."""
        return getattr(self.outputs, self.rule.main)

    def input_files(self) -> dict[str, list[Path]]:
        """Return the inputs by name."""
        return contract.files_by_name(self.inputs)

    def output_files(self) -> dict[str, Path]:
        """Return the outputs by name."""
        return {name: path for name, (path,) in contract.files_by_name(self.outputs).items()}


class Graph:
    """The jobs of a study.

    Args:
        estimates: of the study's plan.
        packages: versions of the packages that the text is read from.
        tabled: runs under `exclude` or `failed` that have numbers from before, which tables keep.
    """

    def __init__(
        self, estimates: Estimates, packages: dict[str, str], tabled: tuple[str, ...] = ()
    ) -> None:
        self.estimates, self.packages = estimates, packages
        self.plan = estimates.plan
        self.study = self.plan.study.study
        self.results = RESULTS / self.study
        self.timings = str(timings_path(self.study))
        self._left_out = tabled
        self._tabled = [*(run.name for run in self.plan.trained_runs()), *tabled]
        self._analysis = Takes(ANALYSIS_SECONDS, ANALYSIS_MB)
        # Each is asked for by all that reads what it makes.
        self.job, self._outputs = cache(self._job), cache(self._outputs_of)

    def at_pace(self, pace: Pace) -> "Graph":
        """Return the same jobs, estimated at another pace."""
        estimates = Estimates(self.plan, pace, self.estimates.raw_files)
        return Graph(estimates, self.packages, self._left_out)

    def _job(self, rule: str, *wildcards: str) -> Job:
        """Return the job of a rule with the values of its wildcards, in the rule's order.

        Raises:
            KeyError: the study has none such.
        """
        return getattr(self, f"_{rule}")(*wildcards)

    def jobs(self) -> Iterator[Job]:
        """Yield the study's jobs, each after those that it needs.

        Timings, which have no record, are none of them; nor is what was trained of excluded runs.
        """
        makers: dict[Path, str] = {}
        for job in self._planned():
            read = (path for paths in job.input_files().values() for path in paths)
            needs = dict.fromkeys(makers[path] for path in read if path in makers)
            makers |= dict.fromkeys(job.output_files().values(), job.name)
            yield dataclasses.replace(job, needs=tuple(needs))

    def everything(self) -> Iterator[Job]:
        """Yield the study's jobs, and those behind the numbers of runs left out that it keeps."""
        names = set()
        for job in (*self.jobs(), *self._behind_tabled()):
            if job.name not in names:
                names.add(job.name)
                yield job

    def _behind_tabled(self) -> Iterator[Job]:
        for name in self._left_out:
            run = self.plan.runs[name]
            tokens = self.plan.start(run)
            while tokens:
                yield self._pretrain(run.size, str(run.seed), str(tokens))
                tokens = self.plan.state_before(run.size, tokens)
            yield from (self._anneal(name), self._evaluate(name))

    def _planned(self) -> Iterator[Job]:
        yield from (self._corpus(), self._vocab(), self._tokenize())
        for each in self.plan.trials.values():
            yield self._trial(each.family, each.trial)
        for family in self.plan.tuned_families():
            yield self._tune(family)
        for name in self.plan.checks:
            yield self._coordinates(name)
        for size, seed, tokens in self.plan.trunk_states():
            yield self._pretrain(size, str(seed), str(tokens))
        for run in self.plan.trained_runs():
            yield self._anneal(run.name)
            yield self._evaluate(run.name)
        yield self._observe()
        for name in self.plan.fits():
            yield self._fit(name)
        for name in self.plan.figures():
            yield self._figures(name)

    def targets(self) -> list[str]:
        """Return the files that a whole study has made, and keeps.

        Those that a light copy leaves out are made only where another job reads them.
        """
        made = [str(path) for job in self.everything() for path in job.output_files().values()]
        return [*(name for name in made if not name.endswith(LARGE)), self.timings]

    # What is where.

    def _outputs_of(self, rule: Rule, **wildcards: str) -> Any:
        """Return the outputs of the job of a rule."""
        return contract.map_files(
            rule.outputs, lambda path: self.results / str(path).format(**wildcards)
        )

    def _made(
        self,
        rule: Rule,
        wildcards: dict[str, str],
        inputs: Any,
        settings: Callable[[], Any],
        takes: Takes,
        **more: Any,
    ) -> Job:
        outputs = self._outputs(rule, **wildcards)
        log = self.results / rule.log.format(**wildcards)
        return Job(rule, wildcards, inputs, outputs, log, settings, takes, **more)

    @cached_property
    def _documents(self) -> corpus.Outputs:
        return self._outputs(CORPUS)

    @cached_property
    def _tokens(self) -> tokenize.Outputs:
        return self._outputs(TOKENIZE)

    def _held_out(self, split: str) -> tuple[Path, Path]:
        """Return the tokens of a split and their header."""
        return getattr(self._tokens, split), getattr(self._tokens, f"{split}_header")

    def _state(self, size: str, seed: int | str, tokens: int) -> Path | None:
        """Return a trunk's state after so many tokens; none before the first."""
        if not tokens:
            return None
        return self._outputs(PRETRAIN, size=size, seed=str(seed), tokens=str(tokens)).state

    def _law(self, family: str) -> Path | None:
        """Return the law that training of a family reads its rate from, where it is tuned.

        Thus another law trains the ladder again, and it alone.
        """
        if not self.plan.is_tuned(family):
            return None
        return self._outputs(TUNE, family=family).law

    # Text.

    def _text(self) -> Takes:
        size = self.estimates.text_bytes
        return Takes(text_seconds(size), text_mb(size))

    def _corpus(self) -> Job:
        inputs = corpus.Inputs(files=tuple(map(Path, self.estimates.raw_files)))
        return self._made(CORPUS, {}, inputs, lambda: self.plan.corpus(self.packages), self._text())

    def _vocab(self) -> Job:
        inputs = vocab.Inputs(train=self._documents.train)
        return self._made(VOCAB, {}, inputs, self.plan.vocabulary, self._text())

    def _tokenize(self) -> Job:
        inputs = tokenize.Inputs(
            vocabulary=self._outputs(VOCAB).vocabulary,
            train=self._documents.train,
            valid=self._documents.valid,
            test=self._documents.test,
        )
        return self._made(TOKENIZE, {}, inputs, self.plan.tokens, self._text())

    # Training.

    def _training(self, run: Run | Trial, tokens: int) -> Takes:
        """Return what training of a run on so many tokens takes."""
        size, batch = run.size, run.batch_tokens
        return Takes(
            self.estimates.training_seconds(size, tokens, batch),
            self.estimates.training_mb(size, batch),
            cores=self.plan.processes[size],
            gpus=self.plan.gpus(size),
            gpu_memory_mb=self.estimates.gpu_mb(size, batch),
        )

    def _trial(self, family: str, name: str) -> Job:
        planned = self.plan.trials[name]
        held_out, header = self._held_out(self.plan.tuning_split)
        inputs = trial.Inputs(
            tokens=self._tokens.train,
            header=self._tokens.train_header,
            held_out=held_out,
            held_out_header=header,
        )
        return self._made(
            TRIAL,
            {"family": family, "trial": name},
            inputs,
            lambda: self.plan.trial(planned),
            self._training(planned, planned.n_tokens),
            priority=MOST_URGENT,
            tokens=planned.n_tokens,
            size=planned.size,
            seed=planned.seed,
        )

    def _tune(self, family: str) -> Job:
        own = [each for each in self.plan.trials.values() if each.family == family]
        results = (self._outputs(TRIAL, family=family, trial=each.trial).result for each in own)
        return self._made(
            TUNE,
            {"family": family},
            tune.Inputs(trials=tuple(results)),
            lambda: self.plan.tune(family),
            self._analysis,
            priority=MOST_URGENT,
        )

    def _coordinates(self, name: str) -> Job:
        check = self.plan.checks[name]
        inputs = coordinates.Inputs(
            tokens=self._tokens.train,
            header=self._tokens.train_header,
            law=self._law(check.family),
        )
        return self._made(
            COORDINATES,
            {"check": name},
            inputs,
            lambda: self.plan.coordinates(check),
            Takes(self.estimates.check_seconds(check), self.estimates.check_mb(check)),
            seed=check.seed,
        )

    def _pretrain(self, size: str, seed: str, tokens: str) -> Job:
        longest, end = self.plan.longest[size], int(tokens)
        before = self.plan.state_before(size, end)
        inputs = pretrain.Inputs(
            tokens=self._tokens.train,
            header=self._tokens.train_header,
            state=self._state(size, seed, before),
            law=self._law(self.plan.family(size)),
        )
        return self._made(
            PRETRAIN,
            {"size": size, "seed": seed, "tokens": tokens},
            inputs,
            lambda: self.plan.pretrain(size, int(seed), end),
            self._training(longest, end - before),
            priority=self.plan.urgency(size, before),
            tokens=end - before,
            size=size,
            seed=int(seed),
        )

    def _anneal(self, name: str) -> Job:
        run = self.plan.runs[name]
        start = self.plan.start(run)
        inputs = anneal.Inputs(
            tokens=self._tokens.train,
            header=self._tokens.train_header,
            state=self._state(run.size, run.seed, start),
            law=self._law(run.family),
        )
        return self._made(
            ANNEAL,
            {"run": name},
            inputs,
            lambda: self.plan.anneal(run),
            self._training(run, run.n_tokens - start),
            priority=self.plan.urgency(run.size, start),
            tokens=run.n_tokens - start,
            size=run.size,
            seed=run.seed,
            run=name,
        )

    # Measurement.

    def _evaluate(self, name: str) -> Job:
        run = self.plan.runs[name]
        trained: anneal.Outputs = self._outputs(ANNEAL, run=name)
        held_out, header = self._held_out(self.plan.study.evaluation.split)
        takes = Takes(
            self.estimates.evaluation_seconds(run),
            self.estimates.training_mb(run.size, run.batch_tokens),
            gpus=min(1, self.plan.gpus(run.size)),
        )
        return self._made(
            EVALUATE,
            {"run": name},
            evaluate.Inputs(
                model=trained.model, outcome=trained.outcome, tokens=held_out, header=header
            ),
            lambda: self.plan.evaluate(run),
            takes,
            size=run.size,
            seed=run.seed,
            run=name,
        )

    # Analysis.

    def _observe(self) -> Job:
        families = self.plan.tuned_families()
        inputs = observe.Inputs(
            evals=tuple(self._outputs(EVALUATE, run=run).result for run in self._tabled),
            outcomes=tuple(self._outputs(ANNEAL, run=run).outcome for run in self._tabled),
            laws=tuple(self._outputs(TUNE, family=family).law for family in families),
        )
        return self._made(OBSERVE, {}, inputs, self.plan.observe, self._analysis)

    def _fit(self, name: str) -> Job:
        inputs = fit.Inputs(
            observations=(self._outputs(OBSERVE).observations,),
            manifest=self._documents.manifest,
        )
        return self._made(
            FIT, {"fit": name}, inputs, lambda: self.plan.fits()[name], self._analysis
        )

    def _figures(self, name: str) -> Job:
        return self._made(
            FIGURES,
            {"figure": name},
            self._drawn(name),
            lambda: self.plan.figures()[name],
            self._analysis,
        )

    def _drawn(self, figure: str) -> figures.Inputs:
        """Return what a figure shows, and it alone: a new fit redraws no training curve."""
        plan, draws = self.plan, kinds.load(figures.FOLDER, figure).DRAWS
        fits = plan.drawn_fits() if "fits" in draws else ()
        trained = plan.trained_runs() if "curves" in draws else ()
        states = plan.trunk_states() if "curves" in draws else ()
        families = plan.tuned_families() if "tuning" in draws else ()
        tuned = [self._outputs(TUNE, family=family) for family in families]
        return figures.Inputs(
            observations=self._outputs(OBSERVE).observations if "observations" in draws else None,
            fits=tuple(self._outputs(FIT, fit=name).fit for name in fits),
            curves=tuple(self._outputs(ANNEAL, run=run.name).curve for run in trained),
            trunk_curves=tuple(
                self._outputs(PRETRAIN, size=size, seed=str(seed), tokens=str(tokens)).curve
                for size, seed, tokens in states
            ),
            law=tuple(each.law for each in tuned),
            trials=tuple(each.trials for each in tuned),
            coordinates=tuple(
                self._outputs(COORDINATES, check=name).coordinates
                for name in (plan.checks if "coordinate_check" in draws else ())
            ),
        )
