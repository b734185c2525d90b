"""`scaletrace next`: a list, a picture and a study file from a fit, and what it refuses."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import scaletrace
from scaletrace import cli
from scaletrace.study.config import load
from scaletrace.study.runs import runs
from tests.fitting import test_next_runs as made

ROOT = Path(__file__).parents[2]


def fitted(folder: Path, law: str, name: str = "fit.json", **columns: np.ndarray) -> Path:
    """Fit made-up losses of runs on a grid, their columns as given."""
    random = np.random.default_rng(0)
    n, d = made.MEASURED["n"], made.MEASURED["d"]
    loss = (1.69 + 406.4 / n**0.34 + 410.7 / d**0.28) * np.exp(0.004 * random.normal(size=len(n)))
    table = {"n_params": n, "n_tokens": d, "flops": 6.0 * n * d, **columns, "loss": loss}
    lines = [",".join(map(repr, map(float, row))) for row in zip(*table.values(), strict=True)]
    path = folder / "runs.csv"
    path.write_text("\n".join([",".join(table), *lines]) + "\n", encoding="utf-8")
    command = ["fit", path, "--law", law, "--bootstrap", 100, "--out", folder / name]
    if law == "power_c":
        command += ["--unit", "observation"]
    assert cli.main(list(map(str, command))) == 0
    return folder / name


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("fit"), "chinchilla")


def propose(fit: Path, *options: object) -> int:
    return cli.main(["next", str(fit), *map(str, options)])


def test_a_list_a_picture_and_a_study(fit, tmp_path, capsys):
    study, picture = tmp_path / "more.yaml", tmp_path / "new" / "more.pdf"
    spend = ("--spend", 2e19, "--goal", "loss@2e9,4e10")
    assert propose(fit, *spend, "--study", study, "--figure", picture) == 0
    text = capsys.readouterr().out
    assert "FLOPs (6 N D)" in text
    assert f"written: {study}" in text
    assert picture.read_bytes().startswith(b"%PDF")
    assert propose(fit, *spend, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert dataclasses.asdict(scaletrace.read_fit(fit).next_runs(2e19, "loss@2e9,4e10")) == found
    assert found["flops"] <= found["spend"] == 2e19
    widths = [found[when]["high"] - found[when]["low"] for when in ("before", "after")]
    assert widths[1] < 0.75 * widths[0]
    assert cli.main(["check", str(study)]) == 0
    planned = load(study)
    kept = [run for run in runs(planned) if run.name not in planned.exclude]
    assert len(kept) == sum(run["seeds"] for run in found["runs"])
    for wanted in found["runs"]:
        assert any(
            abs(np.log(run.n_non_embedding / wanted["n"])) < 0.35
            and abs(np.log(run.n_tokens / wanted["d"])) < 0.01
            for run in kept
        )


def test_a_study_grows_by_the_proposed_runs(fit, tmp_path, capsys):
    former, study = ROOT / "config/example.yaml", tmp_path / "more.yaml"
    limits = ("--smallest", 1e7, "--largest", 4e7)
    options = ("--spend", 1e18, *limits, "--study", study, "--like", former)
    assert propose(fit, *options) == 0
    before, after = load(former), load(study)
    assert before.all_sizes().items() <= after.all_sizes().items()
    assert {*before.budgets} < {*after.budgets}
    names = {run.name for run in runs(after)} - after.exclude.keys()
    assert {run.name for run in runs(before)} < names
    assert cli.main(["plan", str(study)]) == 0


def test_a_law_of_flops_gets_flops(tmp_path, capsys):
    fit = fitted(tmp_path, "power_c")
    capsys.readouterr()
    assert propose(fit, "--spend", 1e20, "--json", "--figure", tmp_path / "c.svg") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["goal"].startswith("loss@")
    assert {(run["n"], run["d"]) for run in found["runs"]} == {(None, None)}
    assert propose(fit, "--spend", 1e20, "--study", tmp_path / "c.yaml") == 2
    assert "the proposed runs have no N and D" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--spend", "-1"], "--spend -1.0: a positive number of FLOPs"),
        (["--spend", "1e9"], "no run from the smallest measured scale on costs so little"),
        (["--spend", "1e19", "--goal", "x"], "goal 'x': chinchilla has loss@N,D"),
        (["--spend", "1e19", "--smallest", "1e9", "--largest", "1e8"], "--smallest is at most"),
        (["--spend", "1e19", "--figure", "a.doc"], "--figure ends in one of .pdf, .svg, .png"),
        (["--spend", "1e19", "--study", "a.json"], "--study ends in .yaml"),
    ],
)
def test_what_cannot_be_is_refused(fit, tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    assert propose(fit, *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "not a fit" not in error
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_such_fit_is_refused(fit, tmp_path, capsys):
    content = json.loads(fit.read_text(encoding="utf-8"))
    content["draws"]["values"] = [[1.0, 2.0]]
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert propose(path, "--spend", "1e19") == 2
    assert "odd.json: not" in capsys.readouterr().err


def test_a_law_of_n_alone_is_refused(fit, tmp_path, capsys):
    content = json.loads(fit.read_text(encoding="utf-8"))
    content |= {"law": "power_n"}
    path = tmp_path / "n.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert propose(path, "--spend", "1e19") == 2
    assert "a law of N and D or of C, which say what a run costs" in capsys.readouterr().err
