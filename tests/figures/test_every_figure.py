"""What holds for every figure."""

import hashlib
import json
from pathlib import Path

import pytest

from scaletrace.drawing import style
from scaletrace.formats.figure_identity import read_identity
from tests.figures.made_study import FIGURES, FORMS, TOKENS, MadeStudy, shown_texts, texts_of


@pytest.mark.parametrize("figure", FIGURES)
def test_identity_names_the_csv_and_every_file_that_a_row_comes_from(made: MadeStudy, figure: str):
    outputs = made.draw(figure)
    identity = read_identity(outputs["csv"])
    assert all(read_identity(outputs[form]) == identity for form in FORMS)
    assert (identity["study"], identity["figure"]) == ("made", figure)
    assert identity["csv_sha256"] == hashlib.sha256(outputs["csv"].read_bytes()).hexdigest()
    for path, digest in identity["sources"].items():
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == digest
    expected = {
        "loss_vs_params": [made.observations, *made.fits],
        "loss_vs_tokens": [made.observations],
        "training_curves": [*made.curves.values(), *(path for _, path in made.trunks)],
        "residuals": made.fits,
    }
    if figure in expected:
        assert set(identity["sources"]) == set(map(str, expected[figure]))


def test_every_measured_loss_is_a_point_once_and_a_diverged_run_is_none(made: MadeStudy):
    for figure, x in (("loss_vs_params", "n_non_embedding"), ("loss_vs_tokens", "n_tokens")):
        points = [r for r in made.table(figure) if r["kind"] == "point"]
        drawn = {r["run"]: (float(r["x"]), float(r["y"])) for r in points}
        assert len(drawn) == len(points) == 11
        for row in made.rows:
            if row["status"] != "diverged":
                assert drawn[row["run"]] == (row[x], float(row["loss"]))
        (excluded,) = [r for r in points if r["series"].endswith("excluded")]
        assert excluded["run"] == "d16-l2-s0-1M"
        assert float(excluded["high"]) - float(excluded["low"]) == pytest.approx(2 * 1.96e-2, 1e-4)


def test_a_law_in_n_and_d_gives_curves_in_both_figures(made: MadeStudy):
    made.fits = [made.fit("chinchilla")]
    curves = json.loads(made.fits[0].read_text())["curve"]
    for figure, along, members in (
        ("loss_vs_params", "against_n", ["1M", "2M"]),
        ("loss_vs_tokens", "against_d", [f"d{16 * i}-l2" for i in range(1, 7)]),
    ):
        rows = [r for r in made.table(figure) if r["kind"] == "curve"]
        for member, series in zip(members, curves[along]["series"], strict=True):
            ys = [float(r["y"]) for r in rows if r["series"] == f"chinchilla {member}"]
            assert ys == series["loss"]


@pytest.mark.parametrize("law", ["power_n", "chinchilla"])
def test_families_have_points_curves_and_labels_of_their_own(
    law: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    families = ("decoder", "encoder_textbook")
    made = MadeStudy(6, TOKENS, families=families)
    made.write()
    for family in families:
        for budget in TOKENS if law == "power_n" else (None,):
            made.fit(law, budget, family=family)
    rows = made.table("loss_vs_params")
    groups = {f"{family} {budget}" for family in families for budget in TOKENS}
    assert {row["series"] for row in rows if row["kind"] == "point"} == groups
    for path in made.fits:
        parameters = json.loads(path.read_text())["params"]
        assert path.stem.split("-")[0] == law
        curves = [r for r in rows if r["kind"] == "curve" and r["source"] == path.as_posix()]
        assert len({row["series"] for row in curves}) == (1 if law == "power_n" else len(TOKENS))
        assert min(float(row["y"]) for row in curves) > parameters["E"]
    texts = texts_of(made.picture("loss_vs_params"))
    assert all(any(f"{f}, {b}" in text for text in texts) for f in families for b in TOKENS)
    for figure in ("loss_vs_tokens", "training_curves"):
        assert set(families) <= set(texts_of(made.picture(figure)))
    lines = texts_of(made.picture("residuals"))
    assert all(lines.count(family) == len(made.fits) / 2 for family in families)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_large_study_stays_within_the_page_and_no_label_touches_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: str
):
    monkeypatch.chdir(tmp_path)
    budgets = {"500k": 5e5, "1M": 1e6, "2M": 2e6, "4M": 4e6, "8M": 8e6}
    made = MadeStudy(20, budgets)
    made.mark("d16-l2-s0-1M", "excluded")
    made.mark("d80-l2-s0-2M", "diverged")
    made.write()
    for budget in budgets if figure in ("loss_vs_params", "residuals") else ():
        made.fit("power_n", budget)
    with style.house_style():
        picture = made.picture(figure)
        picture.draw_without_rendering()
        width, height = picture.canvas.get_width_height()
        boxes = {text: text.get_window_extent() for text in shown_texts(picture)}
    assert len(boxes) > 10
    for text, box in boxes.items():
        inside = box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
        assert inside, text.get_text()
    # A text's box has room above and below its letters: a sixth of its size may be shared.
    slack = 7 * picture.dpi / 72 / 6
    ordered = list(boxes.items())
    for i, (text, box) in enumerate(ordered):
        for other, beside in ordered[i + 1 :]:
            across = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            along = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            assert across <= 0 or along <= slack, (text.get_text(), other.get_text())
