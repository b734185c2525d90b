"""One segment of training on disk: begin or resume, save as it goes, stop when told to."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.formats.checkpoints import (
    DamagedCheckpointError,
    Generations,
    Tensors,
    read_checkpoint,
)
from scaletrace.formats.curve import CurvePoint, write_curve
from scaletrace.formats.progress_line import ProgressLine
from scaletrace.formats.tokens import open_tokens, window_count
from scaletrace.training.batches import unique_tokens
from scaletrace.training.loop import CurveRow
from scaletrace.training.recipe import Compute, TrainingSettings
from scaletrace.training.task import GO_ON, SAVE, STOP, STOP_SIGNALS, Task

REPORT_SECONDS = 2.0


class Segment:
    """A training between two steps, with its resumable state in the folder `work`."""

    def __init__(
        self, tokens: Path, header: Path, state: Path | None, settings: TrainingSettings, work: Path
    ):
        self.shape = settings.model
        self.recipe = settings.recipe()
        self.compute = settings.compute
        self.save_seconds = settings.save_seconds
        self.generations = Generations(work)
        self.processes: list[dict[str, Any]] = []
        ids, _ = open_tokens(tokens, header, self.shape.vocabulary_size)
        self._check_batch(tokens, len(ids))
        self.unique_tokens = unique_tokens(
            len(ids), self.recipe.to_step, self._sequences(), self.shape.context
        )
        self.task = Task(
            tokens=str(tokens),
            header=str(header),
            shape=self.shape,
            recipe=self.recipe,
            compute=self.compute,
            threads=settings.threads,
        )
        self.training = self.task.open()
        if not self._resume():
            self._begin(state)

    @property
    def status(self) -> Literal["ok", "diverged"]:
        """`ok`, or `diverged` when a loss, or too many gradients in a row, were not finite."""
        return "diverged" if self.training.diverged else "ok"

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint says of itself."""
        return {
            "model": asdict(self.shape),
            "compute": asdict(self.compute),
            "status": self.status,
            "step": self.training.step,
        }

    def train(self) -> dict[str, Any]:
        """Train to the end of the segment and return this execution's measurements.

        Among them `processes`: every process whose steps are in the result, oldest first.

        Raises:
            SystemExit: a stop signal came; the state has been saved.
            BadInput: the state cannot be saved.
        """
        training, first = self.training, self.training.step
        self.processes.append(_this_process() | {"from_step": first, "to_step": first})
        with _stop_requests() as requests, self._others() as group:
            saved = reported = began = time.perf_counter()
            while not training.finished:
                training.advance()
                now = time.perf_counter()
                due = now - saved >= self.save_seconds
                order = STOP if requests else SAVE if due else GO_ON
                if group:
                    group.number(order)
                if order != GO_ON:
                    self._save()
                    saved = time.perf_counter()
                if order == STOP:
                    print(f"stopped by signal {requests[0]} after step {training.step}", flush=True)
                    raise SystemExit(128 + requests[0])
                if now - reported >= REPORT_SECONDS or training.finished:
                    self._report(training.step - first, now - began)
                    reported = now
        self.processes[-1]["to_step"] = training.step
        seconds = time.perf_counter() - began
        tokens = (training.step - first) * self.recipe.batch_tokens
        per_second = tokens / seconds if tokens else None
        return {
            "seconds": seconds,
            "tokens": tokens,
            "tokens_per_s": per_second,
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "processes": self.processes,
            **self._gpu_memory(),
            **({"skipped_steps": training.spikes.skipped} if training.spikes else {}),
        }

    def _others(self) -> AbstractContextManager[Any]:
        """Return what holds the other processes of this training; of nothing if it is alone."""
        if self.task.alone:
            return nullcontext()
        # By name, so that an edit there retrains nothing that one core trains.
        return kinds.load("training", "workers").together(self.task, self.training)

    def write_curve(self, path: Path) -> None:
        """Write the loss curve of the segment."""
        batch = self.recipe.batch_tokens
        write_curve(
            path,
            (
                CurvePoint(row.step, row.step * batch, row.loss, row.learning_rate, row.skipped)
                for row in self.training.rows
            ),
        )

    def _gpu_memory(self) -> dict[str, float]:
        """Return the most of a GPU's memory that this process has held, MiB; none on the CPU."""
        if self.compute.device == "cpu":
            return {}
        return {"peak_gpu_memory_mb": kinds.load("training", self.compute.device).memory_mb()}

    def _sequences(self) -> int:
        return self.recipe.batch_tokens // self.shape.context

    def _check_batch(self, path: Path, tokens: int) -> None:
        batch_tokens, context = self.recipe.batch_tokens, self.shape.context
        if batch_tokens < context or batch_tokens % context:
            raise BadInput(
                f"training.batch_tokens: {batch_tokens}; allowed are multiples of the context, "
                f"{context}"
            )
        available = window_count(tokens, context)
        if available < self._sequences():
            raise BadInput(
                f"{path}: {tokens} tokens give {available} windows of {context}; one batch of "
                f"{batch_tokens} tokens takes {self._sequences()}"
            )
        if self._sequences() % self.compute.processes:
            raise BadInput(
                f"training.batch_tokens: {batch_tokens}; {self.compute.processes} processes share "
                f"a batch equally: multiples of {self.compute.processes * context} are allowed"
            )

    def _begin(self, state: Path | None) -> None:
        training, recipe = self.training, self.recipe
        if state is None:
            if recipe.from_step:
                raise BadInput(f"from_step: {recipe.from_step}; without a state it must be 0")
            return
        try:
            tensors, facts = read_checkpoint(state)
        except DamagedCheckpointError as error:
            raise BadInput(str(error)) from error
        self._check_state(facts, str(state))
        training.diverged = facts["status"] == "diverged"
        if not training.diverged and facts["step"] != recipe.from_step:
            raise BadInput(
                f"{state}: a state after step {facts['step']}; this segment begins at "
                f"{recipe.from_step}"
            )
        self._put_state(tensors, facts["step"], str(state))

    def _resume(self) -> bool:
        saved = self.generations.newest()
        if not saved:
            return False
        tensors, facts = saved
        where = f"the state saved in {self.generations.older.parent}"
        self._check_state(facts, where)
        self._put_state(tensors, facts["step"], where)
        rows = [CurveRow(**row) for row in facts["rows"]]
        self.training.put_curve_state(rows, facts["row_loss"], facts["row_steps"])
        self.training.diverged = facts["status"] == "diverged"
        self.processes = facts["processes"]
        print(f"resuming after step {facts['step']} of {self.recipe.to_step}", flush=True)
        return True

    def _check_state(self, facts: dict[str, Any], where: str) -> None:
        trained, computed = facts["model"], facts.get("compute", asdict(Compute()))
        if trained != asdict(self.shape):
            raise BadInput(f"{where}: weights of {trained}; this run trains {asdict(self.shape)}")
        if computed != asdict(self.compute):
            raise BadInput(
                f"{where}: its steps were computed with {computed}; this run computes with "
                f"{asdict(self.compute)}, which gives other bits: train it from its beginning"
            )

    def _put_state(self, tensors: Tensors, step: int, where: str) -> None:
        try:
            self.training.put_state(tensors, step)
        except ValueError as error:
            raise BadInput(f"{where}: {error}; train it from its beginning") from error

    def _save(self) -> None:
        training = self.training
        self.processes[-1]["to_step"] = training.step
        row_loss, row_steps = training.curve_state()
        curve = {
            "rows": [asdict(row) for row in training.rows],
            "row_loss": row_loss,
            "row_steps": row_steps,
        }
        facts = self.facts() | curve | {"processes": self.processes}
        self.generations.save(training.state(), facts)

    def _report(self, steps: int, seconds: float) -> None:
        training, rate = self.training, steps / seconds
        line = ProgressLine(
            step=training.step,
            last_step=self.recipe.to_step,
            loss=training.rows[-1].loss if training.rows else None,
            tokens_per_s=rate * self.recipe.batch_tokens,
            seconds_left=(self.recipe.to_step - training.step) / rate,
        )
        print(line, flush=True)


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
    }


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    requests: list[int] = []
    before = {
        number: signal.signal(number, lambda received, _: requests.append(received))
        for number in STOP_SIGNALS
    }
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
