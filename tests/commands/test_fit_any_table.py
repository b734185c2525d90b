"""`scaletrace fit` on tables as people have them: what was taken, what was refused."""

import io
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from scaletrace import cli, kinds
from scaletrace.fitting.preparation import Prepared, prepare
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import read_runs

DATA = os.environ.get("SCALETRACE_TEST_DATA")
CASES = Path(DATA or ".").parent / "cases/fit"
cases = pytest.mark.skipif(
    DATA is None or not CASES.is_dir(), reason="no cases beside SCALETRACE_TEST_DATA"
)


def fit(table: object, capsys, *options: object, law: str = "chinchilla") -> tuple[int, str]:
    words = ["fit", table, "--law", law, "--bootstrap", 100, "--unit", "observation", *options]
    if law == "chinchilla":
        words += ["--fix", "alpha=0.34", "beta=0.28"]  # several times as fast
    code = cli.main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out + said.err


def fitted(table: object, capsys, *options: object, law: str = "chinchilla") -> dict:
    code, text = fit(table, capsys, "--json", *options, law=law)
    assert code == 0, text
    return json.loads(text)


def taken(table: Path, law: str = "chinchilla", **settings) -> Prepared:
    """Return what a fit takes of a table, without fitting."""
    chosen = Settings(law, None, unit="observation", **settings)
    return prepare(read_runs(table), kinds.load("laws", law).LAW, chosen)


def codes(prepared: Prepared) -> list[str]:
    return [note["code"] for note in prepared.notes]


def made(folder: Path, header: str, form: str = "{n!r},{d!r},{loss!r}") -> Path:
    """Write a table of 24 runs by their n, d, c and loss, in a form for each row."""
    n, d = np.meshgrid([2e7, 5e7, 1e8, 2e8, 5e8, 1e9], [5e8, 2e9, 8e9, 3e10])
    loss = 1.7 + 400.0 / n**0.34 + 410.0 / d**0.28
    rows = [
        form.format(n=a, d=b, c=6 * a * b, loss=e, i=i)
        for i, (a, b, e) in enumerate(
            zip(n.ravel().tolist(), d.ravel().tolist(), loss.ravel().tolist(), strict=True)
        )
    ]
    path = folder / "runs.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@cases
@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("N_D_L.csv", "N from N, D from D, C from 6ND, loss from L (nats per token)"),
        ("suffixes.csv", "N from params, D from tokens, C from 6ND, loss from loss"),
        ("pandas_index.csv", "the unnamed first column counts the rows and is passed over"),
        ("missing_losses.csv", "2 runs without a loss left out: line 5, line 9"),
        ("n_and_flops_only.csv", "D = C / (6 N): the table has no column of training tokens"),
        ("rows.jsonl", "9 runs in"),
        ("tab.tsv", "8 runs in"),
        ("bpb.csv", "loss from val_bpb (bits per byte)"),
        ("perplexity_column.csv", "fitted as its logarithm, in nats per token [fitted_as_nats]"),
    ],
)
def test_cases(name, taken, capsys):
    code, text = fit(CASES / name, capsys)
    assert code == 0, text
    assert taken in text


@cases
def test_the_same_table_in_another_shape_is_the_same_table():
    base = taken(CASES / "N_D_L.csv").observations
    for name in ("suffixes.csv", "n_and_flops_only.csv"):
        other = taken(CASES / name).observations
        assert np.array_equal(other.loss, base.loss)
        for v in ("n", "d", "c"):
            assert other.variables[v] == pytest.approx(base.variables[v], rel=1e-12)


@cases
def test_units_that_flops_gainsay_are_an_error_that_says_the_factors(capsys):
    path = CASES / "millions_billions.csv"
    code, text = fit(path, capsys)
    assert code == 2
    assert "about 1e+15" in text
    assert "--scale n=1e6 d=1e9" in text
    found = fitted(path, capsys, "--scale", "n=1e6", "d=1e9")
    assert found["data"]["scales"] == {"n": 1e6, "d": 1e9}
    assert found["diagnostics"]["design"]["n"]["largest"] == 1e9
    code, text = fit(path, capsys, "--scale", "n=1")
    assert code == 0
    assert "[units_disagree]" in text


@cases
def test_a_loss_that_rises_is_said_to(capsys):
    code, text = fit(CASES / "accuracy_like.csv", capsys, law="power_n")
    assert code == 0
    assert "loss rises with N" in text
    assert "--metric accuracy" in text


def test_units_in_headers(tmp_path):
    plain = taken(made(tmp_path, "n,d,loss")).observations
    path = made(tmp_path, "x,y,c,loss", "{n!r},{d!r},{c!r},{loss!r}")
    rows = [[float(cell) for cell in line.split(",")] for line in path.read_text().split()[1:]]
    lines = [f"{n / 1e6},{d / 1e9},{c / 1e18},{loss}" for n, d, c, loss in rows]
    path.write_text("\n".join(["params (M),tokens_B,compute (EFLOPs),Eval loss", *lines]))
    found = taken(path)
    assert found.scales == {"n": 1e6, "d": 1e9, "c": 1e18}
    for v in ("n", "d", "c"):
        assert found.observations.variables[v] == pytest.approx(plain.variables[v], rel=1e-12)


def test_n_without_tokens_in_millions_is_found_by_flops(tmp_path, capsys):
    path = made(tmp_path, "n,flops,loss", "{n!r},{c!r},{loss!r}")
    lines = path.read_text().splitlines()
    for i, line in enumerate(lines[1:], 1):
        n, rest = line.split(",", 1)
        lines[i] = f"{float(n) / 1e6},{rest}"
    path.write_text("\n".join(lines))
    code, text = fit(path, capsys)
    assert code == 2
    assert "n in millions: say so with --scale n=1e6" in text


def test_n_from_flops_and_tokens_and_flops_from_both(tmp_path):
    found = taken(made(tmp_path, "d,flops,loss", "{d!r},{c!r},{loss!r}"))
    assert found.columns["n"] == "C/(6D)"
    assert codes(found) == ["derived_n"]
    found = taken(made(tmp_path, "n,d,loss"), law="power_c")
    assert found.columns["c"] == "6ND"
    assert codes(found) == ["derived_c"]


@pytest.mark.parametrize(
    ("column", "form", "notes"),
    [
        ("accuracy", "{accuracy!r}", ["fitted_as_error"]),
        ("eval/acc", "{accuracy:%}", ["fitted_as_error"]),
        ("error", "{error!r}", []),
        ("err (%)", "{percent!r}", []),
        ("test_error", "{percent!r}", ["per_cent"]),
    ],
)
def test_shares(tmp_path, column, form, notes):
    path = made(tmp_path, "n,d,loss")
    lines = [f"n,d,{column}"]
    for n, d, loss in (line.split(",") for line in path.read_text().split()[1:]):
        error = float(loss) / 10.0
        cell = form.format(error=error, accuracy=1.0 - error, percent=100.0 * error)
        lines.append(f"{n},{d},{cell}")
    path.write_text("\n".join(lines))
    found = taken(path)
    assert found.observations.loss.max() == pytest.approx(0.45208, abs=1e-5)
    assert found.metric.unit == "share of errors"
    assert codes(found) == notes


def test_what_falls_though_it_should_rise_is_said_to(tmp_path):
    path = made(tmp_path, "n,d,accuracy", "{n!r},{d!r},{loss!r}%")
    (note,) = [one for one in taken(path).notes if one["code"] == "rises_with_scale"]
    assert "accuracy falls with N and D and C" in note["message"]


def test_floors_and_ceilings(tmp_path, capsys):
    path = made(tmp_path, "n,d,x", "{n!r},{d!r},0.5")
    text = path.read_text().replace("0.5", "1.0", 1)
    path.write_text(text.replace(",x", ",accuracy"))
    code, said = fit(path, capsys)
    assert code == 2
    assert "an accuracy of 0 to below 1" in said
    path.write_text(text.replace(",x", ",ppl"))
    assert "a perplexity above 1" in fit(path, capsys)[1]
    assert "metric 'nat'; allowed: nats, bits_per_byte" in fit(path, capsys, "--metric", "nat")[1]


def test_every_fault_is_said_at_once(tmp_path, capsys):
    path = made(tmp_path, "n,d,loss")
    lines = path.read_text().splitlines()
    lines[1] = "oops,5e8,3.1"
    lines[3] = "1e8,-1,inf"
    path.write_text("\n".join(lines))
    code, text = fit(path, capsys)
    assert code == 2
    for words in (
        "line 2, column 'n': 'oops'",
        "line 4, column 'd': '-1'",
        "line 4, column 'loss': 'inf'",
    ):
        assert text.count(words) == 1
    path.write_text("\n".join(["params,d,loss", *["x,1,1"] * 50]))
    text = fit(path, capsys)[1]
    assert text.count("\n") == 21
    assert "and 30 more" in text


def test_standard_input(tmp_path, capsys, monkeypatch):
    content = made(tmp_path, "n,d,loss").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, text = fit("-", capsys)
    assert code == 0
    assert "24 runs" in text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"n,d,loss\n1,2\n")))
    code, text = fit("-", capsys)
    assert code == 2
    assert text == "scaletrace fit: standard input: line 2: 2 cells under 3 columns\n"


def test_exported_from_wandb(tmp_path, capsys):
    header = "Name,State,params,train/tokens,eval/loss,train/loss,eval/loss__MIN"
    path = made(tmp_path, header, "r{i},finished,{n!r},{d!r},{loss!r},9,1")
    path.write_text(path.read_text() + "bad,crashed,1e6,1e6,99,,\n")
    code, text = fit(path, capsys)
    assert code == 0
    assert "N from params, D from train/tokens, C from 6ND, loss from eval/loss" in text
    assert "1 run with status crashed left out: bad" in text


@cases
def test_a_table_of_optima(tmp_path, capsys):
    out = tmp_path / "fit.json"
    code, text = fit(CASES / "four_optima.csv", capsys, "--out", out, law="n_opt")
    assert code == 0
    assert "n_opt: N_opt = k C^a" in text
    assert "C from flops, N_opt from n_opt (parameters)" in text
    found = json.loads(out.read_text())
    logs = np.log([[1e18, 2e18, 5e18, 1e19], [1.1e8, 1.6e8, 2.5e8, 3.8e8]])
    assert found["params"]["a"] == pytest.approx(np.polyfit(logs[0], logs[1], 1)[0], abs=0.02)
    assert cli.main(["predict", str(out), "--flops", "1e20", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["predictions"]
    assert 1e9 < answer["N_opt"]["estimate"] < 2e9


def test_a_sweep_over_rates_by_its_envelope(tmp_path, capsys):
    path = made(tmp_path, "n,d,loss")
    lines = path.read_text().splitlines()
    random = np.random.default_rng(0)
    rows = [
        f"{n},{d},{rate},{float(loss) * math.exp(0.02 * math.log(rate / 1e-3) ** 2 + noise)!r}"
        for n, d, loss in (line.split(",") for line in lines[1:])
        for rate, noise in zip(
            (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3), 0.002 * random.normal(size=5), strict=True
        )
    ]
    path.write_text("\n".join(["n,d,lr,loss", *rows]))
    found = fitted(path, capsys, "--envelope", "--where", "lr > 2e-4")
    assert found["settings"]["where"] == ["lr > 2e-4"]
    assert found["n_observations"] == 24
    assert found["data"]["rows"] == 120
    assert found["data"]["envelope"]["rows_before"] == 120
    assert -0.002 < found["data"]["envelope"]["bias"] < 0.0
    said = next(one["message"] for one in found["warnings"] if one["code"] == "lower_envelope")
    assert "120 rows reduced to 24" in said
    assert found["params"]["E"] == pytest.approx(1.7, abs=0.02)


def test_standard_errors_weigh_the_loss_that_they_are_of(tmp_path):
    form = "{n!r},{d!r},{loss!r},0.01,{loss!r}"
    path = made(tmp_path, "n,d,loss,loss_se,bits_per_byte", form)
    assert taken(path).columns["loss_se"] == "loss_se"
    other = taken(path, loss="bits_per_byte")
    assert "loss_se" not in other.columns
    assert codes(other) == ["unweighted"]
