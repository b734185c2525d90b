import heapq
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph, Takes
from scaletrace.study.plan import Plan
from scaletrace.study.remaining import Left, MeasuredWork, Underway, left_of, makespan, work

START = 3.0


def job(name, seconds, needs=(), size=None, tokens=0):
    takes = Takes(seconds, 100)
    return SimpleNamespace(name=name, needs=needs, takes=takes, tokens=tokens, size=size)


LADDER: list[Any] = [
    job("text", 10),
    job("small", START + 20, ("text",), "s", 1000),
    job("large", START + 40, ("text",), "l", 1000),
    job("measure", START + 2, ("small",), "s"),
    job("draw", 6, ("measure", "large")),
]


def seconds_of(done=(), underway=(), measured=(), start=START):
    left = left_of(LADDER, START, start, done, dict(underway), measured)
    return {one.name: one.seconds for one in left}


def test_without_measurements_all_is_as_planned():
    assert seconds_of() == {one.name: one.takes.seconds for one in LADDER}


def test_what_ran_is_subtracted_by_steps_of_trainings_and_by_the_clock_otherwise():
    running = {"text": Underway(4), "small": Underway(9, 0.25), "large": Underway(1)}
    found = seconds_of(underway=running)
    assert found["text"] == 6
    assert found["small"] == 15
    assert found["large"] == 42
    assert seconds_of(underway={"text": Underway(11)})["text"] == 0


def test_a_measured_start_counts_for_what_has_a_model():
    found = seconds_of(done=["text"], start=1.0)
    assert found == {"small": 21, "large": 41, "measure": 3, "draw": 6}


def test_text_tells_of_the_jobs_without_a_model_alone():
    found = seconds_of(done=["text"], measured=[MeasuredWork(None, 10, 5)])
    assert found == {"small": 23, "large": 43, "measure": 5, "draw": 3}


def test_a_size_goes_by_its_own_trainings_and_others_by_all():
    # 20 planned seconds as planned stand beside those that were measured.
    half = [MeasuredWork("l", 20, 40)]
    found = seconds_of(done=["text"], measured=half)
    assert found["small"] == START + 20 * (60 / 40)
    assert found["large"] == START + 40 * (40 + 20 * 1.5) / 40
    much = [MeasuredWork("l", 1e6, 2e6), MeasuredWork("s", 1e6, 1e6)]
    found = seconds_of(done=["text"], measured=much)
    assert found["large"] == pytest.approx(START + 80, rel=1e-3)
    assert found["small"] == pytest.approx(START + 20, rel=1e-3)
    assert found["measure"] == pytest.approx(START + 2, rel=1e-3)


def test_makespan_of_nothing_of_a_chain_and_of_what_fits_side_by_side():
    assert makespan([], 2) == 0
    chain = [Left("a", (), 3), Left("b", ("a",), 4), Left("c", ("b",), 5)]
    assert makespan(chain, 1) == makespan(chain, 2) == 12
    assert makespan([Left("c", ("b",), 5)], 2) == 5
    beside = [Left(name, (), 2) for name in "abcde"]
    assert (makespan(beside, 1), makespan(beside, 2), makespan(beside, 9)) == (10, 6, 2)


def test_the_longest_chain_begins_first_and_what_runs_keeps_its_core():
    jobs = [Left("a", (), 1), Left("b", (), 2), Left("c", (), 2), Left("d", ("a",), 5)]
    assert makespan(jobs, 2) == 6
    assert makespan([Left("r", (), 4, running=True), *jobs], 2) == 8
    assert makespan([Left("r", (), 4, running=True), Left("s", (), 1, running=True)], 1) == 4


def test_a_job_of_several_cores_waits_for_them():
    wide = Left("w", (), 3, cores=2)
    assert makespan([Left("r", (), 2, running=True), wide], 2) == 5
    assert makespan([wide, Left("n", (), 1)], 1) == 4


@pytest.fixture(scope="module")
def planned():
    plan = Plan(load(Path(__file__).parents[2] / "config" / "demo.yaml"))
    return list(Graph(Estimates(plan, ASSUMED["cpu"]), {}).jobs())


def execution(planned, cores, slowness):
    """Begin and end of every job where trainings take so many times what is planned."""
    takes = {
        one.name: START + work(one, START) * slowness if one.size else one.takes.seconds
        for one in planned
    }
    spans, ends, now, waiting = {}, [], 0.0, list(planned)
    while waiting or ends:
        for one in list(waiting):
            ready = all(need in spans and spans[need][1] <= now for need in one.needs)
            if ready and len(ends) < cores:
                waiting.remove(one)
                spans[one.name] = (now, now + takes[one.name])
                heapq.heappush(ends, spans[one.name][1])
        now = heapq.heappop(ends)
    return spans


def estimate(planned, spans, cores, now):
    done, underway, measured = [], {}, []
    for one in planned:
        begin, end = spans[one.name]
        if begin > now:
            continue
        trained = max(0.0, min(now, end) - begin - START)
        share = trained / (end - begin - START) if one.tokens else 0.0
        if end <= now:
            done.append(one.name)
        else:
            underway[one.name] = Underway(now - begin, share)
        if share:
            measured.append(MeasuredWork(one.size, share * work(one, START), trained))
        elif end <= now and not one.size:
            measured.append(MeasuredWork(None, one.takes.seconds, end - begin))
    return makespan(left_of(planned, START, START, done, underway, measured), cores)


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("slowness", [0.4, 0.7, 1.0, 1.5, 2.5])
def test_the_time_left_is_soon_right_at_any_constant_speed(planned, cores, slowness):
    spans = execution(planned, cores, slowness)
    whole = max(end for _, end in spans.values())
    trains = min(spans[one.name][0] for one in planned if one.tokens)
    times = [float(now) for now in range(int(whole))]
    left = [estimate(planned, spans, cores, now) for now in times]
    for now, found in zip(times, left, strict=True):
        if now >= trains + 60:
            assert abs(now + found - whole) <= 0.2 * whole
        if now >= trains + 180:
            assert abs(now + found - whole) <= 0.12 * whole
    rises = [after - before for before, after in zip(left, left[5:], strict=False)]
    if slowness <= 1:
        assert max(rises) <= 5
    else:
        assert max(rises[int(trains) + 60 :]) <= 15
