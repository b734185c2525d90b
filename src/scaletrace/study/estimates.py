"""What each job of a plan is estimated to take, at a machine's pace."""

from functools import cached_property
from pathlib import Path

from scaletrace.study import cost
from scaletrace.study.plan import Plan, Run

# A forward pass takes a third of a training step's FLOPs.
FORWARD = 1 / 3
# Fitting with its bootstraps, figures and tables: seconds, whatever the study.
ANALYSIS_SECONDS = 10.0
ANALYSIS_MB = 1_000


class Estimates:
    """Seconds and memory of a study's jobs."""

    def __init__(self, plan: Plan, pace: cost.Pace, raw_files: list[str] | None = None) -> None:
        self.plan = plan
        self.pace = pace
        self.raw_files = raw_files or []

    @cached_property
    def text_sizes(self) -> list[int]:
        """Sizes of the raw text's files in bytes; none for an embedded corpus."""
        return [Path(path).stat().st_size for path in self.raw_files]

    def training_seconds(self, size: str, tokens: int) -> float:
        """Return the seconds of a job that trains one size on so many tokens."""
        flops = self.plan.flops_per_token(size) * tokens
        return self.pace.seconds(flops, tokens, tokens / self.plan.longest[size].batch_tokens)

    def training_mb(self, size: str) -> int:
        """Return the memory of a job that trains one size, in MiB."""
        shape, study = self.plan.sizes[size], self.plan.study
        return cost.training_mb(
            parameters=self.plan.longest[size].n_total,
            channels=shape.width * shape.layers,
            vocabulary=study.vocabulary.size,
            rows=self.plan.longest[size].batch_tokens,
        )

    def evaluation_seconds(self, run: Run) -> float:
        """Return the seconds of a run's evaluation."""
        tokens = self.plan.study.evaluation.tokens
        flops = FORWARD * self.plan.flops_per_token(run.size) * tokens
        return self.pace.seconds(flops, tokens)

    def text_seconds(self) -> float:
        """Return the seconds of one stage over the raw text."""
        return cost.text_seconds(self.text_sizes)

    def text_mb(self) -> float:
        """Return the memory of one stage over the raw text, in MiB."""
        return cost.text_mb(self.text_sizes)
