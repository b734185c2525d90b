"""A job that is told to stop says so, however often it is told.

A cluster tells every process of a job, and some of them tell it once more: SLURM and its srun both
do. What comes after the first must not cut off the note of why the job ended.
"""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any

# Those that training hears; said again, for jobs that train nothing are not to load torch.
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Let the first stop signal raise SystemExit with 128 + its number, and the next do nothing.

    After a SystemExit they go on doing nothing: what is left of the process is its end.
    """
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        yield
    except SystemExit:
        raise
    except BaseException:
        _restore(before)
        raise
    _restore(before)


@contextlib.contextmanager
def final() -> Iterator[None]:
    """Count a SystemExit from within as the first signal: training hears its signals itself."""
    try:
        yield
    except SystemExit:
        _ignore()
        raise


def _stop(number: int, _frame: Any) -> None:
    _ignore()
    raise SystemExit(128 + number)


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _ignore() -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
