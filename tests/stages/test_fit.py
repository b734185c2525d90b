"""The fit stage: from a study's table to `FIT.json`."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.manifest import write_manifest
from scaletrace.stages import fit

COLUMNS = (
    "run,size,seed,budget,n_non_embedding,n_total,n_with_head,n_tokens,flops_6nd,flops_exact,"
    "loss,loss_se,bits_per_byte,perplexity,learning_rate,batch_tokens,unique_tokens,status,reason"
)
SETTINGS = {
    **{"n": "n_non_embedding", "d": "n_tokens", "flops": "flops_exact", "loss": "loss"},
    **{"cluster": "size", "resamples": 200, "budget": None},
}
SIZES = np.geomspace(6e3, 8e5, 7)


def rows(noise: float = 0.003) -> list[dict[str, str]]:
    """Return a study of seven sizes and three budgets; the largest run diverged."""
    random = np.random.default_rng(1)
    found = []
    for label, tokens in (("500k", 5e5), ("1M", 1e6), ("2M", 2e6)):
        for i, n in enumerate(SIZES):
            loss = (2.9 + 60.0 / n**0.4 + 120.0 / tokens**0.4) * np.exp(noise * random.normal())
            row = dict.fromkeys(COLUMNS.split(","), "1")
            row |= {"run": f"d{i}-s0-{label}", "size": f"d{i}", "seed": "0", "budget": label}
            row |= {"n_non_embedding": repr(float(n)), "n_total": repr(float(2e4 + 3 * n))}
            row |= {"n_with_head": repr(float(1e4 + 2 * n)), "n_tokens": repr(tokens)}
            row |= {"flops_6nd": repr(float(6 * n * tokens))}
            row |= {"flops_exact": repr(float(7 * n * tokens)), "loss": repr(float(loss))}
            row |= {"loss_se": "0.005", "status": "ok", "reason": ""}
            found.append(row)
    found[-1] |= {"loss": "", "loss_se": "", "status": "diverged", "reason": "loss not finite"}
    return found


def write(path: Path, table: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return path


def result(folder: Path, table: list[dict[str, str]], **settings) -> dict:
    path, out = write(folder / "observations.csv", table), folder / "fit.json"
    contract.run(fit, {"observations": [path]}, {"fit": out}, SETTINGS | settings, folder)
    return json.loads(out.read_text(encoding="utf-8"))


def test_one_budget_with_power_n(tmp_path):
    found = result(tmp_path, rows(), law="power_n", budget="1M")
    assert found["n_observations"] == 7
    assert found["params"]["alpha"] == pytest.approx(0.4, abs=0.1)
    alpha = found["intervals"]["alpha"]
    assert alpha["low"] < 0.4 < alpha["high"]
    assert found["data"]["budget"] == "1M"
    assert found["data"]["left_out"] == {}
    curve = found["curve"]
    assert curve["x_column"] == "n_non_embedding"
    assert len(curve["x"]) == len(curve["loss"]) == 100
    assert curve["x"][0] == pytest.approx(SIZES[0])
    assert curve["x"][-1] == pytest.approx(1.5 * SIZES[-1])
    assert all(low <= high for low, high in zip(curve["low"], curve["high"], strict=True))


def test_runs_that_are_not_ok_are_left_out_counted_and_named(tmp_path):
    found = result(tmp_path, rows(), law="chinchilla")
    assert found["n_observations"] == 20
    assert found["data"]["left_out"] == {"diverged": 1}
    assert found["checklist"]["rows_left_out"] == {"diverged": 1}
    (warning,) = [w for w in found["warnings"] if w["code"] == "runs_left_out"]
    assert "1 run with status diverged left out: d6-s0-2M" in warning["message"]
    assert "d6-s0-2M" not in {row["run"] for row in found["residuals"]}


def test_residuals_and_curves_belong_to_the_parameters(tmp_path):
    found = result(tmp_path, rows(), law="chinchilla")
    params = found["params"]

    def law(n: float, d: float) -> float:
        return params["E"] + params["A"] / n ** params["alpha"] + params["B"] / d ** params["beta"]

    for row in found["residuals"]:
        assert row["predicted"] == pytest.approx(law(row["n_non_embedding"], row["n_tokens"]))
        assert row["log_residual"] == pytest.approx(math.log(row["observed"] / row["predicted"]))
    against_n, against_d = found["curve"]["against_n"], found["curve"]["against_d"]
    assert [series["held"] for series in against_n["series"]] == [5e5, 1e6, 2e6]
    assert [series["held"] for series in against_d["series"]] == pytest.approx(list(SIZES))
    series = against_n["series"][1]
    assert series["loss"][50] == pytest.approx(law(series["x"][50], 1e6))


def test_largest_size_is_predicted_from_the_smaller_ones(tmp_path):
    ahead = result(tmp_path, rows(), law="power_n", budget="1M")["extrapolation"]
    largest = ahead["steps"][0]
    assert largest["at"] == pytest.approx(SIZES[-1])
    assert largest["fitted_on"] == 6
    assert largest["largest_fitted"] == pytest.approx(SIZES[-2])
    assert largest["relative_error"] == pytest.approx(
        largest["predicted"] / largest["observed"] - 1.0
    )
    assert abs(largest["relative_error"]) < 0.02


def test_same_table_gives_the_same_bytes_and_no_nan(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = result(tmp_path / "a", rows(), law="power_n", budget="1M")
    result(tmp_path / "b", rows(), law="power_n", budget="1M")
    texts = [(tmp_path / name / "fit.json").read_text(encoding="utf-8") for name in "ab"]
    assert texts[0] == texts[1]
    assert "NaN" not in texts[0]
    assert "Infinity" not in texts[0]
    assert first["settings"]["law"] == "power_n"


def test_checklist_answers_the_referee(tmp_path):
    found = result(tmp_path, rows(), law="chinchilla", drop_highest=2, fixed={"E": 2.5})
    checklist = found["checklist"]
    assert checklist["parameters_fitted"] == ["A", "alpha", "B", "beta"]
    assert checklist["parameters_fixed"] == {"E": 2.5}
    assert checklist["n_convention"] == "n_non_embedding"
    assert checklist["flop_convention"] == "flops_exact"
    assert checklist["objective"] == {
        **{"name": "huber", "delta": 1e-3, "reduction": "sum", "of": "log loss"}
    }
    assert len(checklist["dropped_points"]) == 2
    assert checklist["starts"] == found["diagnostics"]["certificate"]["starts"]
    assert "loss_se" in checklist["weights"]
    assert "cluster" in checklist["interval_method"]
    assert checklist["extrapolation"]["scales_predicted"] == 3
    assert found["params"]["E"] == 2.5
    assert "E" not in found["intervals"]


def test_checklist_says_what_held_out_text_shares_with_train(tmp_path):
    assert result(tmp_path, rows(), law="power_c")["checklist"]["held_out_text_in_train"] is None
    manifest, out = tmp_path / "manifest.json", tmp_path / "fit.json"
    shared = {"documents": 3, "bytes": 40, "too_short": 1}
    write_manifest(manifest, {"overlap": {"test": shared}})
    inputs = {"observations": [tmp_path / "observations.csv"], "manifest": [manifest]}
    contract.run(fit, inputs, {"fit": out}, SETTINGS | {"law": "power_c"}, tmp_path)
    checklist = json.loads(out.read_text(encoding="utf-8"))["checklist"]
    assert checklist["held_out_text_in_train"] == {"test": shared}


def test_sensitivity_comparison_and_conventions_on_request(tmp_path):
    found = result(
        tmp_path, rows(), law="chinchilla", sensitivity=True, compare=["kaplan", "power_n"]
    )
    choices = {row["choice"] for row in found["sensitivity"]}
    assert choices == {"highest losses dropped", "delta", "objective", "N convention", "starts"}
    columns = [r["setting"] for r in found["sensitivity"] if r["choice"] == "N convention"]
    assert columns == ["n_non_embedding", "n_total", "n_with_head"]
    own = [r for r in found["sensitivity"] if r["setting"] in ("n_non_embedding", "huber")]
    for row in own:
        assert row["params"] == pytest.approx(found["params"], rel=1e-6)
    laws = {row["law"]: row for row in found["comparison"]}
    assert set(laws) == {"chinchilla", "kaplan", "power_n"}
    assert laws["chinchilla"]["bic"] < laws["power_n"]["bic"]
    assert laws["chinchilla"]["rms_relative_error"] < laws["power_n"]["rms_relative_error"]


def test_isoflop_design_is_analysed_beside_the_law(tmp_path):
    table = []
    for flops in (1e15, 1e16, 1e17, 1e18):
        for n in np.geomspace(0.05, 20.0, 8) * 2e5 * (flops / 1e15) ** 0.45:
            d = flops / 6.0 / n
            loss = 1.7 + 400.0 / n**0.34 + 410.0 / d**0.28
            row = {"n_params": n, "n_tokens": d, "flops": flops, "loss": loss}
            table.append({name: repr(float(value)) for name, value in row.items()})
    out = tmp_path / "fit.json"
    path = write(tmp_path / "runs.csv", table)
    settings = {"law": "chinchilla", "budget": None, "isoflop": True, "resamples": 100}
    contract.run(fit, {"observations": [path]}, {"fit": out}, settings, tmp_path)
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["isoflop"]["a"]["estimate"] == pytest.approx(0.28 / 0.62, abs=1e-4)
    assert abs(found["isoflop"]["disagreement"]["a"]) < 1e-4
    assert found["data"]["columns"]["n"] == "n_params"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"law": "cubic"}, "law 'cubic'"),
        ({"law": "power_n", "colour": 1}, "colour: no such setting"),
        ({"law": "power_n", "unit": "row"}, "unit 'row'"),
        ({"law": "power_n", "delta": 0.0}, "delta 0.0"),
        ({"law": "power_n", "fixed": {"beta": 1.0}}, "no parameter 'beta'"),
        ({"law": "power_n", "fixed": {"E": -1.0}}, "E held at -1.0"),
        ({"law": "power_n", "budget": "3M"}, "no row with budget '3M'"),
        ({"law": "power_n", "n": "params"}, "no column 'params'"),
        ({"law": "power_n", "budget": "1M", "drop_highest": 3}, "4 usable rows"),
        ({"law": "power_d", "budget": "1M"}, "one single value"),
        ({"law": "power_n", "unit": "seed"}, "two or more seeds"),
        ({"law": "power_n", "cluster": "budget"}, "needs at least 3"),
    ],
)
def test_bad_settings_are_refused_and_nothing_is_written(tmp_path, settings, message):
    without = "2M" if settings.get("cluster") else None
    table = [row for row in rows() if row["budget"] != without]
    with pytest.raises(BadInput, match=message):
        result(tmp_path, table, **settings)
    assert not (tmp_path / "fit.json").exists()


@pytest.mark.parametrize("cell", ["1e300", "1e-300"])
def test_losses_whose_squares_overflow_are_refused(tmp_path, cell):
    table = rows()
    table[3]["loss"] = cell
    with pytest.raises(BadInput, match=r"column .loss.: found .* losses of 1e-30 to 1e\+30"):
        result(tmp_path, table, law="power_n")


@pytest.mark.parametrize("cell", ["", "abc", "nan", "inf", "-1.0", "0"])
@pytest.mark.parametrize("column", ["loss", "n_non_embedding", "loss_se"])
def test_bad_cells_are_named_by_line_and_column(tmp_path, cell, column):
    table = rows()
    table[3][column] = cell
    if column == "loss" and cell in ("", "nan"):
        assert result(tmp_path, table, law="power_n")["data"]["left_out"]["no loss"] == 1
        return
    with pytest.raises(BadInput, match=f"line 5, column '{column}'"):
        result(tmp_path, table, law="power_n")
    assert not (tmp_path / "fit.json").exists()
