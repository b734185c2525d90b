import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.formats.checkpoints import read_checkpoint, write_checkpoint
from scaletrace.stages import anneal, pretrain
from scaletrace.training.recipe import Compute
from tests.training.groups import PLAIN_GROUPS

MODEL = {
    "family": "decoder",
    "width": 8,
    "layers": 1,
    "heads": 1,
    "context": 8,
    "vocabulary_size": 32,
}
SETTINGS = {
    "model": MODEL,
    "seed": 0,
    "batch_tokens": 32,
    "learning_rate": 0.02,
    "schedule": "wsd",
    "warmup_steps": 5,
    "groups": PLAIN_GROUPS,
    "clip": 1.0,
    "threads": 1,
    "save_seconds": 1000,
}
FINISH = {"to_step": 60, "cooldown_from_step": 40}


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, list[Path]]:
    ids = np.random.default_rng(0).integers(0, 16, 1001)
    ids.astype("<u2").tofile(tmp_path / "train.bin")
    header = {"dtype": "uint16", "count": 1001, "vocabulary_size": 32}
    (tmp_path / "train.json").write_text(json.dumps(header))
    return {"tokens": [tmp_path / "train.bin"], "header": [tmp_path / "train.json"]}


def finished(inputs: dict[str, list[Path]], folder: Path, **changes: Any) -> dict[str, Path]:
    work = folder / "work"
    work.mkdir(parents=True)
    outputs = {
        "model": folder / "model.safetensors",
        "curve": folder / "curve.csv",
        "outcome": folder / "outcome.json",
    }
    contract.run(anneal, inputs, outputs, SETTINGS | FINISH | changes, work)
    return outputs


def trunk(inputs: dict[str, list[Path]], folder: Path, **changes: Any) -> dict[str, list[Path]]:
    work = folder / "work"
    work.mkdir(parents=True)
    outputs = {"state": folder / "state.safetensors", "curve": folder / "curve.csv"}
    contract.run(
        pretrain, inputs, outputs, SETTINGS | {"from_step": 0, "to_step": 30} | changes, work
    )
    return inputs | {"state": [outputs["state"]]}


@pytest.mark.parametrize("family", ["decoder", "encoder_textbook"])
def test_trunk_and_anneal_equal_one_run_from_nothing(inputs, tmp_path: Path, family: str):
    model = {"model": MODEL | {"family": family}}
    whole = finished(inputs, tmp_path / "whole", from_step=0, **model)
    inputs = trunk(inputs, tmp_path / "trunk", **model)
    branch = finished(inputs, tmp_path / "branch", from_step=30, **model)
    assert whole["model"].read_bytes() == branch["model"].read_bytes()
    assert whole["outcome"].read_bytes() == branch["outcome"].read_bytes()
    joined = (tmp_path / "trunk" / "curve.csv").read_text().splitlines()
    joined += branch["curve"].read_text().splitlines()[1:]
    assert joined == whole["curve"].read_text().splitlines()


def test_the_rate_cools_down_and_cosine_needs_no_trunk(inputs, tmp_path: Path):
    for schedule, at_40, last in (
        ("wsd", 0.02, 0.02 * (1 - 0.95**0.5)),
        ("cosine", 0.00726, 0.002),
    ):
        curve = finished(inputs, tmp_path / schedule, from_step=0, schedule=schedule)["curve"]
        with curve.open(newline="") as stream:
            rates = {
                int(row["step"]): float(row["learning_rate"]) for row in csv.DictReader(stream)
            }
        assert max(rates.values()) == 0.02
        assert rates[41] == pytest.approx(at_40, abs=1e-4)
        assert rates[60] == pytest.approx(last, abs=1e-4)


def test_the_outcome_and_the_model(inputs, tmp_path: Path):
    outputs = finished(inputs, tmp_path / "one", from_step=0)
    weights, facts = read_checkpoint(outputs["model"])
    assert facts == {"model": MODEL, "compute": asdict(Compute()), "status": "ok", "step": 60}
    assert weights["embedding"].shape == (32, 8)
    outcome = json.loads(outputs["outcome"].read_text())
    assert outcome.keys() == {"status", "step", "train_loss", "unique_tokens"}
    assert outcome["train_loss"] == pytest.approx(np.log(16), abs=0.2)
    # 60 steps of 4 windows go through the 125 windows almost twice.
    assert outcome["unique_tokens"] == 1000


def test_a_diverged_trunk_ends_in_a_diverged_run(inputs, tmp_path: Path):
    state = trunk(inputs, tmp_path / "trunk", learning_rate=1e38)
    outputs = finished(state, tmp_path / "branch", from_step=30)
    outcome = json.loads(outputs["outcome"].read_text())
    assert outcome["status"] == "diverged"
    assert outcome["step"] < 30
    assert outcome["train_loss"] is None
    assert outputs["curve"].read_text() == "step,tokens,loss,learning_rate\n"
    assert read_checkpoint(outputs["model"])[1]["status"] == "diverged"


def test_a_run_that_skips_steps_says_how_many_and_diverges_when_it_skips_all(
    inputs, tmp_path: Path
):
    outputs = finished(inputs, tmp_path / "fine", from_step=0, spike=10.0)
    outcome = json.loads(outputs["outcome"].read_text())
    assert (outcome["status"], outcome["step"], outcome["skipped"]) == ("ok", 60, 0)
    huge = {"from_step": 0, "spike": 10.0, "learning_rate": 1e38, "to_step": 200}
    outputs = finished(inputs, tmp_path / "huge", **huge)
    outcome = json.loads(outputs["outcome"].read_text())
    assert outcome["status"] == "diverged"
    assert outcome["train_loss"] is None
    assert outcome["skipped"] == 100
    assert 100 < outcome["step"] < 120
    assert read_checkpoint(outputs["model"])[1]["status"] == "diverged"


def test_a_run_whose_cooldown_was_skipped_whole_has_no_training_loss(inputs, tmp_path: Path):
    inputs = trunk(inputs, tmp_path / "trunk", spike=10.0)
    tensors, facts = read_checkpoint(inputs["state"][0])
    tensors["model.head"].fill_(float("nan"))
    write_checkpoint(inputs["state"][0], tensors, facts)
    outputs = finished(inputs, tmp_path / "branch", from_step=30, spike=10.0)
    outcome = json.loads(outputs["outcome"].read_text())
    assert outcome["status"] == "ok"
    assert (outcome["train_loss"], outcome["skipped"]) == (None, 30)
    assert outputs["curve"].read_text() == "step,tokens,loss,learning_rate\n"


def test_a_tuned_law_gives_rate_batch_and_beta2(inputs, tmp_path: Path):
    law = {"family": "decoder", "value": 0.02, "at_n": 769, "n_exponent": -0.5}
    path = tmp_path / "law.json"
    path.write_text(json.dumps(law | {"batch_tokens": 16, "beta2": 0.9}))
    steps = {name: 2 * value for name, value in FINISH.items()}
    groups = {role: group | {"beta2": 0.9} for role, group in PLAIN_GROUPS.items()}
    same = {"from_step": 0, "batch_tokens": 16, "groups": groups, "warmup_steps": 10, **steps}
    given = finished(inputs, tmp_path / "given", **same)
    inputs = inputs | {"law": [path]}
    tuned = finished(inputs, tmp_path / "tuned", from_step=0, learning_rate=None)
    assert tuned["model"].read_bytes() == given["model"].read_bytes()
    assert tuned["curve"].read_bytes() == given["curve"].read_bytes()
    state = trunk(inputs, tmp_path / "trunk", learning_rate=None)
    branch = finished(state, tmp_path / "branch", from_step=30, learning_rate=None)
    assert branch["model"].read_bytes() == given["model"].read_bytes()
