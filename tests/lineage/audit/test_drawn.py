"""Numbers on their way from an evaluation to a figure; hashes have no part in it."""

from pathlib import Path

from scaletrace.drawing.rows import Row, to_csv
from scaletrace.formats.observations import write_observations
from scaletrace.formats.source import SourceFile
from scaletrace.lineage.audit import drawn
from tests.lineage import small_study
from tests.lineage.small_study import (
    EVALUATION,
    FIGURE,
    FIT,
    ROW,
    TABLE,
    edit,
    figure,
    files_sha256,
    text,
)


def found():
    return {
        (one.file, one.field): (one.expected, one.found) for one in drawn.check(small_study.scope())
    }


def forged(path, content):
    """Replace a file, and the record of the figure with it."""
    text(path, content)
    made = {"csv": FIGURE}
    read = {"observations": TABLE, "fits": FIT}
    settings = small_study.record("figures", {"figure": "loss_vs_params"}).identity.settings
    small_study.job("figures", {"figure": "loss_vs_params"}, read, made, settings)


def test_a_sound_study_has_no_findings(study):
    assert found() == {}


def test_the_table_has_the_numbers_of_the_evaluations(study):
    write_observations(Path(TABLE), [ROW | {"loss": 2.4}])
    assert found()[TABLE, "run a: loss"] == ("2.5", "2.4")
    # The figure shows the old one, and is no longer of this table.
    assert found()[FIGURE, "point of a: y"] == ("2.4", "2.5")
    write_observations(Path(TABLE), [ROW | {"run": "b"}])
    assert found()[TABLE, "run a"] == ("an observation", "none")


def test_a_run_without_numbers_has_a_reason(study):
    write_observations(Path(TABLE), [ROW, {"run": "b", "status": "failed"}])
    assert found() == {(TABLE, "run b: reason"): ("why it is not ok", "nothing")}
    write_observations(Path(TABLE), [ROW, {"run": "b", "status": "failed", "reason": "power"}])
    assert found() == {}


def test_every_point_is_an_observation(study):
    forged(FIGURE, figure(2.4))
    assert found()[FIGURE, "point of a: y"] == ("2.5", "2.4")
    forged(FIGURE, figure().replace(",a,results", ",b,results"))
    assert found()[FIGURE, "point of b"] == ("an observation", "none has (100.0, 2.5)")
    assert found()[FIGURE, "point of a"] == ("loss 2.5", "left out, though its status is ok")


def test_an_identity_is_that_of_the_record(study):
    edit(FIGURE, "s,loss_vs_params,", "t,loss_vs_params,")
    fields = {key[1]: value for key, value in found().items()}
    assert fields["identity.study"] == ("s", "t")
    assert fields["identity.csv_sha256"][1] == files_sha256(FIGURE)
    text(FIGURE, "x\n")
    expected, actual = found()[FIGURE, "identity"]
    assert expected == "that of a figure"
    assert actual.startswith("not the CSV of a figure")


def test_sources_are_the_figures_inputs(study):
    edit(FIGURE, files_sha256(TABLE), "0" * 64)
    assert found()[FIGURE, f"identity.sources.{TABLE}"] == (files_sha256(TABLE), "0" * 64)


def residuals(y, run="a"):
    path = "results/s/figures/residuals.csv"
    row = Row("power", "point", SourceFile(FIT, files_sha256(FIT)), 100.0, y, run=run)
    text(path, to_csv("s", "residuals", [row]))
    inputs = {"fits": FIT}
    small_study.job(
        "figures", {"figure": "residuals"}, inputs, {"csv": path}, {"figure": "residuals"}
    )
    return path


def test_every_residual_is_that_of_the_fit(study):
    residuals(0.5)
    assert found() == {}
    path = residuals(0.25)
    assert found() == {(path, f"point of a in {FIT}"): ("0.5", "0.25")}
    residuals(0.5, "b")
    assert found() == {
        (path, f"point of a in {FIT}"): ("0.5", "no point"),
        (path, f"point of b in {FIT}"): ("no residual", "0.5"),
    }


def test_what_is_missing_is_the_concern_of_hashes(study):
    for path in (FIGURE, TABLE, EVALUATION):
        Path(path).unlink()
        assert found() == {}
