import os
import signal

import pytest

from scaletrace.jobs import stopping
from scaletrace.training.task import STOP_SIGNALS


def handlers():
    return [signal.getsignal(number) for number in stopping.SIGNALS]


@pytest.fixture(autouse=True)
def restored():
    before = handlers()
    yield
    for number, handler in zip(stopping.SIGNALS, before, strict=True):
        signal.signal(number, handler)


def ended(job):
    """The code with which a job ends."""
    with pytest.raises(SystemExit) as told, stopping.heeded():
        job()
    return told.value.code


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_the_first_signal_ends_the_job_and_the_next_do_nothing(number):
    said = []

    def job():
        try:
            os.kill(os.getpid(), number)
        finally:
            for each in stopping.SIGNALS:
                os.kill(os.getpid(), each)
            said.append("why")

    assert ended(job) == 128 + number
    os.kill(os.getpid(), number)
    assert said == ["why"]


def test_what_training_heard_itself_is_the_first():
    said = []

    def job():
        try:
            with stopping.final():
                raise SystemExit(143)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            said.append("why")

    assert ended(job) == 143
    assert said == ["why"]


def test_a_job_that_was_not_told_to_stop_leaves_the_signals_as_they_were():
    before = handlers()
    with stopping.heeded():
        assert handlers() != before
    assert handlers() == before
    with pytest.raises(OSError, match="full"), stopping.heeded():
        raise OSError("full")
    assert handlers() == before


def test_they_are_the_signals_that_training_hears():
    assert stopping.SIGNALS == STOP_SIGNALS
