"""How far a long fit is: what computes reports it, and whoever waits may observe it."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

Observer = Callable[[str, int, int], None]


def _nobody(what: str, done: int, total: int) -> None:
    """Observe nothing."""


_observer: ContextVar[Observer] = ContextVar("observer", default=_nobody)


@contextlib.contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Call an observer with what is done, how much of it, and of how much, within the block."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def report(what: str, done: int, total: int) -> None:
    """Say how far something is."""
    _observer.get()(what, done, total)
