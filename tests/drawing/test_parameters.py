from types import SimpleNamespace

import pytest

from scaletrace.drawing import parameters, style
from scaletrace.formats.fit import Interval
from tests.drawing import made_fit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(0.0, "0"), (0.34007, "0.340"), (1.7, "1.70"), (402.66, "403"), (1734.2, "1734")],
        *[(3.6342e7, "3.63e7"), (1.5e-8, "1.50e-8"), (-0.5, "-0.500")],
    ],
)
def test_numbers_are_short(value, text):
    assert parameters.number(value) == text


def test_open_ends_and_held_parameters_are_said():
    fit = SimpleNamespace(
        params={"E": 1.5, "a": 0.5},
        intervals={"a": Interval(0.5, None, 0.9, 0.95, None, "weakly identified")},
        derived={},
    )
    runs = SimpleNamespace(fit=fit, law=SimpleNamespace(names=("E", "a")), source=None)
    assert parameters.text_of(runs, "E") == "1.50 (held)"  # pyright: ignore[reportArgumentType]
    assert parameters.text_of(runs, "a") == "0.500 [open, 0.900]"  # pyright: ignore[reportArgumentType]


def test_an_arrow_marks_each_end_beyond_the_frame():
    from matplotlib.figure import Figure

    runs = made_fit.runs("grid")
    rows = parameters.rows(runs)
    with style.house_style():
        axes = Figure().subplots()
        parameters.draw(axes, runs, rows)
    low, high = axes.get_xlim()
    inside = [100 * abs(end - row.x) / row.x <= high for row in rows for end in (row.low, row.high)]
    arrows = [text for text in axes.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == inside.count(False)
    assert low == -high
