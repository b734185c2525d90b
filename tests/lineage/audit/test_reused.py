"""Whose word reused results rest on."""

from scaletrace.formats.history import Used, write_event
from scaletrace.jobs import history
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
    line = "reused, as claimed by ann@node in study t, and not computed for this study: 1 evaluate"
    assert notes() == [f"{line}; what else was tried there is not known here"]
    # Its history says what was.
    write_event(history.folder_of("t"), Used(None, 1.0))
    assert notes() == [line]


def test_another_clone_of_the_study_and_no_name_bring_no_history(study):
    write_event(history.folder_of("s"), Used(None, 1.0))
    for name in ("s", "../jobs", None):
        claim = CLAIM | {"study": name}
        made, settings = {"result": EVALUATION}, {"rate": 0.1}
        small_study.job("evaluate", {"run": "a"}, {"tokens": TEXT}, made, settings, reused=claim)
        assert notes()[0].endswith("not known here")
