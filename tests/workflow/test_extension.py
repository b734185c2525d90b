"""What it costs to extend Scaletrace: one file for a law, a corpus, an optimiser, a figure."""

import json
import re

import pytest

from tests.workflow.conftest import TINY

LAW = '''"""One power of N with its exponent held at a half, E + A / N^(1/2)."""

import numpy as np

from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.law import Law, Parameter


def _log_loss(theta, logs):
    level, amplitude = theta[:, 0, None], theta[:, 1, None]
    return np.log(level + np.exp(amplitude - 0.5 * logs["n"]))


def _guesses(logs, log_loss):
    low = np.exp(log_loss.min())
    return np.array([(share * low, np.log((1.0 - share) * low)) for share in (0.5, 0.9)])


LAW = Law(
    name="half_power",
    formula="E + A / N^(1/2)",
    paper="a test",
    variables=("n",),
    parameters=(Parameter("E", "level"), Parameter("A", "amplitude", variable="n")),
    jet=ByDifferences(_log_loss),
    offsets=lambda theta, centre: {1: np.full(theta.shape[:-1], 0.5 * centre["n"])},
    guesses=_guesses,
)
'''
SOURCE = '''"""Numbers in words, as many documents as the study wants."""

import dataclasses
from typing import Literal

from pydantic import Field

from scaletrace.corpora import DealtSource
from scaletrace.text.documents import Document, deal_to_all

DIGITS = "zero one two three four five six seven eight nine".split()


class Keys(DealtSource):
    """How many numbers."""

    source: Literal["numerals"]
    count: int = Field(ge=100, description="numbers, from 0")

    def settings(self, versions):
        """Return the settings of the job that writes them."""
        return Settings(self.source, self.valid, self.test, self.count)

    def text_bytes(self, raw_files):
        """Return about how many bytes of text there are."""
        return 100 * self.count


@dataclasses.dataclass(frozen=True)
class Settings:
    """How many numbers, and the fractions held out."""

    source: str
    valid: float
    test: float
    count: int


def read(files, settings):
    """Return the documents of the splits."""
    documents = [
        Document(str(n), " ".join(DIGITS[int(digit)] for digit in str(n * n * n)))
        for n in range(settings.count)
    ]
    splits, duplicates = deal_to_all(documents, settings.valid, settings.test)
    return splits, {"count": settings.count, "duplicates": duplicates}
'''
OPTIMISER = '''"""Signs of a momentum (Chen et al. 2023, arXiv 2302.06675)."""

MOMENTS = ("momentum",)
UPDATE_GROWS = 1.0


def update(weights, gradients, moments, step, rate, group):
    """Take one step of the rate along every weight."""
    for weight, gradient, momentum in zip(weights, gradients, moments["momentum"], strict=True):
        weight.sub_(gradient.lerp(momentum, group.beta1).sign_(), alpha=rate)
        momentum.lerp_(gradient, 1.0 - group.beta2)
'''
FIGURE = '''"""Held-out loss against the size of a model, without any fit."""

from scaletrace.drawing import marks, style
from scaletrace.drawing.content import LOSS_LABEL, read_content

TITLE = "Losses alone"
DRAWS = ("observations",)
NEEDS = ()
CAPTION = "Held-out loss against N."
read = read_content


def rows(content):
    """Return a point per run."""
    return marks.point_rows(content, "group", "n")


def draw(content, plotted, title):
    """Draw the points."""
    figure, (axes,) = style.new_figure(title, 0.95)
    style.count_axis(axes, [row.x for row in plotted], content.n_label)
    style.loss_axis(axes, marks.heights(plotted), LOSS_LABEL)
    for group, look in style.looks(content.groups).items():
        marks.draw_points(axes, marks.of(plotted, group, "point"), look)
    return figure
'''


@pytest.fixture
def extended(finished, tmp_path):
    """A copy of the finished clone, to which one file is added."""
    return finished.copied(tmp_path / "clone")


def drop(clone, name, text):
    """Add a file to the package; the schema and the table of kinds are made anew."""
    (clone.folder / "src/scaletrace" / name).write_text(text, encoding="utf-8")
    clone.run("python", "-m", "scaletrace.study.schema")
    return (clone.folder / "config/README.md").read_text(encoding="utf-8")


def tell(kind, text, rerun):
    print(f"{kind}: 1 file, {len(text.splitlines())} lines; jobs: {rerun}")


def test_a_law_is_one_file(extended):
    documented = drop(extended, "laws/half_power.py", LAW)
    assert (
        "| `fits.law` | `half_power` | One power of N with its exponent held at a half"
        in documented
    )
    assert extended.jobs_to_do() == {}
    extended.edit(TINY, "fits: [power_n]", "fits: [power_n, {law: half_power, resamples: 200}]")
    jobs = extended.jobs_to_do()
    # The figures that draw fits, and no training.
    assert jobs == {"fit": 1, "figures": 3}
    tell("law", LAW, jobs)
    assert "is sound" in extended.run("scaletrace", "check", TINY).stdout
    assert extended.run("scaletrace", "plan", TINY).returncode == 0
    extended.snakemake("--cores", "2")
    fit = json.loads((extended.folder / "results/tiny/fits/half_power.json").read_text())
    assert fit["params"].keys() == {"E", "A"}
    table = "results/tiny/observations.csv"
    said = extended.run(
        "scaletrace", "fit", table, "--law", "half_power", "--bootstrap", "200"
    ).stdout
    assert "half_power: loss = E + A / N^(1/2)" in said
    assert extended.jobs_to_do() == {}


@pytest.mark.long
def test_a_corpus_source_is_one_file(extended):
    documented = drop(extended, "corpora/numerals.py", SOURCE)
    assert "| `corpus.source` | `numerals` | Numbers in words" in documented
    assert extended.jobs_to_do() == {}
    study = (extended.folder / TINY).read_text(encoding="utf-8")
    study = study.replace("study: tiny", "study: numerals")
    study = re.sub(r"corpus: .*", "corpus: {source: numerals, count: 20000}", study)
    study = study.replace("budgets: [32_000, 48_000]", "budgets: [32_000]")
    path = extended.folder / "config/numerals.yaml"
    path.write_text(study.replace("size: 320", "size: 264"), encoding="utf-8")
    said = extended.run("scaletrace", "check", "config/numerals.yaml").stdout
    assert "text from numerals" in said
    done = extended.run(
        *("snakemake", "results/numerals/observations.csv", "--cores", "2"),
        *("--configfile", "config/numerals.yaml"),
    )
    tell("corpus source", SOURCE, len(re.findall("Finished jobid", done.stderr)))
    rows = (extended.folder / "results/numerals/observations.csv").read_text().splitlines()
    assert len(rows) == 6
    assert extended.jobs_to_do() == {}


@pytest.mark.long
def test_an_optimiser_is_one_file(extended):
    documented = drop(extended, "optimisers/lion.py", OPTIMISER)
    assert "| `training.optimiser` | `lion` | Signs of a momentum" in documented
    assert extended.jobs_to_do() == {}
    study = (extended.folder / TINY).read_text(encoding="utf-8")
    study = study.replace("study: tiny", "study: lion")
    study = study.replace("training:", "training:\n  optimiser: lion")
    study = study.replace("budgets: [32_000, 48_000]", "budgets: [32_000]")
    (extended.folder / "config/lion.yaml").write_text(study, encoding="utf-8")
    run = "results/lion/runs/d8-l1-s0-32k/outcome.json"
    done = extended.run("snakemake", run, "--cores", "2", "--configfile", "config/lion.yaml")
    tell("optimiser", OPTIMISER, len(re.findall("Finished jobid", done.stderr)))
    assert json.loads((extended.folder / run).read_text())["status"] == "ok"
    assert extended.jobs_to_do() == {}


@pytest.mark.long
def test_a_figure_is_one_file(extended):
    drop(extended, "figures/losses_alone.py", FIGURE)
    jobs = extended.jobs_to_do()
    assert jobs == {"figures": 1}
    tell("figure", FIGURE, jobs)
    assert "is sound" in extended.run("scaletrace", "check", TINY).stdout
    extended.snakemake("--cores", "2")
    drawn = extended.folder / "results/tiny/figures"
    assert (drawn / "losses_alone.pdf").stat().st_size > 1000
    said = extended.run("scaletrace", "trace", "results/tiny/figures/losses_alone.png").stdout
    assert "package networkx" in said
    assert extended.jobs_to_do() == {}
