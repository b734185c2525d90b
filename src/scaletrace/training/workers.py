"""The processes that train one model together: the job's own is the first, the others follow it.

The job's process holds the lease, reads and writes the files and heeds the signals. It starts the
others, `python -m scaletrace.training.workers`, which do as it says and end when it ends, however
it ends. When one of them ends before its time, so does the job, and its last saved state stands.
"""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from pydantic import TypeAdapter

from scaletrace import python_command
from scaletrace.errors import BadInput
from scaletrace.training.parallel import ParallelTraining
from scaletrace.training.task import GO_ON, STOP, STOP_SIGNALS, Task

if TYPE_CHECKING:
    from scaletrace.training.group import Group

FAREWELL_SECONDS = 10.0


@contextlib.contextmanager
def together(task: Task, training: ParallelTraining) -> Iterator["Group | None"]:
    """Start the other processes and bring them to where `training` is; None without others.

    When the block ends they are gone. They must have been sent an order after every step.

    Raises:
        BadInput: the GPU has less memory left than the plan counts with.
    """
    try:
        with _group(task, training) as group:
            _warm_up(training)
            yield group
    except torch.OutOfMemoryError as error:
        raise BadInput(
            "training.gpu_memory: a pass of "
            f"{training.sequences * training.context} tokens did not fit into what the GPU had "
            f"left; give less, or let fewer runs share the GPU ({error})"
        ) from error


def _warm_up(training: ParallelTraining) -> None:
    if training.device.type == "cuda":
        seconds = training.warm_up()
        if training.rank == 0:
            print(f"compiled in {seconds:.1f} s", flush=True)


@contextlib.contextmanager
def _group(task: Task, training: ParallelTraining) -> Iterator["Group | None"]:
    if task.compute.processes == 1:
        yield None
        return
    from scaletrace.training.group import Group

    size = task.compute.processes
    group = Group(0, size, task.compute.device)
    ending = threading.Event()
    others = [_start(task, rank, group.port) for rank in range(1, size)]
    for rank, other in enumerate(others, 1):
        told = f"process {rank} of {size}"
        threading.Thread(target=_watch, args=(other, told, ending), daemon=True).start()
    try:
        group.meet()
        training.join(group)
        yield group
        training.leave()
        ending.set()
        group.close()
    except RuntimeError:
        # If another process is gone, whoever watches it says so and ends this one.
        time.sleep(1)
        raise
    finally:
        ending.set()
        for other in others:
            assert other.stdin is not None
            other.stdin.close()
        for other in others:
            try:
                other.wait(FAREWELL_SECONDS)
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()


def _start(task: Task, rank: int, port: int) -> "subprocess.Popen[str]":
    # Signals to all processes of the job are the first one's to heed: the others inherit that
    # they are blocked, and end with it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        other = subprocess.Popen(
            python_command.words("scaletrace.training.workers", str(rank), str(port)),
            stdin=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert other.stdin is not None
    other.stdin.write(json.dumps(dataclasses.asdict(task)) + "\n")
    other.stdin.flush()
    return other


def _watch(other: "subprocess.Popen[str]", told: str, ending: threading.Event) -> None:
    code = other.wait()
    if code and not ending.is_set():
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        print(f"{told} {how}; the job ends, and its last saved state stands", flush=True)
        # The main thread may be waiting for a GPU that waits for that process.
        os._exit(1)


def _end_with_the_first() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> None:
    """Follow the first process, which gives a `Task` as one line of JSON on standard input."""
    from scaletrace.training.group import Group

    rank, port = (int(argument) for argument in sys.argv[1:])
    task = TypeAdapter(Task).validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    training = task.open(rank)
    assert isinstance(training, ParallelTraining)
    group = Group(rank, task.compute.processes, task.compute.device, port)
    group.meet()
    training.join(group)
    _warm_up(training)
    while not training.finished:
        training.advance()
        order = group.number(GO_ON)
        if order != GO_ON:
            training.state()
        if order == STOP:
            break
    else:
        training.leave()
    group.close()


if __name__ == "__main__":
    main()
