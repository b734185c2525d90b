"""The plan: every job of a study with its own parameters, as a pure function of the study."""

import dataclasses
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.science import counts
from scaletrace.study.config import LawName, Size, Study

# Trunk states lie where a run of 2^k million tokens begins its cooldown. The grid knows nothing
# of the study's budgets, so that a new budget never moves a state that others start from.
GRID_TOKENS = 1_000_000
# A segment below this many steps costs more to start than to train again.
SHORTEST_SEGMENT = 256

FIGURE_TITLES = {
    "loss_vs_params": "Held-out loss against model size",
    "loss_vs_tokens": "Held-out loss against training tokens",
    "training_curves": "Training curves",
    "residuals": "Residuals of the fitted laws",
}
BUDGET_LAWS: tuple[LawName, ...] = ("power_n",)


@dataclasses.dataclass(frozen=True)
class Run:
    """One model to train: size x seed x budget."""

    name: str
    size: str
    seed: int
    budget: str
    steps: int
    n_tokens: int
    n_non_embedding: int
    n_with_head: int
    n_total: int
    flops_6nd: int
    flops_exact: int
    learning_rate: float


def budget_label(tokens: int) -> str:
    """Return a token budget as people write it: 500k, 1M, 1.5M; digits where that is not exact."""
    for unit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if tokens >= unit and tokens * 1000 % unit == 0:
            return f"{tokens / unit:.3f}".rstrip("0").rstrip(".") + letter
    return str(tokens)


def flops_label(flops: float) -> str:
    """Return a compute budget as C1e15, in the shortest form that gives the same number back."""
    mantissa, exponent = f"{flops:.17e}".split("e")
    for digits in range(17):
        mantissa, exponent = f"{flops:.{digits}e}".split("e")
        if float(f"{mantissa}e{exponent}") == flops:
            break
    return f"C{mantissa}e{int(exponent)}"


class Plan:
    """All runs of a study and the parameters of each of its jobs."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.sizes = study.all_sizes()
        training = study.training
        self.warmup_steps = math.ceil(training.warmup / training.batch_tokens)
        self.runs: dict[str, Run] = {run.name: run for run in self._make_runs()}
        for key, names in (("exclude", study.exclude), ("failed", study.failed)):
            for name in names:
                if name not in self.runs:
                    raise BadInput(
                        f"{key}.{name}: no run of this study; runs are named like "
                        f"{next(iter(self.runs))}"
                    )
        for name in study.exclude.keys() & study.failed.keys():
            raise BadInput(f"exclude.{name}: stands under failed as well; name it in one of them")

    def family(self, size: str) -> str:
        """Return the model family of one size."""
        return self.model(size)["family"]

    def model(self, size: str) -> dict[str, Any]:
        """Return what defines the network of one size."""
        shape: Size = self.sizes[size]
        return {
            "family": self.study.model.family,
            "width": shape.width,
            "layers": shape.layers,
            "heads": shape.heads,
            "context": self.study.model.context,
            "vocabulary_size": self.study.vocabulary.size,
        }

    def _make_runs(self) -> Iterator[Run]:
        study, batch = self.study, self.study.training.batch_tokens
        for size, shape in self.sizes.items():
            model = counts.Shape(**self.model(size))
            flops = {"exact": counts.flops_exact, "6nd": counts.flops_6nd}[study.conventions.flops]
            budgets = [(f"budgets: {d}", budget_label(d), d // batch) for d in study.budgets] + [
                (f"flops: {c:g} for size {size}", flops_label(c), round(c / flops(model, batch)))
                for c in study.flops
            ]
            for key, label, steps in budgets:
                if steps <= self.warmup_steps:
                    raise BadInput(
                        f"{key}: {steps} steps of {batch} tokens, of which the warm-up takes "
                        f"{self.warmup_steps}; give more than "
                        f"{(self.warmup_steps + 1) * batch} tokens or a smaller training.warmup"
                    )
                if study.training.schedule == "wsd" and self.branch(steps) < self.warmup_steps:
                    raise BadInput(
                        f"{key}: the cooldown would begin at step {self.branch(steps)}, within the "
                        f"warm-up ({self.warmup_steps} steps); give more tokens or a smaller "
                        "training.warmup or training.cooldown"
                    )
                tokens = steps * batch
                for seed in shape.seeds or study.seeds:
                    yield Run(
                        name=f"{size}-s{seed}-{label}",
                        size=size,
                        seed=seed,
                        budget=label,
                        steps=steps,
                        n_tokens=tokens,
                        n_non_embedding=counts.n_non_embedding(model),
                        n_with_head=counts.n_with_head(model),
                        n_total=counts.n_total(model),
                        flops_6nd=counts.flops_6nd(model, tokens),
                        flops_exact=counts.flops_exact(model, tokens),
                        learning_rate=study.training.learning_rate.rate(shape.width),
                    )

    # The trunk.

    def branch(self, steps: int) -> int:
        """Return the step at which a run of `steps` begins its cooldown."""
        return steps - max(1, round(self.study.training.cooldown * steps))

    @cached_property
    def _grid(self) -> list[int]:
        batch = self.study.training.batch_tokens
        longest = max((run.steps for run in self.runs.values()), default=0)
        grid, exponent = [], -64
        while True:
            whole = int(GRID_TOKENS * 2.0**exponent) // batch
            exponent += 1
            if whole < 2 or self.branch(whole) < SHORTEST_SEGMENT:
                continue
            if self.branch(whole) > longest:
                return grid
            grid.append(self.branch(whole))

    def trunk_step_before(self, step: int, *, strictly: bool) -> int:
        """Return the last grid step below (or at) `step`; 0 where training starts from nothing."""
        return max((g for g in self._grid if (g < step if strictly else g <= step)), default=0)

    def start(self, run: Run) -> int:
        """Return the step of the trunk state that a run is annealed from; 0 without one."""
        if self.study.training.schedule == "cosine":
            return 0
        return self.trunk_step_before(self.branch(run.steps), strictly=False)

    def trunk_step(self, tokens: str, *, before: bool = False) -> int:
        """Return the step of the trunk state that is named by its tokens, or the one before it."""
        step = int(tokens) // self.study.training.batch_tokens
        return self.trunk_step_before(step, strictly=True) if before else step

    def tokens(self, step: int) -> int:
        """Return the training tokens that a model has seen after `step` steps."""
        return step * self.study.training.batch_tokens

    def trunk_states(self) -> list[tuple[str, int, int]]:
        """Return the trunk states that the study's runs need, as (size, seed, step)."""
        found: set[tuple[str, int, int]] = set()
        for run in self.trained_runs():
            step = self.start(run)
            while step:
                found.add((run.size, run.seed, step))
                step = self.trunk_step_before(step, strictly=True)
        return sorted(found)

    @cached_property
    def longest(self) -> dict[str, Run]:
        """The longest run of each size."""
        ascending = sorted(self.runs.values(), key=lambda run: run.steps)
        return {run.size: run for run in ascending}

    def flops_per_token(self, size: str) -> float:
        """Return the exact training FLOPs of one token for a size."""
        run = self.longest[size]
        return run.flops_exact / run.n_tokens

    def flops(self) -> float:
        """Return the exact FLOPs of all training that the study needs, trunks counted once."""
        segments = [
            (size, step - self.trunk_step_before(step, strictly=True))
            for size, _, step in self.trunk_states()
        ] + [(run.size, run.steps - self.start(run)) for run in self.trained_runs()]
        return sum(self.flops_per_token(size) * self.tokens(steps) for size, steps in segments)

    def urgency(self, size: str, step: int) -> int:
        """Return the GFLOPs between a step of a size's trunk and the end of its longest run."""
        left = self.tokens(self.longest[size].steps - step)
        return int(self.flops_per_token(size) * left / 1e9)

    def trained_runs(self) -> list[Run]:
        """Return the runs that are trained: all but those given up under `failed`."""
        return [run for run in self.runs.values() if run.name not in self.study.failed]

    # Settings of each stage: plain JSON, complete, and only what the job itself uses.

    def corpus(self, versions: dict[str, str]) -> dict[str, Any]:
        """Return the corpus stage's settings; `versions` are the read packages' own."""
        corpus = self.study.corpus.model_dump(exclude={"packages", "paths"})
        return {**corpus, "packages": versions} if versions else corpus

    def vocabulary(self) -> dict[str, Any]:
        """Return the vocabulary stage's settings."""
        return {**self.study.vocabulary.model_dump(), "size": self.study.vocabulary.size}

    def _optimiser(self, size: str, seed: int) -> dict[str, Any]:
        training = self.study.training
        return {
            "model": self.model(size),
            "seed": seed,
            "batch_tokens": training.batch_tokens,
            "learning_rate": training.learning_rate.rate(self.sizes[size].width),
            "schedule": training.schedule,
            "warmup_steps": self.warmup_steps,
            "weight_decay": training.weight_decay,
            "beta1": training.beta1,
            "beta2": training.beta2,
            "clip": training.clip,
            "threads": 1,
            "save_seconds": 30,
        }

    def pretrain(self, size: str, seed: int, tokens: str) -> dict[str, Any]:
        """Return the settings of the trunk segment that ends after `tokens` tokens."""
        step = self.trunk_step(tokens)
        return {
            **self._optimiser(size, seed),
            "from_step": self.trunk_step_before(step, strictly=True),
            "to_step": step,
        }

    def anneal(self, run: Run) -> dict[str, Any]:
        """Return the settings of the job that finishes a run."""
        return {
            **self._optimiser(run.size, run.seed),
            "from_step": self.start(run),
            "cooldown_from_step": self.branch(run.steps),
            "to_step": run.steps,
        }

    def evaluate(self, run: Run) -> dict[str, Any]:
        """Return the settings of one run's evaluation."""
        evaluation = self.study.evaluation
        return {
            "model": self.model(run.size),
            "split": evaluation.split,
            "tokens": evaluation.tokens,
            "threads": 1,
        }

    def observe(self) -> dict[str, Any]:
        """Return one planned row per run of the study."""
        rows = []
        for run in self.runs.values():
            row = dataclasses.asdict(run)
            row["run"] = row.pop("name")
            del row["steps"]
            row["batch_tokens"] = self.study.training.batch_tokens
            row["excluded"] = self.study.exclude.get(run.name)
            row["failed"] = self.study.failed.get(run.name)
            rows.append(row)
        return {"runs": rows}

    def fits(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each fit by name: one per law, or per law and budget."""
        conventions = self.study.conventions
        common = {
            "n": f"n_{conventions.n}",
            "d": "n_tokens",
            "flops": f"flops_{conventions.flops}",
            "loss": "loss",
            "cluster": "size",
        }
        budgets = list(dict.fromkeys(run.budget for run in self.runs.values()))
        found: dict[str, dict[str, Any]] = {}
        for law in self.study.fits:
            for budget in budgets if law in BUDGET_LAWS else [None]:
                name = law if budget is None else f"{law}-{budget}"
                found[name] = {"law": law, "budget": budget, **common}
        return found

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return the settings of each figure by name."""
        titles = FIGURE_TITLES | {name: f.title for name, f in self.study.figures.items()}
        found: dict[str, dict[str, Any]] = {
            name: {
                "study": self.study.study,
                "figure": name,
                "title": title,
                "conventions": self.study.conventions.model_dump(),
                "runs": [],
                "trunks": [],
            }
            for name, title in titles.items()
        }
        found["training_curves"]["runs"] = [run.name for run in self.trained_runs()]
        found["training_curves"]["trunks"] = [
            f"{size}-s{seed}" for size, seed, _ in self.trunk_states()
        ]
        return found
