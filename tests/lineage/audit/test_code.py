"""The code that records name, against that of the commits that they name."""

import pytest

from scaletrace.formats.record import Code
from scaletrace.jobs import fingerprint, meaning, reachable
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.sources import Sources
from scaletrace.lineage.audit import code
from tests.lineage import small_study
from tests.lineage.small_study import commit, text

ERRORS = '"""Errors."""\n\n\nclass BadInput(Exception):\n    """Bad."""\n'
STAGE = "from scaletrace.errors import BadInput\n\n\ndef run():\n    raise BadInput\n"
PLACES = {"errors.py": ERRORS, "stages/one.py": STAGE, "__init__.py": "", "stages/__init__.py": ""}


@pytest.fixture
def committed(folder):
    """The commit of a small package."""
    for name, content in PLACES.items():
        text(f"src/scaletrace/{name}", content)
    return commit()


def first(**changes):
    """All that the stage loads, as the first scheme has it, with some hashes changed."""
    loaded = {"scaletrace": "__init__.py", "scaletrace.errors": "errors.py"}
    loaded |= {"scaletrace.stages": "stages/__init__.py", "scaletrace.stages.one": "stages/one.py"}
    modules = {name: meaning.module_meaning(PLACES[place]) for name, place in loaded.items()}
    modules = {name: digest for name, digest in (modules | changes).items() if digest}
    return Code(fingerprint.combined(modules), modules)


def second(**changes):
    """What counts for the stage, by today's scheme, with some hashes changed."""
    counted = reachable.counted(Sources(PLACES.get), "one", ())
    modules = {name: found.hash for name, found in counted.items()} | changes
    return Code(fingerprint.combined(modules), modules, 2)


def scope_after(recorded, git, installed):
    """Findings of an audit by code of some fingerprint, and what else it says."""
    text("raw.txt", "x")
    small_study.job("one", {}, {"files": "raw.txt"}, {}, code=recorded, git=git)
    scope = small_study.scope()
    (path,) = (job.path for job in scope.jobs)
    asked = {path: AskedJob("one", installed, {}, {}, {}, {}, path)}
    return [(one.file, one.field, one.found) for one in code.check(scope, asked)], scope


def check(recorded, git):
    found, scope = scope_after(recorded, git, recorded.fingerprint)
    assert scope.unverified == []
    return found, scope.notes


def sound(scheme):
    return first() if scheme == 1 else second()


@pytest.mark.parametrize("scheme", [1, 2])
def test_code_that_stands_in_its_commit(committed, scheme):
    assert check(sound(scheme), {"commit": committed, "changed": []}) == ([], [])


def test_code_of_another_meaning_is_found(committed):
    git = {"commit": committed, "changed": []}
    meant, place = meaning.module_meaning(ERRORS), f"{committed[:12]}:src/scaletrace/errors.py"
    field = "code.modules.scaletrace.errors"
    assert check(first(**{"scaletrace.errors": "0" * 64}), git)[0] == [(place, field, meant)]
    right = second().modules["scaletrace.errors"]
    assert check(second(**{"scaletrace.errors": "0" * 64}), git)[0] == [(place, field, right)]


def test_modules_that_are_not_there_are_found(committed):
    git = {"commit": committed, "changed": []}
    place, field = f"{committed[:12]}:src/scaletrace/other.py", "code.modules.scaletrace.other"
    other = {"scaletrace.other": "0" * 64}
    assert check(first(**other), git)[0] == [(place, field, "no such module")]
    assert check(second(**other), git)[0] == [(place, field, "nothing that counts")]


@pytest.mark.parametrize("scheme", [1, 2])
@pytest.mark.parametrize("git", [None, {"commit": "HEAD"}, {"commit": "1" * 40}])
def test_a_commit_that_is_not_here_is_a_note(committed, scheme, git):
    found, notes = check(sound(scheme), git)
    assert found == []
    assert notes == [
        "1 jobs name no commit of this repository: of their code only the fingerprint is known "
        "(one)"
    ]


@pytest.mark.parametrize("scheme", [1, 2])
def test_changes_that_no_commit_shows_are_a_note(committed, scheme):
    git = {"commit": committed, "changed": [" M src/scaletrace/errors.py"]}
    found, notes = check(sound(scheme), git)
    assert found == []
    assert notes[0].startswith("1 jobs ran with uncommitted changes, which no commit shows")
    # What is no code of the job is no such change.
    assert check(sound(scheme), {**git, "changed": [" M src/scaletrace/cli.py"]}) == ([], [])


def test_code_that_the_first_scheme_names_in_part_is_found(committed):
    git = {"commit": committed, "changed": []}
    found, _ = check(first(**{"scaletrace.errors": None}), git)
    assert found == [("provenance/jobs/s/one/one.json", "code.modules", "not named")]


@pytest.mark.parametrize("git", [None, {"changed": [" M src/scaletrace/errors.py"]}])
def test_code_that_is_neither_in_a_commit_nor_here_is_not_verified(committed, git):
    git = git and {"commit": committed, **git}
    found, scope = scope_after(sound(2), git, "0" * 64)
    assert (found, scope.notes) == ([], [])
    (unknown,) = scope.unverified
    assert "1 jobs " in unknown
    assert "of their code only the fingerprint is known (one)" in unknown


def test_names_that_are_none_of_modules_are_found(committed):
    found, _ = check(first(**{"../x": "0" * 64}), {"commit": committed, "changed": []})
    assert found == [("provenance/jobs/s/one/one.json", "code.modules", "../x")]


@pytest.mark.parametrize("line", ["?? src/", " M src/scaletrace/errors.py", '?? "src/scaletrace/"'])
def test_a_line_of_gits_status_is_about_a_file_or_a_folder_around_it(line):
    assert code._touches(line, "src/scaletrace/errors.py")
    assert not code._touches(line, "rules/errors.py")
