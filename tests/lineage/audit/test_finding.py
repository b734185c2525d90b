"""What an audit finds, and what rests on it."""

from scaletrace.lineage.audit import finding
from scaletrace.lineage.audit.finding import Finding, in_few_words, in_words
from tests.lineage import small_study
from tests.lineage.small_study import TABLE


def test_a_finding_names_what_rests_on_its_file(study):
    scope = small_study.scope()
    assert scope.finding(TABLE, "sha256", 1, None) == Finding(
        TABLE, "sha256", "1", "None", ("figures loss_vs_params", "fit power")
    )
    # On a record rests what rests on its outputs.
    assert scope.affected("provenance/jobs/s/observe/observe.json") == scope.affected(TABLE)
    assert scope.affected("config/s.yaml") == ()


def test_after_many_findings_none_is_named(study, monkeypatch):
    monkeypatch.setattr(finding, "MOST_NAMED", 1)
    scope = small_study.scope()
    assert scope.affected(TABLE)
    assert scope.affected(TABLE) == ()


def test_many_names_are_counted_by_rule():
    assert in_few_words(("fit a", "fit b")) == "fit a, fit b"
    assert in_few_words(("fit a", "fit b", "fit c", "figures x", "observe")) == (
        "3 fit, 1 figures, 1 observe"
    )


def test_a_number_without_end_is_told_in_words():
    assert in_words({"a": 1}) == "{'a': 1}"
    assert in_words("x" * 100) == "x" * 80
    assert in_words(10**5000) == "a number of thousands of digits"
