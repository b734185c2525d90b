"""`snakemake --report` of a finished study, and its captions."""

from scaletrace import kinds
from tests.figures.made_study import ASKED_FOR


def test_the_report_holds_each_figure_with_its_caption(finished, tmp_path):
    page = tmp_path / "report.html"
    finished.snakemake("--report", str(page))
    said = page.read_text(encoding="utf-8")
    for name in kinds.names("figures"):
        figure = kinds.load("figures", name)
        drawn = ASKED_FOR.isdisjoint(figure.DRAWS)
        assert (f"{name}.png" in said) == drawn
        assert said.count(figure.CAPTION.partition(".")[0]) == drawn
    assert "One row per run" in said
    assert "A scaling-law study" in said
