"""The package's sources in a commit or a folder, and what of them counted for a job."""

import pytest

from scaletrace.lineage import code_at
from scaletrace.lineage.snapshot import Snapshot
from tests.lineage.small_study import commit, edit, text

STAGE = "from scaletrace import tools\n\n\ndef run():\n    return tools.used()\n"
TOOLS = "def used():\n    return 1\n\n\ndef unused():\n    return 2\n"
KIND = "scaletrace.laws.power"


@pytest.fixture
def committed(folder):
    """The commit of a small package, one of whose functions was edited since."""
    for name in ("", "stages/", "laws/"):
        text(f"src/scaletrace/{name}__init__.py", "")
    text("src/scaletrace/stages/one.py", STAGE)
    text("src/scaletrace/tools.py", TOOLS)
    text("src/scaletrace/laws/power.py", "def used():\n    return 3\n")
    first = commit()
    edit("src/scaletrace/tools.py", "return 1", "return 11")
    return first


def test_what_counted_is_that_of_the_commit(committed):
    then, now = code_at.of_commit(committed), code_at.of_snapshot(Snapshot("."))
    assert then is not None
    before, after = (code_at.counted(one, "one", {}) for one in (then, now))
    assert before is not None
    assert after is not None
    assert before.keys() == after.keys() == {"scaletrace.stages.one", "scaletrace.tools"}
    assert set(before["scaletrace.tools"].parts) == {"used"}
    assert before["scaletrace.stages.one"].hash == after["scaletrace.stages.one"].hash
    assert before["scaletrace.tools"].hash != after["scaletrace.tools"].hash


def test_the_recorded_modules_say_what_was_loaded_by_name(committed):
    sources = code_at.of_snapshot(Snapshot("."))
    counted = code_at.counted(sources, "one", {KIND: "0" * 64, "scaletrace.gone": "0" * 64})
    assert counted is not None
    assert KIND in counted
    assert code_at.loaded(sources, "one", {KIND: "", "scaletrace.gone": ""}) == {
        *("scaletrace", "scaletrace.laws", "scaletrace.stages"),
        *(KIND, "scaletrace.stages.one", "scaletrace.tools", "scaletrace.gone"),
    }


@pytest.mark.parametrize("spoilt", ["def run(:\n", "\0", "(" * 500])
def test_what_is_no_python_has_no_code(committed, spoilt):
    text("src/scaletrace/tools.py", spoilt)
    sources = code_at.of_snapshot(Snapshot("."))
    assert code_at.counted(sources, "one", {}) is None
    assert code_at.loaded(sources, "one", {KIND: ""}) == {KIND}


def test_a_stage_that_is_not_there_has_no_code(committed):
    sources = code_at.of_commit(committed)
    assert sources is not None
    assert code_at.counted(sources, "other", {}) is None


@pytest.mark.parametrize("name", ["0" * 40, "--help", "a\0b"])
def test_a_commit_that_is_not_here(committed, name):
    assert code_at.of_commit(name) is None
