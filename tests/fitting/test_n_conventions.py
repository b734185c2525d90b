"""The optimum under every count of N that a table has, from the same runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from scaletrace import cli
from scaletrace.models import counts
from scaletrace.models.counts import Shape

E, A, ALPHA, B, BETA = 1.7, 400.0, 0.34, 410.0, 0.28


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """Return a fit to the runs of a ladder whose small models are mostly head and embedding."""
    folder = tmp_path_factory.mktemp("conventions")
    random = np.random.default_rng(0)
    rows = []
    for width in (64, 96, 128, 192, 256, 384, 512, 768):
        shape = Shape(width, width // 32, width // 32, 256, 4096)
        n = counts.n_non_embedding(shape)
        for tokens in np.geomspace(1e8, 3e10, 6).astype(int).tolist():
            loss = (E + A / n**ALPHA + B / tokens**BETA) * np.exp(1e-3 * random.normal())
            flops = counts.flops_exact(shape, tokens)
            total, head = counts.n_total(shape), counts.n_with_head(shape)
            rows.append(f"{n},{total},{head},{tokens},{flops},{loss}")
    header = "n_non_embedding,n_total,n_with_head,n_tokens,flops_exact,loss"
    table = folder / "runs.csv"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    for law in ("chinchilla", "power_c"):
        out = ["--out", str(folder / f"{law}.json")]
        assert cli.main(["fit", str(table), "--law", law, "--bootstrap", "100", *out]) == 0
    return folder


def ask(capsys, path: Path, *arguments: object) -> dict:
    capsys.readouterr()
    assert cli.main(["predict", str(path), "--json", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def test_each_count_of_n_has_its_own_exponent(fitted):
    content = json.loads((fitted / "chinchilla.json").read_text(encoding="utf-8"))
    rows = {row["n_column"]: row for row in content["n_conventions"]}
    assert list(rows) == ["n_non_embedding", "n_total", "n_with_head"]
    # What is not counted shrinks beside the rest, so that counting it makes N grow more slowly.
    assert rows["n_non_embedding"]["a"] > rows["n_with_head"]["a"] > rows["n_total"]["a"]
    flops = [row["flops"] for row in rows.values()]
    assert flops == pytest.approx([flops[0]] * 3, rel=0.02)
    checklist = content["checklist"]
    assert "flops_exact" in checklist["token_cost"]
    assert "a = " in checklist["n_conventions"]["n_total"]
    assert content["diagnostics"]["optimum"]["flop_convention"] == "flops_exact"


def test_a_budget_is_spent_as_the_table_counts_it(capsys, fitted):
    answer = ask(capsys, fitted / "chinchilla.json", "--flops", 1e18)
    assert "flops_exact" in answer["flop_convention"]
    best = {name: p["estimate"] for name, p in answer["predictions"].items()}
    # The truth, by search over the widths between the ladder's.
    width = np.geomspace(32.0, 2000.0, 100_001)
    n = 12.0 * (width / 32.0) * width**2
    tokens = 1e18 / (6.0 * (n + 4096.0 * width) + 12.0 * (width / 32.0) * width * 256.0)
    true = int((A / n**ALPHA + B / tokens**BETA).argmin())
    assert best["N_opt"] == pytest.approx(n[true], rel=0.1)
    assert best["N_opt"] / best["D_opt"] == pytest.approx(n[true] / tokens[true], rel=0.2)
    capsys.readouterr()
    assert cli.main(["predict", str(fitted / "chinchilla.json"), "--flops", "1e22"]) == 0
    text = capsys.readouterr().out
    assert "C is flops_exact" in text
    assert "[token_cost_extrapolated]" in text


def test_a_law_of_flops_is_asked_by_n_and_d_in_its_own_flops(capsys, fitted):
    shape = Shape(192, 6, 6, 256, 4096)
    n = counts.n_non_embedding(shape)
    by_size = ask(capsys, fitted / "power_c.json", "--n", n, "--d", 1e9)
    flops = counts.flops_exact(shape, 10**9)
    by_flops = ask(capsys, fitted / "power_c.json", "--flops", flops)
    loss = by_flops["predictions"]["loss"]["estimate"]
    assert by_size["predictions"]["loss"]["estimate"] == pytest.approx(loss, rel=1e-3)


def test_isoflop_minima_and_law_are_compared_in_one_convention(tmp_path):
    random = np.random.default_rng(1)
    shapes = [Shape(w, w // 32, w // 32, 1024, 32_000) for w in range(64, 768, 32)]
    rows = []
    for flops, first in ((1e15, 2), (1e16, 4), (1e17, 7)):
        for shape in shapes[first : first + 8]:
            n = counts.n_non_embedding(shape)
            tokens = flops / counts.flops_per_token_exact(shape)
            loss = (E + A / n**ALPHA + B / tokens**BETA) * np.exp(1e-3 * random.normal())
            rows.append(f"{n},{tokens},{flops},{loss}")
    table, out = tmp_path / "runs.csv", tmp_path / "fit.json"
    header = "n_non_embedding,n_tokens,flops_exact,loss"
    table.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    command = ["fit", str(table), "--law", "chinchilla", "--isoflop", "--bootstrap", "100"]
    assert cli.main([*command, "--out", str(out)]) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    found = content["isoflop"]
    assert found["disagreement"]["a"] == pytest.approx(0.0, abs=0.02)
    assert "isoflop_disagrees" not in [warning["code"] for warning in content["warnings"]]
    # Under 6 N D the law's exponent would be another, and b would be 1 - a.
    assert content["derived"]["a"] - found["parametric"]["a"] > 0.01
    assert found["a"]["estimate"] + found["b"]["estimate"] > 1.1
