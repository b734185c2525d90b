"""A fit's picture in every form: all runs, equal bytes, its identity inside, nothing unescaped."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from scaletrace.drawing import picture, style
from scaletrace.drawing.fitted_runs import fitted_runs
from scaletrace.drawing.panels import BEYOND_SERIES
from scaletrace.formats.figure_csv import read_plotted
from scaletrace.formats.figure_identity import read_identity
from tests.drawing import made_fit


def test_every_run_and_every_parameter_is_drawn():
    runs = made_fit.runs("grid")
    shown = picture.panels_of(runs)
    assert len(shown) == 4
    for panel in shown[:3]:
        assert {row.run for row in panel.rows if row.kind == "point"} == set(runs.names)
    assert [row.run for row in shown[3].rows] == ["E", "A", "alpha", "B", "beta", "a"]
    beyond = [row for row in shown[0].rows if row.series.endswith(BEYOND_SERIES)]
    assert min(row.x for row in beyond) == pytest.approx(2e9)
    assert max(row.x for row in beyond) == pytest.approx(2e10)


def test_budgets_have_their_minima_and_the_next_budget_is_drawn():
    along, _, isoflop, *_ = picture.panels_of(made_fit.with_minima())
    ahead = {row.series for row in along.rows if row.series.endswith(BEYOND_SERIES)}
    assert ahead == {"against N, C = 1e22" + BEYOND_SERIES}
    minima = [row for row in isoflop.rows if row.series == "minima"]
    assert [row.run for row in minima] == ["C = 1e18 FLOPs", "C = 1e19 FLOPs"]
    assert [(row.x, row.y) for row in minima] == [(0.1 * 1e18**0.5, 2.0), (0.1 * 1e19**0.5, 2.0)]
    assert sum(row.kind == "curve" for row in isoflop.rows) == 15


@pytest.mark.parametrize("form", ["pdf", "svg", "png", "html"])
def test_bytes_are_equal_and_tell_of_the_numbers_beside_them(tmp_path, form):
    runs = made_fit.runs("grid")
    paths = [tmp_path / one / f"fit.{form}" for one in "ab"]
    for path in paths:
        picture.save(runs, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    table = paths[0].with_suffix(".plotted.csv")
    if form != "html":
        identity = read_identity(paths[0])
        assert identity["figure"] == "fit"
        assert identity["csv_sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
        assert identity == read_identity(table)
        assert identity["sources"] == {runs.source.path: runs.source.sha256}
    assert {row["kind"] for row in read_plotted(table)} == {"point", "curve", "band"}
    assert {path.name for path in paths[0].parent.iterdir()} == {f"fit.{form}", table.name}


def test_a_page_loads_nothing_runs_nothing_and_escapes_what_tables_say(tmp_path):
    fit = json.loads(made_fit.content("grid"))
    hostile = "<script>alert(1)</script>"
    fit["warnings"].append({"code": hostile, "message": hostile})
    fit["checklist"][hostile] = [hostile]
    path = tmp_path / "fit.html"
    picture.save(fitted_runs(json.dumps(fit).encode(), Path("a<b>.json")), path)
    page = path.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "a&lt;b&gt;.json" in page
    outside = re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']*|url\((?!#)|@import""", page)
    assert outside == []
    assert page.count("<svg") == 1
    assert "0.34" in page


def test_texts_lie_within_the_picture():
    runs = made_fit.with_minima()
    with style.house_style():
        figure = picture.draw(runs, picture.panels_of(runs))
        figure.canvas.draw()
        box = figure.bbox
        for axes in figure.axes:
            for text in axes.texts:
                extent = text.get_window_extent()
                assert extent.x1 <= box.x1, text.get_text()
                assert extent.x0 >= box.x0, text.get_text()
