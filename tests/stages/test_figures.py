import contextlib
import copy
import csv
import hashlib
import itertools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text

from scaletrace import contract, kinds
from scaletrace.drawing import style
from scaletrace.drawing.content import read_study
from scaletrace.drawing.labels import spread
from scaletrace.drawing.rows import to_csv
from scaletrace.errors import BadInput
from scaletrace.formats.figure_identity import read_identity
from scaletrace.stages import figures, fit

FORMS = ("pdf", "svg", "png", "csv")
FIGURES = ("loss_vs_params", "loss_vs_tokens", "training_curves", "residuals")
COLUMNS = "study,figure,series,kind,x,y,low,high,run,source,source_sha256"


class MadeStudy:
    """A study on disk whose losses follow a law with noise; the fits are the fit stage's own."""

    def __init__(
        self,
        sizes: int,
        budgets: dict[str, float],
        seeds: int = 1,
        flops: bool = False,
        families: tuple[str, ...] = ("decoder",),
    ):
        self.rows: list[dict[str, Any]] = []
        self.curves: dict[str, Path] = {}
        self.trunks: list[tuple[str, Path]] = []
        self.fits: list[Path] = []
        self.observations = Path("results/made/observations.csv")
        rng = np.random.default_rng(7)
        ns = np.geomspace(6000, 800_000, sizes).astype(int).tolist()
        for family, (i, n) in itertools.product(families, enumerate(ns)):
            size = f"d{16 * (i + 1)}-l2{'' if family == 'decoder' else '-' + family}"
            n = n + 100 * families.index(family)
            for seed in range(seeds):
                trunk = f"{size}-s{seed}"
                for segment in (1, 2):
                    path = Path(f"results/made/trunks/{trunk}/{segment}/curve.csv")
                    self.write_curve(path, range(20 * segment, 20 * segment + 20))
                    self.trunks.append((trunk, path))
                for budget, amount in budgets.items():
                    d = round(amount / (6 * n)) if flops else round(amount)
                    loss = 2.0 + 60 / n**0.4 + 300 / d**0.45 + rng.normal(0, 0.005)
                    loss += 0.2 * families.index(family)
                    self.add(f"{trunk}-{budget}", size, family, n, seed, budget, d, loss)

    def add(
        self,
        run: str,
        size: str,
        family: str,
        n: int,
        seed: int,
        budget: str,
        d: int,
        loss: float,
    ) -> None:
        self.rows.append(
            {
                "run": run,
                "size": size,
                "family": family,
                "seed": seed,
                "budget": budget,
                "n_non_embedding": n,
                "n_total": n + 9000,
                "n_with_head": n + 5000,
                "n_tokens": d,
                "flops_exact": 7.0 * n * d,
                "loss": repr(float(loss)),
                "loss_se": "0.01",
                "status": "ok",
            }
        )
        self.curves[run] = Path(f"results/made/runs/{run}/curve.csv")
        self.write_curve(self.curves[run], range(60, 70))

    def write_curve(self, path: Path, steps: range) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{step},{step * 2048},{3 + 4 / step!r},0.01\n" for step in steps]
        path.write_text("step,tokens,loss,learning_rate\n" + "".join(lines))

    def mark(self, run: str, status: str) -> None:
        (row,) = [row for row in self.rows if row["run"] == run]
        row["status"] = status
        if status in ("diverged", "failed"):
            row["loss"] = row["loss_se"] = ""

    def write(self) -> None:
        with self.observations.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    def fit(
        self, law: str, budget: str | None = None, resamples: int = 100, family: str | None = None
    ) -> Path:
        name = "-".join(word for word in (law, family, budget) if word)
        path = Path(f"results/made/fits/{name}.json")
        path.parent.mkdir(exist_ok=True)
        settings = {"law": law, "budget": budget, "n": "n_non_embedding", "d": "n_tokens"}
        settings |= {"flops": "flops_exact", "resamples": resamples, "family": family}
        contract.run(
            fit, {"observations": [self.observations]}, {"fit": path}, settings, Path("work")
        )
        self.fits.append(path)
        return path

    def inputs(self, figure: str) -> dict[str, list[Path]]:
        inputs = {"observations": [self.observations], "fits": self.fits}
        if figure == "training_curves":
            inputs["curves"] = list(self.curves.values())
            inputs["trunk_curves"] = [path for _, path in self.trunks]
        return inputs

    def settings(self, figure: str) -> dict[str, Any]:
        conventions = {"n": "non_embedding", "flops": "exact"}
        settings = {"study": "made", "figure": figure, "title": "A", "conventions": conventions}
        settings |= {"runs": [], "trunks": []}
        if figure == "training_curves":
            settings["runs"] = list(self.curves)
            settings["trunks"] = [name for name, _ in self.trunks]
        return settings

    def draw(self, name: str, **changes: Any) -> dict[str, Path]:
        outputs = {form: Path("elsewhere") / f".{name}.tmp.{form}" for form in FORMS}
        Path("elsewhere").mkdir(exist_ok=True)
        settings = self.settings(name) | changes
        measured = contract.run(figures, self.inputs(name), outputs, settings, Path("work"))
        text = outputs["csv"].read_text(encoding="utf-8")
        assert measured == {"rows": text.count("\n") - 1}
        return outputs

    def table(self, name: str, **changes: Any) -> list[dict[str, str]]:
        study = read_study(self.inputs(name), self.settings(name) | changes)
        text = to_csv("made", name, kinds.load("figures", name).rows(study))
        assert text.startswith(COLUMNS + "\n")
        return list(csv.DictReader(text.splitlines()))

    def picture(self, figure: str) -> Figure:
        study = read_study(self.inputs(figure), self.settings(figure))
        module = kinds.load("figures", figure)
        with style.house_style():
            return module.draw(study, module.rows(study), "A")


def texts_of(picture: Figure) -> list[str]:
    found = [text.get_text() for text in picture.findobj(Text) if isinstance(text, Text)]
    return [line for text in found for line in text.split("\n")]


def shown_texts(picture: Figure) -> list[Text]:
    texts = [t for t in picture.findobj(Text) if isinstance(t, Text) and t.get_text().strip()]
    beyond = [
        tick.label1
        for axes in picture.axes
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim()))
        for tick in axis.get_major_ticks()
        if not low <= tick.get_loc() <= high
    ]
    return [text for text in texts if text.get_visible() and text not in beyond]


TOKENS = {"1M": 1e6, "2M": 2e6}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MadeStudy]:
    """Six sizes, two budgets; one run excluded, one diverged; a fit per budget."""
    folder = tmp_path_factory.mktemp("study")
    with contextlib.chdir(folder):
        made = MadeStudy(6, TOKENS)
        made.mark("d16-l2-s0-1M", "excluded")
        made.mark("d96-l2-s0-2M", "diverged")
        made.write()
        for budget in TOKENS:
            made.fit("power_n", budget)
    return folder, made


@pytest.fixture
def made(
    fitted: tuple[Path, MadeStudy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MadeStudy:
    """Return a copy of the study that a test may spoil."""
    folder, made = fitted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(made)


def test_bytes_do_not_depend_on_process_matplotlibrc_or_output_names(made: MadeStudy):
    hostile = Path("hostile")
    hostile.mkdir()
    (hostile / "matplotlibrc").write_text(
        "font.size: 30\nfont.family: serif\nlines.linewidth: 9\nsavefig.dpi: 50\n"
        "axes.prop_cycle: cycler('color', ['r'])\nsvg.hashsalt: other\npath.simplify: False\n"
    )
    program = (
        "import json, sys\nfrom pathlib import Path\n"
        "from scaletrace import contract\nfrom scaletrace.stages import figures\n"
        "for inputs, outputs, settings in json.load(sys.stdin):\n"
        "    inputs = {k: [Path(p) for p in v] for k, v in inputs.items()}\n"
        "    outputs = {k: Path(v) for k, v in outputs.items()}\n"
        "    contract.run(figures, inputs, outputs, settings, Path('w'))\n"
    )
    jobs = [
        (
            {name: list(map(str, paths)) for name, paths in made.inputs(figure).items()},
            {form: f"hostile/other {figure}.{form}" for form in FORMS},
            made.settings(figure),
        )
        for figure in FIGURES
    ]
    environment = os.environ | {"MATPLOTLIBRC": str(hostile), "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-W", "error", "-c", program]
    subprocess.run(command, input=json.dumps(jobs), text=True, env=environment, check=True)
    for figure, (_, elsewhere, _) in zip(FIGURES, jobs, strict=True):
        here = made.draw(figure)
        for form in FORMS:
            content = here[form].read_bytes()
            assert content == Path(elsewhere[form]).read_bytes(), (figure, form)
            assert str(Path.cwd()).encode() not in content
            assert b"elsewhere" not in content


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


def test_budgets_in_flops_are_joined_not_fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(5, {"C1e11": 1e11, "C4e11": 4e11}, flops=True)
    made.write()
    made.fit("chinchilla")
    rows = made.table("loss_vs_params")
    assert {r["kind"] for r in rows} == {"point", "line"}
    assert "C = 4e11 FLOPs" in texts_of(made.picture("loss_vs_params"))


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


def test_lines_between_points_are_means_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(2, TOKENS, seeds=3)
    made.mark("d16-l2-s1-1M", "excluded")
    made.write()
    rows = made.table("loss_vs_tokens")
    (mean,) = [
        r for r in rows if r["kind"] == "line" and r["series"] == "d16-l2" and r["x"] == "1000000.0"
    ]
    losses = {row["run"]: float(row["loss"]) for row in made.rows}
    kept = (losses["d16-l2-s0-1M"] + losses["d16-l2-s2-1M"]) / 2
    assert float(mean["y"]) == pytest.approx(kept, 1e-15)


def test_training_curves_join_segments_and_mark_divergence(made: MadeStudy):
    diverged = "d96-l2-s0-2M"
    text = made.curves[diverged].read_text().splitlines()
    made.curves[diverged].write_text("\n".join([*text[:5], "64,131072,1e9,0.01"]) + "\n")
    rows = made.table("training_curves")
    trunk = [float(r["x"]) for r in rows if r["series"] == "d96-l2-s0"]
    assert trunk == [step * 2048.0 for step in range(20, 60)]
    assert [r["y"] for r in rows if r["run"] == diverged][-1] == "1000000000.0"
    (axes,) = made.picture("training_curves").axes
    assert axes.get_ylim()[1] < 10
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xdata()).tolist() == [131072.0]
    assert np.asarray(cross.get_ydata()).tolist() == [axes.get_ylim()[1]]


def test_a_run_whose_trunk_diverged_is_marked_at_the_end_of_the_trunk(made: MadeStudy):
    made.curves["d96-l2-s0-2M"].write_text("step,tokens,loss,learning_rate\n")
    (axes,) = made.picture("training_curves").axes
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xdata()).tolist() == [59 * 2048.0]


def test_residuals_are_the_fits_against_n(made: MadeStudy):
    made.fit("power_d")
    rows = made.table("residuals")
    n_of = {row["run"]: row["n_non_embedding"] for row in made.rows}
    for path in made.fits:
        wanted = {r["run"]: r["log_residual"] for r in json.loads(path.read_text())["residuals"]}
        points = [r for r in rows if r["kind"] == "point" and r["source"] == str(path)]
        assert {r["run"]: float(r["y"]) for r in points} == wanted
        assert all(float(r["x"]) == n_of[r["run"]] for r in points)


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


def test_labels_keep_their_distance_and_move_no_more_than_needed():
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = np.sort(rng.uniform(0, 1, 8))
        placed = spread(wanted, 0.1, 0.0, 1.05)
        assert np.diff(placed).min() >= 0.1 - 1e-12
        assert placed.min() >= 0
        assert placed.max() <= 1.05 + 1e-12
    apart = np.array([0.1, 0.5, 0.9])
    assert spread(apart, 0.1, 0.0, 1.05) == pytest.approx(apart)
    assert spread(np.array([0.5, 0.5]), 0.1, 0.0, 1.0) == pytest.approx([0.45, 0.55])


def test_colours_darken_in_order_and_markers_tell_neighbours_apart():
    looks = list(style.looks({str(i): "decoder" for i in range(20)}).values())
    channels = np.array([look.color for look in looks])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]  # ITU-R BT.709
    assert (np.diff(luminance) < 0).all()
    assert 1.05 / (luminance.max() + 0.05) > 2.3  # contrast with white (WCAG 2)
    assert all(a.marker != b.marker for a, b in itertools.pairwise(looks))


def test_the_font_is_the_one_that_ships_with_matplotlib():
    assert findfont("DejaVu Sans").startswith(mpl.get_data_path())


def test_a_title_is_plain_text_of_any_length():
    title = "Costs $1 and $\\frac{ " + "very " * 30 + "long"
    with style.house_style():
        figure, _ = style.new_figure(title, 1.0)
        figure.draw_without_rendering()
    (drawn,) = [t for t in shown_texts(figure) if t.get_text().split() == title.split()]
    box = drawn.get_window_extent()
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1


def write_other_n(made: MadeStudy) -> None:
    path = made.fits[0]
    path.write_text(path.read_text().replace("n_non_embedding", "n_total"))


def lose_all(made: MadeStudy) -> None:
    for row in made.rows:
        made.mark(row["run"], "failed")
    made.write()


def forget_runs(made: MadeStudy) -> None:
    made.rows = made.rows[:4]
    made.write()


@pytest.mark.parametrize(
    ("figure", "spoil", "message"),
    [
        ("loss_vs_params", lose_all, "observations.csv: no run has a loss"),
        ("loss_vs_params", write_other_n, "fitted to column 'n_total'"),
        ("loss_vs_params", lambda made: made.fits[0].write_text("[]"), "not the result of a fit"),
        ("loss_vs_params", lambda made: made.observations.write_text("a\n1\n"), "not a table"),
        ("residuals", forget_runs, "is not in results/made/observations.csv"),
        ("residuals", lambda made: made.fits.clear(), "no fit"),
        ("training_curves", lambda made: made.trunks.pop(), None),
        ("training_curves", lambda made: made.curves.clear() or made.trunks.clear(), "no curve"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(
    made: MadeStudy, figure: str, spoil: Any, message: str | None
):
    settings = made.settings(figure)
    spoil(made)
    if message is None:
        message = "11 trunk curve files for 12 names"
    else:
        settings = made.settings(figure)
    outputs = {form: Path(f"x.{form}") for form in FORMS}
    with pytest.raises(BadInput, match=message):
        contract.run(figures, made.inputs(figure), outputs, settings, Path("work"))
    assert not any(path.exists() for path in outputs.values())


def test_settings_out_of_range_and_inputs_elsewhere_are_refused(made: MadeStudy):
    with pytest.raises(BadInput, match="one of loss_vs_params, loss_vs_tokens"):
        made.draw("loss_vs_params", figure="pie")
    with pytest.raises(BadInput, match=r"conventions\.n: 'all'; one of non_embedding"):
        made.draw("loss_vs_params", conventions={"n": "all", "flops": "exact"})
    made.observations = made.observations.absolute()
    made.draw("loss_vs_tokens")
    os.chdir("elsewhere")
    with pytest.raises(BadInput, match="must lie in the repository"):
        made.draw("loss_vs_tokens")


def test_numbers_in_the_csv_have_all_their_digits(made: MadeStudy):
    rows = made.table("loss_vs_params")
    cells = [r[k] for r in rows for k in ("x", "y", "low", "high") if r[k]]
    assert all(repr(float(cell)) == cell and math.isfinite(float(cell)) for cell in cells)
