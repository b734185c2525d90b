"""What analysis jobs give when they are run again, against what their records say."""

import contextlib
import dataclasses
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage.audit import recomputed
from tests.lineage import small_study
from tests.lineage.small_study import CODE, EVALUATION, FIGURE, FIT, TABLE, edit


@pytest.fixture
def again(study, monkeypatch):
    """A function that checks the study where its jobs give other outputs, here or elsewhere."""

    def check(given=None, same=True, **asked_otherwise):
        made = {path: Path(path).read_bytes() for path in (TABLE, FIT, FIGURE)} | (given or {})

        @contextlib.contextmanager
        def repeated(path, record):
            folder = study / "scratch"
            folder.mkdir(exist_ok=True)
            files = {}
            for output in record.identity.outputs:
                if made[output.path] is None:
                    raise BadInput("too few runs")
                files[output.name] = folder / Path(output.path).name
                files[output.name].write_bytes(made[output.path])
            yield files

        monkeypatch.setattr(recomputed, "repeated", repeated)
        monkeypatch.setattr(recomputed, "on_same_machine", lambda record: (same, ""))
        scope = small_study.scope()
        asked = {}
        for job in scope.jobs:
            one = AskedJob(job.rule, CODE.fingerprint, {}, {}, {}, job.identity.settings, job.path)
            asked[job.path] = dataclasses.replace(one, **asked_otherwise)
        found = [(f.file, f.field, f.expected, f.found) for f in recomputed.check(scope, asked)]
        return found, scope.notes

    return check


def with_loss(path, loss):
    return Path(path).read_bytes().replace(b"2.5", loss)


def test_what_comes_out_again_is_counted(again):
    note = "made again from what they rest on: 1 of fits, 1 of table, 1 of figures"
    found, notes = again()
    assert found == []
    assert sorted(notes[0].split(": ")[1].split(", ")) == sorted(note.split(": ")[1].split(", "))


def test_a_number_that_does_not_follow_is_named(again):
    given = Path(FIT).read_bytes().replace(b'"E": 2.0', b'"E": 3.0')
    assert again({FIT: given})[0] == [(FIT, "made again: .params.E", "3.0", "2.0")]
    ((file, field, expected, found),) = again({TABLE: with_loss(TABLE, b"2.75")})[0]
    assert (file, expected, found) == (TABLE, "2.75", "2.5")
    assert field.startswith("made again: [1][")


def test_other_bytes_of_the_same_values_are_named_here_and_pass_elsewhere(again):
    given = {FIT: Path(FIT).read_bytes() + b"\n"}
    ((file, field, *_),) = again(given)[0]
    assert (file, field) == (FIT, "made again")
    assert again(given, same=False)[0] == []


@pytest.mark.parametrize(("loss", "within"), [(b"2.5000001", True), (b"2.51", False)])
def test_numbers_of_another_machine_are_compared_within_a_tolerance(again, loss, within):
    assert again({TABLE: with_loss(TABLE, loss)})[0] != []
    assert (again({TABLE: with_loss(TABLE, loss)}, same=False)[0] == []) == within


def test_code_that_is_not_here_is_noted_and_not_run(again):
    found, notes = again({FIT: None}, fingerprint="f" * 64)
    assert found == []
    assert notes == [
        "3 jobs were made by code that is not here, and are not made again (figures loss_vs_params)"
    ]


def test_what_cannot_be_made_again_is_a_finding(again):
    ((file, field, _, found),) = again({FIT: None})[0]
    assert (file, field, found) == (
        "provenance/jobs/s/fit/fit=power.json",
        "made again",
        "too few runs",
    )


def test_what_other_checks_find_is_not_run(again):
    assert again({FIT: None}, settings={"other": 1}) == ([], [])
    edit(TABLE, "2.5", "2.4")
    edit(EVALUATION, "2.5", "2.4")
    assert again({FIT: None, TABLE: None, FIGURE: None}) == ([], [])
