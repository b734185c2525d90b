"""Why two states of a study differ: the first jobs that do."""

import os
from pathlib import Path

import pytest

from scaletrace.formats.record import Code
from scaletrace.jobs import fingerprint, ledger
from scaletrace.lineage.diff.causes import Cause, causes
from scaletrace.lineage.diff.side import Side
from scaletrace.lineage.snapshot import Snapshot
from tests.lineage import small_study
from tests.lineage.small_study import DIGEST, EVALUATION, FIT, RAW, TABLE, edit, text

EVALUATE = Path("provenance/jobs/s/evaluate/run=a.json")
FITTED = Path("provenance/jobs/s/fit/fit=power.json")
READ = {"tokens": small_study.TEXT}


@pytest.fixture
def sides(folder):
    """A function that writes the study twice, changes the second, and returns the causes."""

    def compare(start, change=None, **now):
        for name, options in (("then", {}), ("now", now)):
            Path(name).mkdir()
            os.chdir(name)
            small_study.write(**options)
            if change and name == "now":
                change()
            os.chdir("..")
        return causes(Side(Snapshot("then"), "s"), Side(Snapshot("now"), "s"), start)

    return compare


def test_a_parameter_is_the_first_cause_of_all_that_rests_on_it(sides):
    cause = Cause("parameter", "evaluate a", "evaluate", "settings.rate", 0.1, 0.2)
    assert sides(FITTED, loss=2.4, rate=0.2).first == (cause,)


def test_other_hardware_is_a_cause_where_nothing_else_differs(sides):
    cause = Cause("hardware", "evaluate a", "evaluate", "cpu_features", "avx", "avx512")
    assert sides(EVALUATE, loss=2.4, features="avx512").first == (cause,)


def test_where_nothing_differs_the_cause_is_unknown(sides):
    (cause,) = sides(EVALUATE, loss=2.4).first
    assert (cause.kind, cause.job) == ("unknown", "evaluate a")


def test_another_environment_is_a_cause(sides):
    def change():
        other = small_study.ENVIRONMENT.replace("2.13", "2.14")
        digest = small_study.hashlib.sha256(other.encode()).hexdigest()
        text(ledger.environment_path(digest), other)
        made, told = {"result": EVALUATION}, {"rate": 0.1}
        small_study.job("evaluate", {"run": "a"}, READ, made, told, environment=digest)

    cause = Cause(
        "environment", "evaluate a", "evaluate", "environment.packages.torch", "2.13", "2.14"
    )
    assert sides(EVALUATE, change, loss=2.4).first == (cause,)


def test_an_environment_that_is_not_here_is_told_by_its_hash(sides):
    def change():
        made, told = {"result": EVALUATION}, {"rate": 0.1}
        small_study.job("evaluate", {"run": "a"}, READ, made, told, environment="e" * 64)

    assert sides(EVALUATE, change, loss=2.4).first == (
        Cause("environment", "evaluate a", "evaluate", "environment", "nothing", "e" * 64),
        Cause(
            "environment", "evaluate a", "evaluate", "environment.packages.torch", "2.13", "nothing"
        ),
    )
    assert DIGEST != "e" * 64


def test_raw_text_is_a_cause(sides):
    def change():
        text(RAW, "three\n")
        made, told = {"train": small_study.TEXT}, {"packages": {"networkx": "3.5"}}
        small_study.job("corpus", {}, {"files": RAW}, made, told)

    found = sides(Path("provenance/jobs/s/corpus/corpus.json"), change).first
    # A package whose text is another is one as well.
    assert [(one.kind, one.what) for one in found] == [
        ("data", "settings.packages.networkx"),
        ("data", RAW),
    ]


def test_code_is_a_cause_with_the_functions_that_changed(sides):
    def change():
        modules = {"scaletrace.errors": "1" * 64}
        code = Code(fingerprint.combined(modules), modules)
        made, told = {"result": EVALUATION}, {"rate": 0.1}
        small_study.job("evaluate", {"run": "a"}, READ, made, told, code)

    (cause,) = sides(EVALUATE, change, loss=2.4).first
    assert (cause.kind, cause.then, cause.now) == ("code", "0" * 64, "1" * 64)
    assert cause.what == "scaletrace.errors: changed; its text in then is not here"


def test_code_of_two_schemes_cannot_be_compared(sides):
    def change():
        code = Code("1" * 64, {}, 2)
        made, told = {"result": EVALUATION}, {"rate": 0.1}
        small_study.job("evaluate", {"run": "a"}, READ, made, told, code)

    (cause,) = sides(EVALUATE, change, loss=2.4).first
    assert cause.what == "fingerprints of scheme 1 and 2: what changed is not known"


def test_what_changed_on_the_way_is_a_later_cause(sides):
    def change():
        edit(FIT, "2.5", "2.75")
        settings = {"resamples": 9}
        small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT}, settings)

    found = sides(FITTED, change, loss=2.4, rate=0.2)
    assert [one.what for one in found.first] == ["settings.rate"]
    assert "settings.resamples" in [one.what for one in found.later]


def test_a_job_that_one_side_alone_has(sides):
    found = sides(EVALUATE, lambda: EVALUATE.unlink())
    assert found.first == (
        Cause("parameter", "evaluate a", "evaluate", "the job itself", "made", "nothing"),
    )
