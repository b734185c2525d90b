"""The plan: every job of a study with its own parameters, as a pure function of the study."""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.stages import coordinates, evaluate, figures, fit, observe, tokenize, tune
from scaletrace.stages import trial as trial_stage
from scaletrace.study import compute
from scaletrace.study.checks import Check, checks
from scaletrace.study.config import Study
from scaletrace.study.groups import groups
from scaletrace.study.planned_fits import drawn_columns, fits
from scaletrace.study.runs import Run, runs, shapes
from scaletrace.study.training_laws import TunedRate
from scaletrace.study.trials import Trial, trials
from scaletrace.study.trunk import Trunk
from scaletrace.training.recipe import Compute, TrainingSettings, with_beta2


class Plan:
    """All runs of a study and the parameters of each of its jobs."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.sizes = shapes(study)
        self.processes = compute.processes(study)
        self.runs: dict[str, Run] = {run.name: run for run in runs(study)}
        self.trials: dict[str, Trial] = {trial.trial: trial for trial in trials(study)}
        self._shortest = min(self.runs.values(), key=lambda run: run.n_tokens)
        seen = study.training.seen(self._shortest.n_tokens)
        self.checks: dict[str, Check] = {check.name: check for check in checks(study, seen)}
        # Nothing that is reported may be chosen by its own loss.
        self.tuning_split = {"valid": "test", "test": "valid"}[study.evaluation.split]
        for key, names in (("exclude", study.exclude), ("failed", study.failed)):
            for name in names:
                if name not in self.runs:
                    raise BadInput(
                        f"{key}.{name}: no run of this study; runs are named like "
                        f"{next(iter(self.runs))}"
                    )
        for name in study.exclude.keys() & study.failed.keys():
            raise BadInput(f"exclude.{name}: stands under failed as well; name it in one of them")
        self._fits = fits(study, list(self.runs.values()))
        trainings = [*self.runs.values(), *self.trials.values()]
        for size, batch in dict.fromkeys((run.size, run.batch_tokens) for run in trainings):
            self._compute(size, batch)

    def family(self, size: str) -> str:
        """Return the model family of one size."""
        return self.sizes[size].family

    def gpus(self, size: str) -> int:
        """Return how many GPUs a training of one size needs; 0 on the CPU."""
        return self.processes[size] if self.study.training.device == "cuda" else 0

    def _compute(self, size: str, batch_tokens: int) -> Compute:
        shape, count = self.sizes[size], self.processes[size]
        return compute.chosen(self.study.training, size, shape, batch_tokens, count)

    def is_tuned(self, family: str) -> bool:
        """Return whether a family's training reads its rate from the law that tuning finds."""
        return isinstance(self.study.training.law_of(family), TunedRate)

    def tuned_families(self) -> list[str]:
        """Return the families that have a law of their own from trials."""
        return list(dict.fromkeys(trial.family for trial in self.trials.values()))

    # The trunk: its places are numbers of tokens.

    def _trunk(self, size: str) -> Trunk:
        # Where runs share a trunk, laws see no D: any run of the size has its rate and batch.
        return Trunk(self.longest[size].batch_tokens, self.study.training.cooldown)

    def start(self, run: Run) -> int:
        """Return the tokens of the trunk state that a run is annealed from; 0 without one."""
        return self._shared(run) if self.study.training.shares_trunks else 0

    def _shared(self, run: Run) -> int:
        """Return the tokens of a run that others of its size and seed have as well, or could."""
        trunk = self._trunk(run.size)
        branch = trunk.branch(run.n_tokens // trunk.batch_tokens)
        return trunk.at_or_before(branch) * trunk.batch_tokens

    def state_before(self, size: str, tokens: int) -> int:
        """Return the tokens of the state that the one at `tokens` continues; 0 without one."""
        trunk = self._trunk(size)
        return trunk.at_or_before(tokens // trunk.batch_tokens - 1) * trunk.batch_tokens

    def trunk_states(self) -> list[tuple[str, int, int]]:
        """Return the trunk states that the study's runs need, as (size, seed, tokens)."""
        states: set[tuple[str, int, int]] = set()
        for run in self.trained_runs():
            tokens = self.start(run)
            while tokens:
                states.add((run.size, run.seed, tokens))
                tokens = self.state_before(run.size, tokens)
        return sorted(states)

    @cached_property
    def longest(self) -> dict[str, Run]:
        """The longest run of each size."""
        ascending = sorted(self.runs.values(), key=lambda run: run.n_tokens)
        return {run.size: run for run in ascending}

    def flops_per_token(self, size: str) -> float:
        """Return the exact training FLOPs of one token for a size."""
        run = self.longest[size]
        return run.flops_exact / run.n_tokens

    def flops(self) -> float:
        """Return the exact FLOPs of all training that the study needs, trunks counted once.

        Those of the trials are among them.
        """
        return self._flops(self.start)

    def flops_shared(self) -> float:
        """Return the FLOPs that it would need if budgets shared trunks; at most `flops()`."""
        return self._flops(self._shared)

    def _flops(self, start: Callable[[Run], int]) -> float:
        trunks: dict[tuple[str, int], int] = {}
        own = []
        for run in self.trained_runs():
            key = run.size, run.seed
            trunks[key] = max(trunks.get(key, 0), start(run))
            own.append((run.size, run.n_tokens - start(run)))
        trained = [*((size, tokens) for (size, _), tokens in trunks.items()), *own]
        tuning = sum(trial.flops_exact for trial in self.trials.values())
        return tuning + sum(self.flops_per_token(size) * tokens for size, tokens in trained)

    def urgency(self, size: str, tokens: int) -> int:
        """Return the GFLOPs between a place on a size's trunk and the end of its longest run."""
        left = self.longest[size].n_tokens - tokens
        return int(self.flops_per_token(size) * left / 1e9)

    def trained_runs(self) -> list[Run]:
        """Return the runs that are trained: all but those under `exclude` and `failed`."""
        left_out = self.study.exclude.keys() | self.study.failed.keys()
        return [run for run in self.runs.values() if run.name not in left_out]

    # Settings of each stage: complete, and only what the job itself uses.

    def corpus(self, versions: dict[str, str]) -> Any:
        """Return the corpus stage's settings; `versions` are the read packages' own."""
        return self.study.corpus.settings(versions)

    def vocabulary(self) -> Any:
        """Return the vocabulary stage's settings."""
        return self.study.vocabulary.settings()

    def tokens(self) -> tokenize.Settings:
        """Return the settings of tokenization: whose code it runs."""
        return tokenize.Settings(self.study.vocabulary.kind)

    def _training(
        self,
        run: Run | Trial,
        from_step: int,
        to_step: int,
        cooldown_from_step: int | None = None,
    ) -> TrainingSettings:
        training, shape = self.study.training, self.sizes[run.size]
        batch, seen = run.batch_tokens, training.seen(run.n_tokens)
        return TrainingSettings(
            model=shape,
            seed=run.seed,
            batch_tokens=batch,
            learning_rate=run.learning_rate,
            # A trunk has its first segment with `wsd` and `stepped` alike.
            schedule="cosine" if training.schedule == "cosine" else "wsd",
            warmup_steps=training.warmup_steps(shape, batch, seen),
            groups=groups(training, shape, batch, seen, self._decay(run)),
            clip=training.clip,
            z_loss=training.z_loss,
            spike=training.spike,
            threads=1,
            save_seconds=30,
            from_step=from_step,
            to_step=to_step,
            cooldown_from_step=cooldown_from_step,
            drops=training.drops(batch, cooldown_from_step or to_step),
            compute=self._compute(run.size, batch),
        )

    def _decay(self, run: Run | Trial | Check) -> float | None:
        """Return the decay of a training in place of the study's own, where one is tuned.

        Settings of a run that is tuned hold multiples of the law's.
        """
        if isinstance(run, Trial):
            return run.weight_decay
        tuning = self.study.tuning
        return 1.0 if tuning and tuning.decays and self.is_tuned(run.family) else None

    def pretrain(self, size: str, seed: int, tokens: int) -> TrainingSettings:
        """Return the settings of the trunk segment that ends after `tokens` tokens."""
        run = dataclasses.replace(self.longest[size], seed=seed)
        before = self.state_before(size, tokens)
        return self._training(run, before // run.batch_tokens, tokens // run.batch_tokens)

    def anneal(self, run: Run) -> TrainingSettings:
        """Return the settings of the job that finishes a run."""
        branch = Trunk(run.batch_tokens, self.study.training.cooldown).branch(run.steps)
        return self._training(run, self.start(run) // run.batch_tokens, run.steps, branch)

    def trial(self, trial: Trial) -> trial_stage.Settings:
        """Return the settings of one trial: a whole run, and what its loss is measured on."""
        branch = Trunk(trial.batch_tokens, self.study.training.cooldown).branch(trial.steps)
        training = self._training(trial, 0, trial.steps, branch)
        measured = trial_stage.MeasuredOn(self.tuning_split, self.study.evaluation.tokens)
        own = {"groups": with_beta2(training.groups, trial.beta2), "evaluation": measured}
        return trial_stage.Settings(**vars(training) | own)

    def coordinates(self, check: Check) -> coordinates.Settings:
        """Return the settings of the first steps of a model: as runs are trained, at their peak.

        They are taken on one core whatever the runs are trained on. Laws of D are asked at the
        shortest run's.
        """
        training, asked, run = self.study.training, self.study.coordinate_check, self._shortest
        assert asked is not None
        batch, seen = check.batch_tokens, training.seen(run.n_tokens)
        own = {
            "model": check.shape,
            "seed": check.seed,
            "batch_tokens": batch,
            "learning_rate": check.learning_rate,
            "schedule": "wsd",
            "warmup_steps": 0,
            "groups": groups(training, check.shape, batch, seen, self._decay(check)),
            "from_step": 0,
            "to_step": run.n_tokens // batch,
            "cooldown_from_step": None,
            "drops": (),
            "compute": Compute(),
            "steps": asked.steps,
        }
        return coordinates.Settings(**vars(self.anneal(run)) | own)

    def tune(self, family: str) -> tune.Settings:
        """Return the settings of the fit of a family's rate law: its trials, in order."""
        own = [trial for trial in self.trials.values() if trial.family == family]
        return tune.Settings(family, [dataclasses.asdict(trial) for trial in own])

    def evaluate(self, run: Run) -> evaluate.Settings:
        """Return the settings of one run's evaluation."""
        evaluation, device = self.study.evaluation, self.study.training.device
        shape = self.sizes[run.size]
        return evaluate.Settings(shape, evaluation.split, evaluation.tokens, 1, device)

    def observe(self) -> observe.Settings:
        """Return one planned row per run of the study."""
        rows = []
        for run in self.runs.values():
            row = dataclasses.asdict(run)
            row["run"] = row.pop("name")
            del row["steps"]
            row["excluded"] = self.study.exclude.get(run.name)
            row["failed"] = self.study.failed.get(run.name)
            rows.append(row)
        return observe.Settings(rows)

    def fits(self) -> dict[str, fit.Settings]:
        """Return the settings of each fit by name."""
        return self._fits

    def drawn_fits(self) -> list[str]:
        """Return the names of the fits that figures draw: those to the columns of their axes."""
        drawn = drawn_columns(self.study).items()
        return [name for name, fit in self._fits.items() if drawn <= vars(fit).items()]

    def figures(self) -> dict[str, figures.Settings]:
        """Return the settings of each figure by name."""
        n = [run.n_non_embedding for run in self.runs.values()]
        drawn: dict[str, figures.Settings] = {}
        for name in kinds.names(figures.FOLDER):
            figure = kinds.load(figures.FOLDER, name)
            tuning, curves = "tuning" in figure.DRAWS, "curves" in figure.DRAWS
            have = {
                "tuning": self.trials,
                "coordinate_check": self.checks,
                "fits": self.drawn_fits(),
            }
            if not all(have[needed] for needed in figure.NEEDS):
                continue
            titled = self.study.figures.get(name)
            drawn[name] = figures.Settings(
                study=self.study.study,
                figure=name,
                title=figure.TITLE if titled is None else titled.title,
                conventions=self.study.conventions.model_dump(),
                runs=[run.name for run in self.trained_runs()] if curves else [],
                trunks=[f"{size}-s{seed}" for size, seed, _ in self.trunk_states()]
                if curves
                else [],
                n_range=(min(n), max(n)) if tuning else None,
            )
        return drawn
