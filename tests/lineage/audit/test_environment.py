"""What an audit tells of the environments that jobs ran in."""

import hashlib

from scaletrace.formats import files
from scaletrace.jobs import ledger, libraries
from scaletrace.lineage.audit import environment
from tests.lineage import small_study
from tests.lineage.small_study import FIT, TABLE, text


def notes(content=None):
    """What is told where one job ran in an environment of this content."""
    if content is not None:
        written = files.to_json(content)
        digest = hashlib.sha256(written.encode()).hexdigest()
        text(ledger.environment_path(digest), written)
        made = {"fit": FIT}
        small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, made, environment=digest)
    scope = small_study.scope()
    environment.check(scope)
    return scope.notes


def test_an_environment_of_an_earlier_release_says_nothing_more(study):
    assert notes() == []


def test_what_runs_at_the_start_is_the_authors_claim(study):
    (note,) = notes({"startup": {"sitecustomize": "ab" * 32}})
    assert note.startswith(
        "the author's environment runs sitecustomize (sha256 abababababababab) before any code"
    )


def test_other_files_of_the_same_version_are_a_note(study):
    here = {"packages": libraries.installed(), "records": libraries.records()}
    assert notes(here) == []
    changed = here["records"] | {"numpy": "0" * 64}
    (note,) = notes(here | {"records": changed})
    said = f"numpy {here['packages']['numpy']}: the same version is of other files here"
    assert note.startswith(said)
    # Another version has other files.
    assert notes({"packages": {"numpy": "1.0"}, "records": changed}) == []
    many = dict.fromkeys(here["records"], "0" * 64)
    (note,) = notes(here | {"records": many})
    assert f" and {len(many) - 5} more: " in note


def test_what_is_no_environment_says_nothing(study):
    assert notes([]) == []
    assert notes({"startup": 3, "records": ["numpy"], "packages": {}}) == []
