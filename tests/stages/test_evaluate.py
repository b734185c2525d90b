import json
import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.checkpoints import write_checkpoint
from scaletrace.formats.outcome import RunOutcome, write_outcome
from scaletrace.formats.tokens import TokenHeader, write_header
from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.stages import evaluate

SHAPE = Shape(width=8, layers=1, heads=1, context=4, vocabulary_size=16)
MODEL = {
    "family": "decoder",
    "width": 8,
    "layers": 1,
    "heads": 1,
    "context": 4,
    "vocabulary_size": 16,
}


class Folder:
    def __init__(self, path: Path, tokens: int = 103, status: Literal["ok", "diverged"] = "ok"):
        self.path = path
        self.ids = np.random.default_rng(0).integers(0, 16, tokens)
        self.ids.astype("<u2").tofile(path / "valid.bin")
        write_header(path / "valid.json", TokenHeader("uint16", tokens, 16, bytes_per_token=2.5))
        write_outcome(path / "outcome.json", RunOutcome(status, 10, None, 900))
        self.model = Decoder(SHAPE, seed=0)
        with torch.no_grad():
            self.model.head.normal_(generator=torch.Generator().manual_seed(0))

    def run(self, tokens: int = 80, **model: Any) -> dict[str, Any]:
        weights = {name: p.detach() for name, p in self.model.named_parameters()}
        write_checkpoint(self.path / "model.safetensors", weights, {"model": MODEL})
        inputs = {
            "model": [self.path / "model.safetensors"],
            "outcome": [self.path / "outcome.json"],
            "tokens": [self.path / "valid.bin"],
            "header": [self.path / "valid.json"],
        }
        settings = {"model": MODEL | model, "split": "valid", "tokens": tokens, "threads": 1}
        contract.run(evaluate, inputs, {"result": self.path / "eval.json"}, settings, self.path)
        return json.loads((self.path / "eval.json").read_text())


def test_every_number_against_its_definition(tmp_path: Path):
    folder = Folder(tmp_path)
    result = folder.run(tokens=83)
    places = np.arange(20)[:, None] * 4 + np.arange(5)
    windows = torch.from_numpy(folder.ids[places])
    logits = folder.model.hidden(windows[:, :-1]) @ folder.model.head.T
    losses = -logits.log_softmax(1).gather(1, windows[:, 1:].reshape(-1, 1)).view(20, 4)
    means = losses.double().mean(1).detach().numpy()
    assert result["status"] == "ok"
    assert (result["tokens"], result["windows"]) == (80, 20)
    assert result["loss"] == pytest.approx(means.mean(), rel=1e-6)
    assert result["loss_se"] == pytest.approx(means.std(ddof=1) / math.sqrt(20), rel=1e-5)
    assert result["bits_per_byte"] == pytest.approx(means.mean() / math.log(2) / 2.5, rel=1e-6)
    assert result["perplexity"] == pytest.approx(math.exp(means.mean()), rel=1e-6)


def test_a_short_split_is_used_whole(tmp_path: Path):
    assert Folder(tmp_path).run(tokens=10**6)["windows"] == 25


def test_one_window_has_no_standard_error(tmp_path: Path):
    result = Folder(tmp_path).run(tokens=4)
    assert result["loss"] > 0
    assert result["loss_se"] is None


@pytest.mark.parametrize(("held", "asked"), [(103, 3), (4, 80)])
def test_less_than_one_window(tmp_path: Path, held: int, asked: int):
    with pytest.raises(BadInput, match=f"{asked} of the {held} in .*; one window takes 4"):
        Folder(tmp_path, held).run(tokens=asked)


def test_a_diverged_run_has_no_numbers(tmp_path: Path):
    result = Folder(tmp_path, status="diverged").run()
    assert result["status"] == "diverged"
    numbers = ("loss", "loss_se", "bits_per_byte", "perplexity")
    assert [result[name] for name in numbers] == [None] * 4


def test_an_evaluation_that_is_not_finite_failed(tmp_path: Path):
    folder = Folder(tmp_path)
    with torch.no_grad():
        folder.model.head[3, 0] = float("inf")
    result = folder.run()
    assert (result["status"], result["loss"]) == ("failed", None)


def test_weights_of_another_model(tmp_path: Path):
    with pytest.raises(BadInput, match=r"'layers': 1.* expected .*'layers': 2"):
        Folder(tmp_path).run(layers=2)
