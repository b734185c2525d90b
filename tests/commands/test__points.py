"""`scaletrace predict` for many points: several values of an option, or a table."""

import csv
import json
from io import StringIO

import pytest

from tests.commands.predicting import asked


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_several_values_are_answered_as_each_alone(capsys, fit):
    code, out, _ = asked(capsys, fit, "--n", 1e8, 1e9, "--d", 1e10, "--json")
    assert code == 0
    alone = [asked(capsys, fit, "--n", n, "--d", 1e10, "--json")[1] for n in (1e8, 1e9)]
    assert json.loads(out) == [json.loads(one) for one in alone]
    _, out, _ = asked(capsys, fit, "--n", 1e8, 1e9, "--d", 1e10)
    assert len([line for line in out.splitlines() if " 1e+10 " in line]) == 2


def test_lists_of_several_lengths_are_refused(capsys, fit):
    code, _, err = asked(capsys, fit, "--n", 1e8, 1e9, "--d", 1e9, 1e10, 1e11)
    assert code == 2
    assert "--n has 2, --d has 3 values" in err


def test_every_value_that_cannot_be_used_is_named(capsys, fit):
    code, _, err = asked(capsys, fit, "--flops", -1, 1e20, 0)
    assert code == 2
    assert "value 1: --flops -1.0" in err
    assert "value 3: --flops 0.0" in err


@pytest.mark.parametrize("header", ["n_params,n_tokens", "N (millions),tokens"])
def test_a_table_is_answered_row_by_row_beside_its_own_columns(capsys, fit, tmp_path, header):
    first = "100" if "millions" in header else "1e8"
    path = tmp_path / "points.csv"
    path.write_text(f"note,{header},loss\nx,{first},10B,2.5\ny,{first},2e10,2.4\n")
    code, out, err = asked(capsys, fit, "--table", path)
    assert code == 0
    rows = table_of(out)
    assert [row["note"] for row in rows] == ["x", "y"]
    assert [row["loss"] for row in rows] == ["2.5", "2.4"]
    _, alone, _ = asked(capsys, fit, "--n", 1e8, "--d", 2e10, "--json")
    loss = json.loads(alone)["predictions"]["loss"]
    assert float(rows[1]["predicted_loss"]) == loss["estimate"]
    assert float(rows[1]["loss_run_high"]) == loss["measured_run"]["high"]
    assert "N from" in err


def test_n_and_flops_give_the_tokens_and_flops_alone_the_optimum(capsys, fit, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("n_params,flops\n1e8,6e18\n")
    _, out, _ = asked(capsys, fit, "--table", path)
    _, alone, _ = asked(capsys, fit, "--n", 1e8, "--d", 1e10, "--json")
    loss = json.loads(alone)["predictions"]["loss"]["estimate"]
    assert float(table_of(out)[0]["loss"]) == pytest.approx(loss)
    path.write_text("flops\n1e20\n")
    out = tmp_path / "answers.csv"
    assert asked(capsys, fit, "--table", path, "--out", out)[:2] == (0, "")
    assert {"flops", "N_opt", "D_opt_low", "loss"} <= table_of(out.read_text())[0].keys()


def test_cells_and_columns_that_cannot_be_used_are_all_named(capsys, fit, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("n_params,n_tokens\n-1,1e9\n1e8,\n")
    code, _, err = asked(capsys, fit, "--table", path)
    assert code == 2
    assert "line 2, column 'n_params'" in err
    assert "line 3, column 'n_tokens'" in err
    path.write_text("width,n_tokens\n1,1e9\n")
    code, _, err = asked(capsys, fit, "--table", path)
    assert code == 2
    assert "no column is N" in err
    code, _, err = asked(capsys, fit, "--table", path, "--flops", 1)
    assert code == 2
    assert "--table, or --flops" in err


def test_another_count_of_n_than_the_fits_is_refused(capsys, fit, tmp_path):
    content = json.loads(fit.read_text())
    content["data"]["columns"]["n"] = "n_non_embedding"
    other = tmp_path / "fit.json"
    other.write_text(json.dumps(content))
    path = tmp_path / "points.csv"
    path.write_text("n_total,n_tokens\n1e8,1e10\n")
    code, _, err = asked(capsys, other, "--table", path)
    assert code == 2
    assert "'n_total' is another count than the fit's 'n_non_embedding'" in err
