import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.figures.made_study import MadeStudy, texts_of


def test_the_picture_shows_the_rows_and_nothing_else(made: MadeStudy):
    rows = made.table("loss_vs_params")
    (axes,) = made.picture("loss_vs_params").axes
    in_data = [line for line in axes.lines if line.get_transform() == axes.transData]
    marked = {
        (x, y)
        for line in in_data
        if line.get_marker() not in ("None", "|", "_")
        for x, y in np.asarray(line.get_xydata()).tolist()
    }
    assert marked == {(float(r["x"]), float(r["y"])) for r in rows if r["kind"] == "point"}
    for name in ("power_n-1M", "power_n-2M"):
        for kind in ("curve", "asymptote"):
            wanted = [
                [float(r[k]) for r in rows if (r["series"], r["kind"]) == (name, kind)]
                for k in "xy"
            ]
            assert any(
                np.array_equal(np.transpose(np.asarray(line.get_xydata())), wanted)
                for line in in_data
            ), (
                name,
                kind,
            )


def test_curve_and_band_are_the_fits(made: MadeStudy):
    rows = made.table("loss_vs_params")
    curve = json.loads(made.fits[0].read_text())["curve"]
    band = [r for r in rows if r["series"] == "power_n-1M" and r["kind"] == "band"]
    line = [r for r in rows if r["series"] == "power_n-1M" and r["kind"] == "curve"]
    assert [float(r["x"]) for r in band] == [float(r["x"]) for r in line] == curve["x"]
    assert [float(r["y"]) for r in line] == curve["loss"]
    assert [float(r["low"]) for r in band] == curve["low"]
    assert [float(r["high"]) for r in band] == curve["high"]
    assert {r["source"] for r in band + line} == {str(made.fits[0])}


def test_an_asymptote_that_the_data_do_not_pin_down_is_said_and_not_drawn(made: MadeStudy):
    content = json.loads(made.fits[0].read_text())
    content["intervals"]["E"] |= {"verdict": "weakly identified", "se": None, "low": None}
    made.fits[0].write_text(json.dumps(content))
    rows = made.table("loss_vs_params")
    assert {r["series"] for r in rows if r["kind"] == "asymptote"} == {"power_n-2M"}
    texts = texts_of(made.picture("loss_vs_params"))
    assert texts.count("$E$ weakly identified") == 1
    assert sum(text.startswith("$E$ = ") for text in texts) == 1


def test_what_is_excluded_or_has_no_loss_is_said(made: MadeStudy):
    texts = texts_of(made.picture("loss_vs_params"))
    assert "excluded" in texts
    assert "not drawn, no loss: 1 diverged" in texts
    assert "Non-embedding parameters N (count)" in texts
    assert "Held-out loss (nats per token)" in texts


def test_n_follows_the_convention(made: MadeStudy):
    made.fits = []
    conventions = {"n": "with_head", "flops": "exact"}
    rows = made.table("loss_vs_params", conventions=conventions)
    xs = {float(r["x"]) for r in rows if r["kind"] == "point"}
    assert xs == {row["n_with_head"] for row in made.rows}


def test_budgets_in_flops_are_joined_not_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(5, {"C1e11": 1e11, "C4e11": 4e11}, flops=True)
    made.write()
    made.fit("chinchilla")
    rows = made.table("loss_vs_params")
    assert {r["kind"] for r in rows} == {"point", "line"}
    assert "C = 4e11 FLOPs" in texts_of(made.picture("loss_vs_params"))


def test_more_budgets_than_room_keep_their_first_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    budgets = {f"{m}M": m * 1e6 for m in range(1, 11)}
    made = MadeStudy(5, budgets)
    made.write()
    for budget in budgets:
        made.fit("power_n", budget)
    texts = texts_of(made.picture("loss_vs_params"))
    assert all(f"D = {budget} tokens" in texts for budget in budgets)


def test_numbers_in_the_csv_have_all_their_digits(made: MadeStudy):
    rows = made.table("loss_vs_params")
    cells = [r[k] for r in rows for k in ("x", "y", "low", "high") if r[k]]
    assert all(repr(float(cell)) == cell and math.isfinite(float(cell)) for cell in cells)


def test_an_interval_that_reaches_below_zero_is_cut_off(made: MadeStudy):
    made.rows[1]["loss_se"] = "9.0"
    made.write()
    (axes,) = made.picture("loss_vs_params").axes
    assert 0 < axes.get_ylim()[0] < axes.get_ylim()[1]
