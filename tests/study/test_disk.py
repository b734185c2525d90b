"""What a study takes on disk, against what studies took."""

from pathlib import Path

import pytest

from scaletrace.study import disk
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files(study, **keep):
    read = load(ROOT / f"config/{study}.yaml")
    changed = read.model_copy(update={"keep": read.keep.model_copy(update=keep)})
    plan = Plan(changed)
    graph = Graph(Estimates(plan, ASSUMED["cpu"]), plan.study.corpus.package_versions({}))
    return {one.kind: one for one in disk.files_by_kind(graph)}


@pytest.mark.parametrize(
    ("study", "states", "models", "small"),
    # Bytes that lay on disk when these had run.
    [("tiny", 2_168_612, 1_447_864, 1_501_000), ("example", 111_121_064, 61_357_536, 7_483_948)],
)
def test_estimates_are_what_was_measured(study, states, models, small, folder):
    by_kind = files(study)
    assert by_kind["states"].bytes == pytest.approx(states, rel=0.01)
    assert by_kind["models"].bytes == pytest.approx(models, rel=0.01)
    assert by_kind["small"].bytes == pytest.approx(small, rel=0.4)
    assert by_kind["states"].bytes_here == 0


def test_what_goes_after_use_is_not_kept(folder):
    every = files("tiny")
    dropped = files("tiny", states="while_needed")
    assert dropped["states"].stays == "while_needed"
    gone = disk.kept([*every.values()]) - disk.kept([*dropped.values()])
    assert gone == every["states"].bytes > 0
