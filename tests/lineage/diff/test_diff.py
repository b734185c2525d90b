"""What a difference says, and between which states of which study."""

import os
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import diff
from tests.lineage import small_study


@pytest.fixture
def states(folder):
    """Two folders with the study, of which the second has another rate and loss."""
    for name, loss, rate in (("then", 2.5, 0.1), ("now", 2.4, 0.2)):
        Path(name).mkdir()
        os.chdir(name)
        small_study.write(loss=loss, rate=rate)
        os.chdir("..")


def test_a_difference_for_people(states):
    assert diff.to_text(diff.diff("then", "now")).splitlines() == [
        "study s: then -> now",
        "config/s.yaml",
        "  rate: 0.1 -> 0.2",
        "observations: 1 moved",
        "  a: loss 2.5 -> 2.4",
        "figures: 1 moved",
        "  loss_vs_params: 1 values, most in 1M: point a: y: 2.5 -> 2.4",
        "other files: 1 moved",
        "  results/s/evals/a.json",
        "first causes:",
        "  parameter: settings.rate of evaluate a: 0.1 -> 0.2",
        "    moved 1 other files, 1 figures, 1 observations",
    ]


def test_a_difference_for_programs(states):
    found = diff.to_json(diff.diff("then", "now", "s"))
    assert (found["same"], found["study"], found["config"]) == (False, "s", {"rate": (0.1, 0.2)})
    kinds = {one["kind"]: one for one in found["moved"]}
    assert kinds["observation"]["values"] == {"loss": (2.5, 2.4)}
    assert kinds["observation"]["why"]["first"][0]["what"] == "settings.rate"


def test_equal_states(states):
    found = diff.diff("then", "then")
    assert diff.to_json(found)["same"] is True
    assert diff.to_text(found) == "study s: then -> then\nnothing moved"


def test_many_lines_of_a_kind_are_counted(states):
    found = diff.diff("then", "now")
    found.moved.extend(found.moved * 9)
    found.notes.extend(f"n{i}" for i in range(12))
    lines = diff.to_text(found).splitlines()
    assert lines.count("  and 0 more; --json lists them all") == 0
    found.moved.extend(found.moved[:3])
    lines = diff.to_text(found).splitlines()
    assert lines.count("  and 1 more; --json lists them all") == 3
    assert lines[-1] == "and 2 more notes; --json lists them all"


def test_states_of_several_studies_need_a_name(states):
    Path("now/provenance/jobs/s").rename("now/provenance/jobs/t")
    with pytest.raises(BadInput, match=r"^--study: say which; then has s, now has t"):
        diff.diff("then", "now")
