"""`scaletrace fit` on tables as people have them: what was taken, what was refused."""

import io
import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from scaletrace import cli

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
def test_the_same_table_in_another_shape_gives_the_same_fit(capsys):
    base = fitted(CASES / "N_D_L.csv", capsys)["params"]
    for name in ("suffixes.csv", "n_and_flops_only.csv"):
        other = fitted(CASES / name, capsys)["params"]
        assert other == pytest.approx(base, rel=1e-4)


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


def test_units_in_headers(tmp_path, capsys):
    plain = fitted(made(tmp_path, "n,d,loss"), capsys)
    form = "{0},{1},{2},{3}"
    path = made(tmp_path, "x,y,c,loss", "{n!r},{d!r},{c!r},{loss!r}")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    lines = [
        form.format(float(n) / 1e6, float(d) / 1e9, float(c) / 1e18, loss) for n, d, c, loss in rows
    ]
    path.write_text("\n".join(["params (M),tokens_B,compute (EFLOPs),Eval loss", *lines]))
    found = fitted(path, capsys)
    assert found["params"] == pytest.approx(plain["params"], rel=1e-6)
    assert found["data"]["scales"] == {"n": 1e6, "d": 1e9, "c": 1e18}


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


def test_n_from_flops_and_tokens_and_flops_from_both(tmp_path, capsys):
    found = fitted(made(tmp_path, "d,flops,loss", "{d!r},{c!r},{loss!r}"), capsys)
    assert found["data"]["columns"]["n"] == "C/(6D)"
    assert "derived_n" in [warning["code"] for warning in found["warnings"]]
    found = fitted(made(tmp_path, "n,d,loss"), capsys, law="power_c")
    assert found["data"]["columns"]["c"] == "6ND"
    assert "derived_c" in [warning["code"] for warning in found["warnings"]]


@pytest.mark.parametrize(
    ("header", "form", "metric", "unit"),
    [
        ("n,d,accuracy", "{n!r},{d!r},{1}", "accuracy", "share of errors"),
        ("n,d,error", "{n!r},{d!r},{0}", "error", "share of errors"),
        ("n,d,err (%)", "{n!r},{d!r},{2}", "error", "share of errors"),
        ("n,d,test_error", "{n!r},{d!r},{2}", "error", "share of errors"),
    ],
)
def test_shares(tmp_path, capsys, header, form, metric, unit):
    path = made(tmp_path, "n,d,loss")
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    lines = [header]
    for n, d, loss in rows:
        error = float(loss) / 10.0
        lines.append(form.format(error, 1.0 - error, 100.0 * error, n=float(n), d=float(d)))
    path.write_text("\n".join(lines))
    found = fitted(path, capsys)
    assert found["params"]["E"] == pytest.approx(0.17, abs=0.01)
    assert found["metric"]["name"] == metric
    assert found["metric"]["unit"] == unit


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


def test_rows_by_condition(tmp_path, capsys):
    path = made(tmp_path, "id,n,d,loss", "{i},{n!r},{d!r},{loss!r}")
    found = fitted(path, capsys, "--where", "id < 20", "--where", "id != 3")
    assert found["n_observations"] == 19
    assert found["settings"]["where"] == ["id < 20", "id != 3"]


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
    found = fitted(path, capsys, "--envelope")
    assert found["n_observations"] == 24
    assert found["data"]["rows"] == 120
    assert found["data"]["envelope"]["rows_before"] == 120
    assert -0.002 < found["data"]["envelope"]["bias"] < 0.0
    said = next(one["message"] for one in found["warnings"] if one["code"] == "lower_envelope")
    assert "120 rows reduced to 24" in said
    assert found["params"]["E"] == pytest.approx(1.7, abs=0.02)
