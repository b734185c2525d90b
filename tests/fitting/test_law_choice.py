"""The law where none is named: the one that predicts larger scales best, and what others say."""

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting.law_choice import choose
from scaletrace.fitting.settings import AUTO, Settings
from scaletrace.formats.runs_table import read_runs

TRUTHS = {
    "chinchilla": {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28},
    "kaplan": {"Nc": 8.8e13, "alpha_n": 0.076, "Dc": 5.4e13, "alpha_d": 0.095},
}
NAMES = ("chinchilla", "kaplan", "power_n", "power_c", "data_constrained")
LAWS = {name: kinds.load("laws", name).LAW for name in NAMES}


def table(tmp_path, truth: str):
    n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e6, 1e9, 7), np.geomspace(1e8, 1e11, 5)))
    noise = 1.0 + 1e-3 * np.random.default_rng(0).normal(size=len(n))
    loss = noise * LAWS[truth].predict(TRUTHS[truth], {"n": n, "d": d})
    lines = [f"{float(a)!r},{float(b)!r},{float(c)!r}" for a, b, c in zip(n, d, loss, strict=True)]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(["n_params,n_tokens,loss", *lines]) + "\n", encoding="utf-8")
    return read_runs(path)


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_law_that_made_the_runs_is_chosen(tmp_path, truth):
    name, choice = choose(table(tmp_path, truth), Settings(law=AUTO, budget=None), LAWS)
    assert name == truth
    by_law = {row["law"]: row for row in choice["laws"]}
    assert set(by_law) == set(NAMES)
    assert "unique tokens" in by_law["data_constrained"]["failed"]
    at = {v: np.array([choice["at"][v]]) for v in ("n", "d")}
    expected = float(LAWS[truth].predict(TRUTHS[truth], at)[0])
    assert by_law[truth]["loss"] == pytest.approx(expected, rel=0.01)
    assert abs(by_law["power_n"]["loss"] / expected - 1.0) > 0.01


def test_parameters_of_no_law_in_particular_cannot_be_held(tmp_path):
    settings = Settings(law=AUTO, budget=None, fixed={"E": 1.0})
    with pytest.raises(BadInput, match="name a law with --law"):
        choose(table(tmp_path, "chinchilla"), settings, LAWS)
