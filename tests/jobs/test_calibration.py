"""Calibration trains a few real steps on this machine."""

from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.jobs import calibration
from scaletrace.jobs.calibration import calibrated_pace
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config/tiny.yaml"


def test_a_machine_is_measured_by_some_steps_of_the_studys_sizes(monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.3)
    pace = calibrated_pace(Plan(load(TINY)), ASSUMED["cpu"])
    assert pace.source == "calibrated"
    # Between a very busy core and one that no processor has yet.
    assert 1e7 < pace.flops_per_s < 1e13
    assert 1e-6 < pace.layer_step_seconds < 1
    assert pace.start_seconds == ASSUMED["cpu"].start_seconds


def test_what_this_machine_cannot_train_is_said_in_one_line(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    text = TINY.read_text(encoding="utf-8")
    path = tmp_path / "gpu.yaml"
    path.write_text(
        text.replace("training:\n", "training:\n  device: cuda\n  gpu_memory: 16\n"), "utf-8"
    )
    assert cli.main(["plan", str(path), "--calibrate"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("scaletrace plan: --calibrate: training.device: cuda needs 1 GPU(s)")
    assert said.count("\n") == 1
