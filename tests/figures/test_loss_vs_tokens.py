from pathlib import Path

import pytest

from tests.figures.made_study import TOKENS, MadeStudy


def test_lines_between_points_are_means_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    made = MadeStudy(2, TOKENS, seeds=3)
    made.mark("d16-l2-s1-1M", "excluded")
    made.write()
    rows = made.table("loss_vs_tokens")
    (mean,) = [
        r for r in rows if r["kind"] == "line" and r["series"] == "d16-l2" and r["x"] == "1000000.0"
    ]
    losses = {row["run"]: float(row["loss"]) for row in made.rows}
    kept = (losses["d16-l2-s0-1M"] + losses["d16-l2-s2-1M"]) / 2
    assert float(mean["y"]) == pytest.approx(kept, 1e-15)
