"""What each job of a plan is estimated to take, at a machine's pace."""

from functools import cached_property

from scaletrace.models.counts import flops_per_token_exact, n_total
from scaletrace.models.memory import training_bytes
from scaletrace.study import cost
from scaletrace.study.checks import Check
from scaletrace.study.compute import passes
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
    def text_bytes(self) -> int:
        """About how many bytes of raw text there are."""
        return self.plan.study.corpus.text_bytes(self.raw_files)

    def training_seconds(self, size: str, tokens: int, batch_tokens: int) -> float:
        """Return the seconds of a job that trains one size on so many tokens.

        Processes that train together share each batch.
        """
        share = tokens / self.plan.processes[size]
        flops = self.plan.flops_per_token(size) * share
        layers = self.plan.sizes[size].layers
        return self.pace.seconds(flops, layers, share, tokens / batch_tokens)

    def training_mb(self, size: str, batch_tokens: int) -> int:
        """Return the memory of a job that trains one size, in MiB."""
        shape, processes = self.plan.sizes[size], self.plan.processes[size]
        return processes * cost.training_mb(
            parameters=self.plan.longest[size].n_total,
            channels=shape.width * shape.layers,
            vocabulary=shape.vocabulary_size,
            rows=batch_tokens // processes,
            device=self.plan.study.training.device,
        )

    def gpu_mb(self, size: str, batch_tokens: int) -> float:
        """Return the GPU memory of one process that trains a size, in MiB; 0 on the CPU."""
        training, shape = self.plan.study.training, self.plan.sizes[size]
        if training.device == "cpu":
            return 0.0
        count = self.plan.processes[size]
        chosen = passes(training, size, shape, batch_tokens, count)
        keepers, tokens = count if chosen.sharded else 1, chosen.micro_batch_tokens or batch_tokens
        return training_bytes(shape, tokens, keepers, training.cuda_graphs) / 2**20

    def evaluation_seconds(self, run: Run) -> float:
        """Return the seconds of a run's evaluation."""
        tokens = self.plan.study.evaluation.tokens
        flops = FORWARD * self.plan.flops_per_token(run.size) * tokens
        return self.pace.seconds(flops, self.plan.sizes[run.size].layers, tokens)

    def check_seconds(self, check: Check) -> float:
        """Return the seconds of the first steps of a model, with a look at it after each."""
        asked, shape = self.plan.study.coordinate_check, check.shape
        steps = asked.steps if asked else 0
        tokens = steps * check.batch_tokens
        flops = (1 + FORWARD) * flops_per_token_exact(shape) * tokens
        # They are taken on a core, whose pace a study on GPUs does not measure.
        pace = self.pace if self.plan.study.training.device == "cpu" else cost.ASSUMED["cpu"]
        return pace.seconds(flops, shape.layers, tokens, steps)

    def check_mb(self, check: Check) -> int:
        """Return the memory of the first steps of a model, in MiB."""
        shape = check.shape
        return cost.training_mb(
            parameters=n_total(shape),
            channels=shape.width * shape.layers,
            vocabulary=shape.vocabulary_size,
            rows=check.batch_tokens,
        )
