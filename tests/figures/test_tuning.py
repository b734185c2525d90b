import csv

import pytest

from scaletrace import contract
from scaletrace.formats.figure_identity import read_identity
from scaletrace.stages import figures
from tests.stages.test_tune import N, loss, tuned  # noqa: F401


def test_the_figure_shows_the_trials_the_parabolas_and_the_law(tuned, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    law, table = tuned()
    outputs = {form: tmp_path / f"tuning.{form}" for form in ("pdf", "svg", "png", "csv")}
    settings = {"study": "made", "figure": "tuning", "title": "Rates", "n_range": [1e4, 1e6]}
    settings |= {"conventions": {}, "runs": [], "trunks": []}
    inputs = {"law": [law], "trials": [tmp_path / "out-trials.csv"]}
    contract.run(figures, inputs, outputs, settings, tmp_path)
    with outputs["csv"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    trials = {row["trial"]: (row["learning_rate"], row["loss"], row["used"]) for row in table}
    drawn = {row["run"]: row for row in rows if row["run"] in trials}
    assert drawn.keys() == trials.keys()
    for name, row in drawn.items():
        assert (row["x"], row["y"]) == trials[name][:2]
        assert row["series"].endswith(" excluded") == (trials[name][2] == "no")
    for size, n in N.items():
        curve = [row for row in rows if (row["series"], row["kind"]) == (size, "curve")]
        assert [float(row["y"]) for row in curve] == pytest.approx(
            [loss(n, float(row["x"])) for row in curve]
        )
    line = [row for row in rows if (row["series"], row["kind"]) == ("decoder law", "curve")]
    assert (float(line[0]["x"]), float(line[-1]["x"])) == pytest.approx((1e4, 1e6))
    assert [float(row["y"]) for row in line] == pytest.approx(
        [0.012 * (float(row["x"]) / 3e4) ** -0.3 for row in line]
    )
    identities = [read_identity(path) for path in outputs.values()]
    assert all(identity == identities[0] for identity in identities)
    assert set(identities[0]["sources"]) == {"out-law.json", "out-trials.csv"}
