from pathlib import Path

import pytest

from scaletrace.drawing.forms import csv_beside, form_of
from scaletrace.errors import BadInput


def test_forms_are_known_by_the_end_of_the_name():
    assert form_of(Path("a.b/fit.PDF")) == "pdf"
    assert csv_beside(Path("a.b/fit.pdf")) == Path("a.b/fit.plotted.csv")
    for name in ("fit", "fit.jpg", "runs.csv"):
        with pytest.raises(BadInput, match=r"one that ends in \.pdf, \.svg, \.png, \.html"):
            form_of(Path(name))
