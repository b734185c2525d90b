"""Whose word reused results rest on."""

from scaletrace.lineage.audit import reused
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, TABLE, TEXT

CLAIM = {"by": "ann@node", "study": "t", "when": 5.0}


def notes():
    scope = small_study.scope()
    reused.check(scope)
    return scope.notes


def test_what_was_computed_here_is_nobodys_claim(study):
    assert notes() == []


def test_a_measurement_of_another_study_is_a_claim_and_a_fit_is_not(study):
    made, settings = {"result": EVALUATION}, {"rate": 0.1}
    small_study.job("evaluate", {"run": "a"}, {"tokens": TEXT}, made, settings, reused=CLAIM)
    small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT}, reused=CLAIM)
    assert notes() == [
        "reused, as claimed by ann@node in study t, and not computed for this study: 1 evaluate"
    ]
