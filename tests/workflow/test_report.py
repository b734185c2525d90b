"""`snakemake --report` of a finished study, and its captions."""

import re

from scaletrace.study.plan import FIGURE_TITLES
from tests.workflow.conftest import ROOT

CAPTIONS = (ROOT / "workflow/report/figures.rst").read_text(encoding="utf-8")
CAPTION = dict(re.findall(r'figure == "(\w+)" %}\n(.+)', CAPTIONS))


def test_every_figure_has_a_caption():
    assert CAPTION.keys() == FIGURE_TITLES.keys()


def test_the_report_holds_each_figure_with_its_caption(finished, tmp_path):
    page = tmp_path / "report.html"
    finished.snakemake("--report", str(page))
    said = page.read_text(encoding="utf-8")
    for figure in FIGURE_TITLES.keys() - {"tuning"}:
        assert f"{figure}.png" in said
        assert said.count(CAPTION[figure].partition(".")[0]) == 1
    assert "One row per run" in said
    assert "A scaling-law study" in said
