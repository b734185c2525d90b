"""An edit that changes no byte: accepted on the evidence of some jobs, so that nothing reruns."""

import json

import pytest

from scaletrace.formats.acceptance import read_acceptance
from scaletrace.jobs.acceptances import Acceptances
from tests.workflow.conftest import TINY

MODULE = "src/scaletrace/training/evaluation.py"
SAME = ("return float(losses.mean()), error", "mean = float(losses.mean())\n    return mean, error")
AGAIN = "middle = float(losses.mean())\n    return middle, error"
OTHER = ("return float(losses.mean()), error", "return float(losses.mean()) + 1e-9, error")
FIGURE = "results/tiny/figures/loss_vs_params.png"


@pytest.fixture
def edited(damaged):
    """A recorded clone whose evaluation says the same in other words."""
    damaged.edit(MODULE, *SAME)
    damaged.commit("other words")
    return damaged


def accept(clone, *words, check=True):
    options = ("--study", "tiny", "--because", "a name for the mean", *words)
    return clone.run("scaletrace", "accept", "evaluate", *options, check=check)


def notes(clone):
    return sorted((clone.folder / "provenance/accepted").rglob("*.json"))


@pytest.mark.long
def test_the_rest_is_not_computed_again_and_lineage_tells_of_it(edited, tmp_path):
    # Trials of no study here: the runs' evaluations alone execute what was edited.
    assert edited.jobs_to_do()["evaluate"] == 10
    said = accept(edited, "--sample", "2").stdout
    assert said.count("equal, byte for byte\n") == 2
    assert "2 of 10 jobs were computed again" in said
    assert edited.jobs_to_do() == {}
    (path,) = notes(edited)
    note = read_acceptance(path)
    assert (note.jobs, len(note.sample), note.because) == (10, 2, "a name for the mean")
    status = edited.run("scaletrace", "plan", TINY).stdout
    assert "done: 35 of 35 jobs" in status

    edited.run("scaletrace", "record", "--study", "tiny")
    edited.commit("recorded again")
    audit = edited.run("scaletrace", "audit", "--study", "tiny").stdout
    assert "verified: 35 jobs" in audit
    assert "because 'a name for the mean': 2 of 10 jobs were computed again" in audit
    assert "because 'a name for the mean'" in edited.run("scaletrace", "trace", FIGURE).stdout

    fresh = edited.copied(tmp_path / "fresh")
    fresh.git("clean", "--quiet", "-xdff", "--", "results", "work", ".snakemake")
    fresh.run("scaletrace", "restore", "--study", "tiny", "--from", str(edited.folder))
    assert fresh.jobs_to_do() == {}

    path.write_text(path.read_text().replace("a name for", "no name for"), encoding="utf-8")
    done = edited.run("scaletrace", "audit", "--study", "tiny", check=False)
    assert done.returncode == 1
    assert path.name in done.stdout


@pytest.mark.long
def test_an_edit_after_an_accepted_one_and_both_taken_back(edited):
    accept(edited, "--sample", "1")
    edited.edit(MODULE, SAME[1], AGAIN)
    assert edited.jobs_to_do()["evaluate"] == 10
    accept(edited, "--sample", "1")
    assert edited.jobs_to_do() == {}
    edited.git("checkout", "--quiet", "HEAD~1", "--", "src")
    assert edited.jobs_to_do()["evaluate"] == 10
    assert "snakemake takes 10 jobs for done" in accept(edited).stdout
    assert edited.jobs_to_do() == {}
    assert len(notes(edited)) == 2


def test_other_bytes_are_not_accepted_and_nothing_is_written(damaged):
    damaged.edit(MODULE, *OTHER)
    done = accept(damaged, "--sample", "1", check=False)
    assert done.returncode == 1
    assert "NOT accepted; nothing was written" in done.stdout
    assert notes(damaged) == []
    assert damaged.jobs_to_do()["evaluate"] == 10


def test_what_cannot_be_accepted_is_one_sentence(damaged):
    for words, message in (
        (("evaluate",), "nothing to accept: its recorded jobs are today's code's"),
        (("training",), "found stage 'training'; allowed are corpus"),
        (("trial",), "nothing to accept: it has no recorded jobs here"),
    ):
        options = ("--study", "tiny", "--because", "x")
        done = damaged.run("scaletrace", "accept", *words, *options, check=False)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
def test_a_job_that_accepted_code_runs_again_is_still_the_recorded_one(edited):
    accept(edited, "--sample", "1")
    evaluation = "results/tiny/evals/d16-l1-s0-48k.json"
    (edited.folder / evaluation).unlink()
    edited.snakemake("--cores", "1", "--", evaluation)
    edited.run("scaletrace", "record", "--study", "tiny")
    assert "verified: 35 jobs" in edited.run("scaletrace", "audit", "--study", "tiny").stdout


@pytest.mark.long
def test_a_note_of_anybodys_making_is_no_traceback(edited):
    accept(edited, "--sample", "1")
    (path,) = notes(edited)
    content = json.loads(path.read_text(encoding="utf-8"))
    for hostile in (
        {**content, "sample": 3},
        {**content, "now": {}},
        [],
        {**content, "study": "x"},
    ):
        path.write_text(json.dumps(hostile), encoding="utf-8")
        assert len(Acceptances("tiny").unreadable) == 1
        done = edited.run("scaletrace", "audit", "--study", "tiny", check=False)
        assert done.returncode == 1
        assert path.name in done.stdout
