"""A study on disk for tests of figures."""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from scaletrace import contract, kinds
from scaletrace.drawing import style
from scaletrace.drawing.content import FigureContent
from scaletrace.drawing.rows import to_csv
from scaletrace.stages import figures, fit

FORMS = ("pdf", "svg", "png", "csv")


# Those that a study without tuning has.
# What a study has only if it asks for it.
ASKED_FOR = {"tuning", "coordinate_check"}
FIGURES = tuple(
    name
    for name in kinds.names("figures")
    if ASKED_FOR.isdisjoint(kinds.load("figures", name).DRAWS)
)


COLUMNS = "study,figure,series,kind,x,y,low,high,run,source,source_sha256"


TOKENS = {"1M": 1e6, "2M": 2e6}


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
        if "curves" in kinds.load("figures", figure).DRAWS:
            inputs["curves"] = list(self.curves.values())
            inputs["trunk_curves"] = [path for _, path in self.trunks]
        return inputs

    def settings(self, figure: str) -> dict[str, Any]:
        conventions = {"n": "non_embedding", "flops": "exact"}
        settings = {"study": "made", "figure": figure, "title": "A", "conventions": conventions}
        settings |= {"runs": [], "trunks": []}
        if "curves" in kinds.load("figures", figure).DRAWS:
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

    def content(self, name: str, **changes: Any) -> FigureContent:
        inputs = contract.files_from(figures.Inputs, self.inputs(name))
        settings = contract.settings_from(figures, self.settings(name) | changes)
        return kinds.load("figures", name).read(inputs, settings)

    def table(self, name: str, **changes: Any) -> list[dict[str, str]]:
        figure = kinds.load("figures", name)
        text = to_csv("made", name, figure.rows(self.content(name, **changes)))
        assert text.startswith(COLUMNS + "\n")
        return list(csv.DictReader(text.splitlines()))

    def picture(self, figure: str) -> Figure:
        content, module = self.content(figure), kinds.load("figures", figure)
        with style.house_style():
            return module.draw(content, module.rows(content), "A")


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
