"""The numbers that moved between two states of a study, by the files that hold them."""

import os
from pathlib import Path

import pytest

from scaletrace.lineage.diff.side import Side
from scaletrace.lineage.diff.values import moves
from scaletrace.lineage.snapshot import Snapshot
from tests.lineage import small_study
from tests.lineage.small_study import FIT, TABLE, edit, text

CURVE = "step,tokens,loss,learning_rate\n1,10,5.0,0.1\n2,20,{},0.1\n"


@pytest.fixture
def moved(folder):
    """A function that writes the study twice, changes each, and returns what moved by kind."""

    def compare(then=lambda: None, now=lambda: None, loss=2.5):
        for name, change, ended in (("then", then, 2.5), ("now", now, loss)):
            Path(name).mkdir()
            os.chdir(name)
            small_study.write(loss=ended)
            change()
            os.chdir("..")
        sides = (Side(Snapshot(name), "s") for name in ("then", "now"))
        return {(one.kind, one.name): one.values for one in moves(*sides)}

    return compare


def test_equal_states_have_no_moves(moved):
    assert moved() == {}


def test_a_loss_moves_its_observation_its_figure_and_its_file(moved):
    assert moved(loss=2.4) == {
        ("file", "results/s/evals/a.json"): {},
        ("figure", "loss_vs_params"): {"1M: point a: y": (2.5, 2.4)},
        ("observation", "a"): {"loss": (2.5, 2.4)},
    }


def test_a_fit_moves_by_its_parameters_and_their_intervals(moved):
    def change():
        edit(FIT, '"E": 2.0', '"E": 2.25')
        edit(FIT, '"high": 2.5', '"high": 3.5')
        small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})

    assert moved(now=change)["fit", "power"] == {"E": (2.0, 2.25), "E.high": (2.5, 3.5)}


def test_a_curve_moves_by_its_last_loss(moved):
    path = "results/s/runs/a/curve.csv"

    def train(loss):
        text(path, CURVE.format(loss))
        small_study.job("anneal", {"run": "a"}, {}, {"curve": path})

    assert moved(lambda: train(4.0), lambda: train(3.5)) == {
        ("curve", "runs/a"): {"last loss": (4.0, 3.5)}
    }


def test_what_is_new_or_gone(moved):
    def change():
        text("results/s/fits/new.json", small_study.FITTED)
        small_study.job("fit", {"fit": "new"}, {}, {"fit": "results/s/fits/new.json"})
        Path("provenance/jobs/s/corpus/corpus.json").unlink()

    assert moved(now=change) == {
        ("file", small_study.TEXT): {},
        ("fit", "new"): {
            "E": ("nothing", 2.0),
            "E.high": ("nothing", 2.5),
            "E.low": ("nothing", 1.5),
        },
    }


def test_a_table_that_is_not_at_hand_is_a_file(moved):
    found = moved(loss=2.4, now=Path(TABLE).unlink)
    assert found["file", TABLE] == {}
    assert not any(kind == "observation" for kind, _ in found)
