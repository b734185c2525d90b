"""A record that is killed or finds its disk full: as before or as after, and nothing is lost."""

import os
import random

import pytest
from benchmarks import record_faults as faults

KILLS, REPLACEMENTS, FILLINGS = 30, 5, 30


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    clone = tmp_path_factory.mktemp("faults") / "prepared"
    faults.build(clone)
    return clone


@pytest.fixture(scope="module")
def before(prepared):
    return faults.state(prepared)


@pytest.fixture(scope="module")
def after(prepared, tmp_path_factory):
    clone = tmp_path_factory.mktemp("after") / "clone"
    faults.shutil.copytree(prepared, clone, symlinks=True)
    assert faults.record(clone)[0] == 0
    return faults.state(clone)


def rare(numbers, every):
    """Numbers of which each nth is for every day, and the rest for long ones."""
    return [pytest.param(n, marks=[pytest.mark.long] if n % every else []) for n in numbers]


def test_the_study_beside_is_not_touched(before, after):
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert "provenance/dvc/synthetic/dvc.lock" in changed
    assert not [name for name in changed if faults.BESIDE in name]


@pytest.mark.parametrize("number", rare(range(KILLS), every=KILLS))
def test_killed_at_a_random_moment(prepared, tmp_path, before, after, number):
    faults.killed(prepared, tmp_path / "clone", random.Random(number).uniform(0, 6))
    assert faults.problems(tmp_path / "clone", before, after) == []


@pytest.mark.parametrize("number", rare(range(1, REPLACEMENTS + 1), every=REPLACEMENTS))
def test_killed_between_two_replacements(prepared, tmp_path, after, number):
    faults.killed_at(prepared, tmp_path / "clone", number)
    assert faults.record(tmp_path / "clone")[0] == 0
    assert faults.state(tmp_path / "clone") == after


@pytest.mark.skipif(os.getuid() != 0, reason="a small disk needs root")
@pytest.mark.parametrize("number", rare(range(1, FILLINGS + 1), every=FILLINGS))
def test_a_full_disk(prepared, tmp_path, before, after, number):
    with faults.disk(prepared, tmp_path / "disk") as clone:
        assert faults.full_disk(clone, number * faults.STEP, before) == []
        assert faults.record(clone)[0] == 0
        assert faults.state(clone) == after
