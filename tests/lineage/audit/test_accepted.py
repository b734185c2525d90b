"""Notes of accepted code against the records of their samples, and against the root."""

import dataclasses
from pathlib import Path

import pytest

from scaletrace.formats.acceptance import CodeVersion, read_acceptance
from scaletrace.jobs import acceptances
from scaletrace.lineage.audit import accepted
from tests.lineage import small_study
from tests.lineage.small_study import FIT, edit, files_sha256, text

RECORD = "provenance/jobs/s/fit/fit=power.json"


@pytest.fixture
def note(study):
    """An honest note, as `scaletrace accept` writes it, that the root names."""
    path = small_study.accepted()
    small_study.write_root()
    return read_acceptance(path)


def check():
    scope = small_study.scope()
    found = [(one.file, one.field, one.found) for one in accepted.check(scope)]
    return found, scope.notes


def forged(**changes):
    """Put a note in another's place, or beside it, and record it."""
    path = small_study.accepted(**changes)
    small_study.write_root()
    return str(path)


def test_an_honest_note_has_no_findings(note):
    assert check() == ([], [])


def test_other_bytes_than_the_records_are_found(note):
    sample = [dataclasses.replace(note.sample[0], outputs={FIT: "1" * 64, "x": "2" * 64})]
    path = forged(sample=sample)
    found = [(path, f"sample: {FIT}", "1" * 64), (path, "sample: x", "2" * 64)]
    assert check() == (found, [])
    path = forged(sample=[dataclasses.replace(note.sample[0], outputs={})])
    assert check() == ([(path, f"sample: {FIT}", "no output")], [])


def test_a_sample_of_other_code_is_found(note):
    path = forged(then=CodeVersion("d" * 64))
    assert check()[0] == [(path, "then.fingerprint", "d" * 64)]


@pytest.mark.parametrize("changes", [{"id": "1" * 64}, {"record": RECORD.replace("power", "x")}])
def test_a_sample_without_records_is_told_of(note, changes):
    path = forged(sample=[dataclasses.replace(note.sample[0], **changes)])
    found, (said,) = check()
    assert found == []
    assert said.startswith(f"{path}: of the 1 jobs in its sample 1 have no such record here")


def test_the_root_fixes_the_notes(note):
    path = acceptances.path_of(note)
    edit(path, "a loop", "no loop")
    assert check() == ([(str(path), "sha256 (in the root)", files_sha256(path))], [])
    path.unlink()
    assert check() == ([(str(path), "sha256 (in the root)", "missing")], [])


def test_a_note_that_came_later_is_told_of_and_under_a_signature_refused(note):
    path = small_study.accepted(now="f" * 64)
    assert check() == (
        [],
        [f"{path}: the study's root does not name it; scaletrace record takes it up"],
    )
    text("provenance/roots/s.json.sig", "x")
    assert check() == ([(str(path), "file", "a note")], [])


def test_what_is_no_note_is_found(note):
    path = acceptances.path_of(note)
    text(path, "[")
    assert [(file, field) for file, field, _ in check()[0]] == [
        (str(path), ""),
        (str(path), "sha256 (in the root)"),
    ]
    # With no root, or none that can be read, the rest is still checked.
    Path("provenance/roots/s.json").unlink()
    assert [(file, field) for file, field, _ in check()[0]] == [(str(path), "")]
