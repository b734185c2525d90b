"""`scaletrace fit` on any table: summary, JSON, exit codes, and no half-written file."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scaletrace import cli
from scaletrace.fitting import preparation
from scaletrace.fitting.solver import NotConvergedError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    n, d = np.meshgrid(np.geomspace(1e6, 1e9, 8), np.geomspace(1e8, 1e11, 6))
    n, d = n.ravel(), d.ravel()
    loss = (1.7 + 400.0 / n**0.34 + 410.0 / d**0.28) * np.exp(0.004 * random.normal(size=48))
    lines = [
        "n_params,n_tokens,loss",
        *(
            f"{a!r},{b!r},{c!r}"
            for a, b, c in zip(n.tolist(), d.tolist(), loss.tolist(), strict=True)
        ),
    ]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def test_summary_and_file(table, tmp_path, capsys):
    out = tmp_path / "new" / "fit.json"
    assert run("fit", table, "--law", "chinchilla", "--bootstrap", 200, "--out", out) == 0
    text = capsys.readouterr().out
    assert "loss = E + A / N^alpha + B / D^beta" in text
    assert "48 runs in 8 clusters" in text
    assert f"written: {out}" in text
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["params"]["alpha"] == pytest.approx(0.34, abs=0.05)
    keys = {"law", "params", "objective", "intervals", "derived", "n_observations", "diagnostics"}
    assert keys | {"warnings", "checklist", "curve", "residuals", "extrapolation"} <= set(found)
    assert set(found["objective"]) >= {"name", "delta", "value"}
    assert set(found["intervals"]["alpha"]) >= {"se", "low", "high", "method", "level"}


def test_json_and_held_parameters(table, capsys):
    command = ["fit", table, "--law", "chinchilla", "--json", "--bootstrap", 100]
    assert run(*command, "--fix", "E=1.7", "alpha=0.34", "--fix", "beta=0.28") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["params"]["E"] == 1.7
    assert found["params"]["A"] == pytest.approx(400.0, rel=0.05)
    assert set(found["intervals"]) == {"A", "B"} | {"a"}


def test_independent_resampling_says_what_it_assumes(table, capsys):
    command = ["fit", table, "--law", "chinchilla", "--bootstrap", 100, "--json"]
    assert run(*command, "--unit", "observation") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["intervals"]["alpha"]["method"] == "observation bootstrap"
    assert "independent from run to run" in found["checklist"]["interval_assumes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("loss", "seconds", 1), "no column 'loss'"),
        (lambda text: text.replace("n_tokens", "steps"), "needs training tokens D"),
        (lambda text: "\n".join(text.splitlines()[:7]) + "\n", "6 usable rows"),
        (lambda text: text.replace("\n", "\n1,2,oops\n", 1), "line 2, column 'loss': 'oops'"),
        (lambda text: text.replace("\n", "\n-5,2,3\n", 1), "line 2, column 'n_params': '-5'"),
        (lambda text: text.replace("\n", "\n1,2,inf\n", 1), "line 2, column 'loss': 'inf'"),
        (lambda text: text.replace("\n", "\n1,2\n", 1), "line 2: 2 cells under 3 columns"),
        (lambda text: text.replace("n_params", "loss"), "each once"),
        (lambda text: "", "must name every column"),
        (lambda text: text.replace("n_params", "n\xe4", 1).encode("latin-1"), "UTF-8"),
    ],
)
def test_bad_tables_exit_2_with_one_message_and_write_nothing(
    table, tmp_path, capsys, change, message
):
    changed = change(table.read_text(encoding="utf-8"))
    table.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    out = tmp_path / "fit.json"
    assert run("fit", table, "--law", "chinchilla", "--out", out) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_bad_arguments_exit_2(table, capsys):
    assert run("fit", table, "--law", "cubic") == 2
    assert "power_n" in capsys.readouterr().err
    assert run("fit", table, "--law", "power_n", "--fix", "E") == 2
    assert "NAME=VALUE" in capsys.readouterr().err
    assert run("fit", table.with_name("absent.csv"), "--law", "power_n") == 2
    assert "cannot be read" in capsys.readouterr().err
    occupied = table / "fit.json"
    assert run("fit", table, "--law", "power_n", "--bootstrap", 100, "--out", occupied) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_an_isoflop_analysis_of_a_law_without_tokens_is_refused(table, capsys):
    assert run("fit", table, "--law", "power_n", "--isoflop") == 2
    assert capsys.readouterr().err == (
        "scaletrace fit: fit: isoflop needs a law of N and D; power_n is E + A / N^alpha\n"
    )


def test_weights_that_no_fit_gives_are_one_sentence(table, monkeypatch, capsys):
    def nowhere(*words):
        raise NotConvergedError("chinchilla: none of 18 starts converged")

    lines = table.read_text(encoding="utf-8").splitlines()
    weighted = [f"{line},{'loss_se' if i == 0 else 0.01}" for i, line in enumerate(lines)]
    table.write_text("\n".join(weighted) + "\n", encoding="utf-8")
    monkeypatch.setattr(preparation, "fit", nowhere)
    assert run("fit", table, "--law", "chinchilla") == 2
    assert f"{table}: chinchilla: none of 18 starts converged" in capsys.readouterr().err


def test_one_value_of_a_variable_is_refused(tmp_path, capsys):
    path = tmp_path / "runs.csv"
    path.write_text("n_params,loss\n" + "1e6,3.0\n" * 8, encoding="utf-8")
    assert run("fit", path, "--law", "power_n") == 2
    assert "holds one single value" in capsys.readouterr().err


def test_runs_as_a_program(table):
    done = subprocess.run(
        [sys.executable, "-m", "scaletrace.cli", "fit", table, "--law", "nothing"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_multiplier_compares_two_groups_of_runs(table, tmp_path, capsys):
    lines = table.read_text(encoding="utf-8").splitlines()
    # The new recipe has the losses of twice the compute: of sqrt(2) times the N and the D.
    rows = [
        [*row.split(","), recipe]
        for recipe, rows in (("old", lines[1::2]), ("new", lines[2::2]))
        for row in rows
    ]
    text = [lines[0] + ",recipe"]
    for n, d, loss, recipe in rows:
        gain = 2.0**0.5 if recipe == "new" else 1.0
        text.append(f"{float(n) / gain!r},{float(d) / gain!r},{loss},{recipe}")
    table.write_text("\n".join(text) + "\n", encoding="utf-8")
    command = ["fit", table, "--law", "chinchilla", "--bootstrap", 100, "--multiplier", "Recipe"]
    assert run(*command, "--out", tmp_path / "fit.json") == 0
    said = capsys.readouterr().out
    assert "24 runs in" in said
    assert "times less compute than old, whose law this is, for equal loss" in said
    found = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))["multiplier"]
    assert found["low"] < 2.0 < found["high"]
    assert found["runs"] == {"old": 24, "new": 24}
    assert run(*command, "--sensitivity") == 2
    assert "sensitivity is of one group of runs" in capsys.readouterr().err
