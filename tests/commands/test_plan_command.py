"""What `scaletrace plan` says of budgets that share trunks, and of those that do not."""

import json
from pathlib import Path

import pytest

from scaletrace import cli

TINY = Path(__file__).parents[2] / "config/tiny.yaml"


@pytest.fixture
def planned(tmp_path, monkeypatch, capsys):
    """The words and the numbers of the plan of the tiny study with another training key."""
    monkeypatch.chdir(tmp_path)
    text = TINY.read_text(encoding="utf-8")

    def of(key):
        path = tmp_path / "tiny.yaml"
        path.write_text(text.replace("training:\n", f"training:\n  {key}\n"), encoding="utf-8")
        assert cli.main(["plan", str(path)]) == 0
        said = capsys.readouterr().out
        assert cli.main(["plan", str(path), "--json"]) == 0
        return said, json.loads(capsys.readouterr().out)

    return of


def test_a_plan_says_what_runs_that_share_no_trunk_cost(planned):
    shared, numbers = planned("schedule: stepped")
    assert "what budgets share counted once as their trunk" in shared
    assert numbers["flops"] == numbers["flops_shared"]
    for key in ("share: false", "schedule: cosine"):
        said, alone = planned(key)
        assert alone["flops_shared"] == numbers["flops"]
        # 80,000 tokens a size, of which 390 steps of 64 would be trained once.
        assert alone["flops"] / alone["flops_shared"] == pytest.approx(80_000 / (80_000 - 24_960))
        assert "1.45 times those with trunks that budgets share" in said
