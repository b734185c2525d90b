"""A trial is a run and its evaluation in one job."""

import json
from pathlib import Path

import pytest

from scaletrace import contract
from scaletrace.stages import evaluate, trial
from tests.stages.test_anneal import FINISH, SETTINGS, finished, inputs  # noqa: F401

EVALUATION = {"split": "test", "tokens": 400}


def tried(inputs: dict[str, list[Path]], folder: Path, **changes) -> dict:  # noqa: F811
    held_out = {"held_out": inputs["tokens"], "held_out_header": inputs["header"]}
    folder.mkdir()
    result = folder / "result.json"
    settings = SETTINGS | FINISH | {"from_step": 0, "evaluation": EVALUATION} | changes
    contract.run(trial, inputs | held_out, {"result": result}, settings, folder)
    return json.loads(result.read_text())


@pytest.mark.parametrize("family", ["decoder", "encoder_textbook"])
def test_a_trials_loss_is_that_of_the_same_run(inputs, tmp_path: Path, family: str):  # noqa: F811
    model = SETTINGS["model"] | {"family": family}
    header = inputs["header"][0]
    header.write_text(json.dumps(json.loads(header.read_text()) | {"bytes_per_token": 2.0}))
    outputs = finished(inputs, tmp_path / "run", from_step=0, model=model)
    found = tried(inputs, tmp_path / "trial", model=model)
    result = tmp_path / "evaluation.json"
    contract.run(
        evaluate,
        inputs | {name: [outputs[name]] for name in ("model", "outcome")},
        {"result": result},
        {"model": model, "split": "test", "tokens": 400, "threads": 1},
        tmp_path,
    )
    expected = json.loads(result.read_text())
    assert found == {name: expected[name] for name in ("status", "loss", "loss_se")}
    assert found["status"] == "ok"


def test_a_trial_that_diverges_has_no_loss(inputs, tmp_path: Path):  # noqa: F811
    found = tried(inputs, tmp_path / "trial", learning_rate=1e38, clip=1e30)
    assert found == {"status": "diverged", "loss": None, "loss_se": None}
