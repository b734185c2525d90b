"""Who notices what a consistent forger does, as benchmarks/forgeries.py documents it."""

import json
from pathlib import Path

import pytest
from benchmarks import attacks, forger
from benchmarks.forgeries import FORGERIES, STUDY, TINY

from tests.workflow.conftest import ROOT, Clone

# Found without making anything again.
DAILY = ("a point moved", "code without its source", "an output whose name looks alike")


def marked():
    for forgery in FORGERIES:
        marks = [] if forgery.name in DAILY else [pytest.mark.long]
        yield pytest.param(forgery, marks=marks, id=forgery.name)


@pytest.mark.parametrize("forgery", list(marked()))
def test_it_is_noticed_as_documented(forgery, request, tmp_path):
    tiny = forgery.study == TINY
    recorded = request.getfixturevalue("recorded_once").folder if tiny else ROOT
    one = attacks.outcome(forgery, recorded, tmp_path / "clone")
    assert one.wrong == "", one.by


def test_each_has_a_name_of_its_own():
    names = [forgery.name for forgery in FORGERIES]
    assert len(set(names)) == len(names)
    assert set(DAILY) <= set(names)


@pytest.mark.long
def test_the_forgers_hand_leaves_no_trace(tmp_path, monkeypatch):
    """What is found is what was forged, then, and not how."""
    clone = Clone.at(tmp_path / "clone")
    forger.git("clone", "--quiet", "--shared", str(ROOT), str(clone.folder))
    monkeypatch.chdir(clone.folder)
    forger.rewrite(STUDY)
    assert clone.git("diff", "--stat", "HEAD~1") == ""
    path = forger.record_of(STUDY, "observe")
    forger.edit_record(path, lambda record: record["circumstances"].update(host="x"))
    forger.rewrite(STUDY)
    changed = clone.git("diff", "--name-only", "HEAD~1").split()
    # The last is the table of timings.
    assert {Path(name).parts[1] for name in changed} == {"jobs", "dvc", "roots", STUDY}
    assert json.loads(path.read_text())["circumstances"]["host"] == "x"
