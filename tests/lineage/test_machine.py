"""Is this the kind of machine that a record tells of?"""

import pytest

from scaletrace.jobs import libraries, surroundings
from scaletrace.lineage.machine import on_same_machine
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, TABLE, TEXT

HERE = {"cpu": "9000", "cpu_features": "avx", "gpu": None, "variables": {}}


@pytest.fixture(autouse=True)
def _here(study, monkeypatch):
    monkeypatch.setattr(surroundings, "machine", lambda: HERE)
    monkeypatch.setattr(libraries, "installed", lambda: {"torch": "2.13", "scipy": "1.17"})


def evaluated(**circumstances):
    made = {"result": EVALUATION}
    small_study.job(
        "evaluate", {"run": "a"}, {"tokens": TEXT}, made, {"rate": 0.1}, **circumstances
    )
    return small_study.record("evaluate", {"run": "a"}).record


def test_the_same_machine():
    assert on_same_machine(evaluated()) == (True, "9000, torch 2.13")
    assert on_same_machine(evaluated(variables={})) == (True, "9000, torch 2.13")


def test_another_processor_is_told():
    assert on_same_machine(evaluated(cpu="8000")) == (False, "cpu then 8000, here 9000")


def test_a_variable_that_chooses_kernels_is_part_of_the_machine():
    other = evaluated(variables={"ATEN_CPU_CAPABILITY": "default"})
    said = "variables then {'ATEN_CPU_CAPABILITY': 'default'}, here {}"
    assert on_same_machine(other) == (False, said)


def test_an_environment_that_cannot_be_read_is_another():
    assert on_same_machine(evaluated(environment="f" * 64))[0] is False


def test_a_figure_or_fit_rests_on_other_libraries_than_training():
    small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})
    fit = small_study.record("fit", {"fit": "power"}).record
    assert on_same_machine(fit) == (False, "scipy then None, here 1.17")
