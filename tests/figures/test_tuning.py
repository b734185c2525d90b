import csv

import pytest

from scaletrace import contract
from scaletrace.formats.figure_identity import read_identity
from scaletrace.stages import figures
from tests.stages.test_tune import N, loss, tuned  # noqa: F401


def drawn_tuning(law, folder):
    """Return the files of the figure of one family's tuning, and the rows that it shows."""
    outputs = {form: folder / f"tuning.{form}" for form in ("pdf", "svg", "png", "csv")}
    settings = {"study": "made", "figure": "tuning", "title": "Rates", "n_range": [1e4, 1e6]}
    settings |= {"conventions": {}, "runs": [], "trunks": []}
    inputs = {"law": [law], "trials": [folder / "out-trials.csv"]}
    contract.run(figures, inputs, outputs, settings, folder)
    with outputs["csv"].open(encoding="utf-8", newline="") as stream:
        return outputs, list(csv.DictReader(stream))


def test_the_figure_shows_the_trials_the_parabolas_and_the_law(tuned, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    law, table = tuned()
    outputs, rows = drawn_tuning(law, tmp_path)
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
    assert not [row for row in rows if row["series"].partition(" at ")[2]]
    identities = [read_identity(path) for path in outputs.values()]
    assert all(identity == identities[0] for identity in identities)
    assert set(identities[0]["sources"]) == {"out-law.json", "out-trials.csv"}


def test_each_budget_has_its_losses_and_its_law_and_edges_are_marked(tuned, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    budgets, rates = (16_000, 64_000, 128_000), [0.0068, 0.0085, 0.0102, 0.0122, 0.0147, 0.0176]
    law, _ = tuned(rates=rates, tokens=budgets)
    _, rows = drawn_tuning(law, tmp_path)
    for d in budgets:
        line = [
            row for row in rows if (row["series"], row["kind"]) == (f"decoder law {d}", "curve")
        ]
        assert [float(row["y"]) for row in line] == pytest.approx(
            [0.012 * (float(row["x"]) / 3e4) ** -0.3 * (d / 64e3) ** -0.2 for row in line]
        )
    parabolas = {row["series"] for row in rows if row["kind"] == "curve"}
    edges = {"small 16000 at highest", "small 64000 at highest", "large 128000 at lowest"}
    places = {f"{size} {d}" for size in N for d in budgets}
    assert places - parabolas == {edge.partition(" at ")[0] for edge in edges}
    marked = {row["series"]: row for row in rows if " at " in row["series"]}
    assert marked.keys() - edges == {
        *("decoder best 16000 at highest", "decoder best 64000 at highest"),
        "decoder best 128000 at lowest",
    }
    place = marked["large 128000 at lowest"]
    assert float(place["x"]) == 0.0068
    assert float(place["y"]) == pytest.approx(loss(N["large"], 0.0068, d=128_000))
