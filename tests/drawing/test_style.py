import itertools

import matplotlib as mpl
import numpy as np
from matplotlib.font_manager import findfont

from scaletrace.drawing import style
from tests.figures.made_study import shown_texts


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
