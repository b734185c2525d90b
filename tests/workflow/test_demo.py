"""The demo on a small study: what it prints while it runs, and once all is done."""

import re
import sys

import pytest

from .conftest import Clone

LARGEST = "d48-l2: {width: 48, layers: 2, heads: 2}"


@pytest.fixture
def demo(copy):
    """A function that runs the demo where all is done but a larger size; it returns its lines."""
    clone = Clone.at(copy)
    # Seconds of training, so that it tells of its steps before it ends.
    clone.edit("config/tiny.yaml", LARGEST, "d128-l6: {width: 128, layers: 6, heads: 4}")

    def run():
        done = clone.run(sys.executable, "-m", "scaletrace.cli", "demo", "config/tiny.yaml")
        return done.stdout.splitlines()

    return run


@pytest.mark.long
def test_a_training_is_shown_before_its_loss_is_evaluated_and_nothing_once_all_is_done(demo):
    lines = demo()
    assert lines[0].startswith("study tiny: 5 sizes, 10 runs, on 2 cores")
    assert re.match(r"0:0\d gone, \d+:\d\d left  trunks 4/5  runs 8/10", lines[1])
    losses = [place for place, line in enumerate(lines) if "nats per token" in line]
    shown = re.compile(r"d128-l6\S* step \d+/\d+ loss \d+\.\d\d  [\d,]+ tokens/s")
    assert any(shown.search(line) for line in lines[: losses[0]])
    assert [lines[place].split()[0] for place in losses] == ["d128-l6-s0-32k", "d128-l6-s0-48k"]
    assert "  training_curves.pdf" in lines

    again = demo()
    assert re.match(r"0:0\d gone, 0:00 left", again[1])
    assert not any("nats per token" in line for line in again)
    assert "  training_curves.pdf" in again
