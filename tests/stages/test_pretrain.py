import csv
import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats import checkpoints
from scaletrace.formats.checkpoints import read_checkpoint, write_checkpoint
from scaletrace.models.counts import Shape
from scaletrace.models.decoder import Decoder
from scaletrace.stages import pretrain
from scaletrace.training.loop import Training
from scaletrace.training.recipe import Compute
from tests.training.groups import PLAIN_GROUPS, PLAIN_WITH_MUON

MODEL = {
    "family": "decoder",
    "width": 16,
    "layers": 2,
    "heads": 2,
    "context": 16,
    "vocabulary_size": 64,
}
SETTINGS = {
    "model": MODEL,
    "seed": 0,
    "batch_tokens": 64,
    "learning_rate": 0.02,
    "schedule": "wsd",
    "warmup_steps": 10,
    "from_step": 0,
    "to_step": 150,
    "groups": PLAIN_GROUPS,
    "clip": 1.0,
    "threads": 1,
    "save_seconds": 1000,
}
ALONE = """
import json, sys
from pathlib import Path
from scaletrace import contract
from scaletrace.stages import pretrain
inputs, outputs, settings, work = json.loads(sys.argv[1])
inputs = {name: [Path(path) for path in paths] for name, paths in inputs.items()}
outputs = {name: Path(path) for name, path in outputs.items()}
contract.run(pretrain, inputs, outputs, settings, Path(work))
"""
# Killed before a step.
KILLED = """
import os, signal, sys
from scaletrace.training.loop import Training
advance, last = Training.advance, int(sys.argv[2])
def dying(self):
    if self.step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    advance(self)
Training.advance = dying
"""
# Of the poisoned text step 102 is skipped, counted from 0; in the epoch before none is judged yet.
SPIKY: dict[str, Any] = {"spike": 2.0, "z_loss": 1e-4}


class Folder:
    """Tokens to train on and a place for what comes out."""

    def __init__(self, path: Path, tokens: int = 5000):
        self.path = path
        ids = np.random.default_rng(0).integers(0, 64, tokens) // 2 * 2
        ids.astype("<u2").tofile(path / "train.bin")
        header = {"dtype": "uint16", "count": tokens, "vocabulary_size": 64}
        (path / "train.json").write_text(json.dumps(header))
        self.inputs = {"tokens": [path / "train.bin"], "header": [path / "train.json"]}

    def outputs(self, name: str) -> dict[str, Path]:
        return {
            "state": self.path / f"{name}.safetensors",
            "curve": self.path / f"{name}.csv",
        }

    def work(self, name: str) -> Path:
        (self.path / "work" / name).mkdir(parents=True, exist_ok=True)
        return self.path / "work" / name

    def run(self, name: str, state: Path | None = None, **changes: Any) -> dict[str, Any]:
        inputs = self.inputs | ({"state": [state]} if state else {})
        return contract.run(
            pretrain, inputs, self.outputs(name), SETTINGS | changes, self.work(name)
        )

    def sha256(self, name: str) -> list[str]:
        return [hashlib.sha256(p.read_bytes()).hexdigest() for p in self.outputs(name).values()]

    def curve(self, name: str) -> list[dict[str, str]]:
        with self.outputs(name)["curve"].open(newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def poisoned(tmp_path: Path) -> Folder:
    """A text in which one window is another language's: an odd id again and again."""
    folder = Folder(tmp_path)
    ids = np.fromfile(tmp_path / "train.bin", "<u2")
    ids[1600:1616] = 33
    ids.tofile(tmp_path / "train.bin")
    return folder


def steps(measured: dict[str, Any]) -> list[list[int]]:
    return [[process["from_step"], process["to_step"]] for process in measured["processes"]]


def stop_at(folder: Folder, monkeypatch, step: int, number: int, **changes: Any) -> None:
    """Start the run "parts" and send it a signal after `step` steps."""
    advance = Training.advance

    def interrupted(self: Training) -> None:
        advance(self)
        if self.step == step:
            signal.raise_signal(number)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "advance", interrupted)
        with pytest.raises(SystemExit) as stopped:
            folder.run("parts", **changes)
    assert stopped.value.code == 128 + number
    assert not folder.outputs("parts")["state"].exists()


def test_a_segment_learns_and_writes_the_same_bytes_again(folder: Folder):
    measured = folder.run("one")
    folder.run("two")
    assert folder.sha256("one") == folder.sha256("two")
    rows = folder.curve("one")
    assert list(rows[0]) == ["step", "tokens", "loss", "learning_rate"]
    losses = [float(rows[k]["loss"]) for k in (0, -1)]
    assert losses == pytest.approx([np.log(64), np.log(32)], abs=0.05)
    assert (rows[-1]["step"], rows[-1]["tokens"]) == ("150", "9600")
    _, facts = read_checkpoint(folder.outputs("one")["state"])
    assert facts == {"model": MODEL, "compute": asdict(Compute()), "status": "ok", "step": 150}
    assert measured["tokens"] == 9600
    assert steps(measured) == [[0, 150]]
    assert measured["tokens_per_s"] == pytest.approx(9600 / measured["seconds"])
    assert measured["peak_memory_mb"] < 2000


def test_two_segments_equal_one(folder: Folder):
    folder.run("whole")
    folder.run("first", to_step=70)
    folder.run("second", state=folder.outputs("first")["state"], from_step=70)
    assert folder.sha256("second")[0] == folder.sha256("whole")[0]
    whole = {row["step"]: row for row in folder.curve("whole")}
    parts = folder.curve("first") + folder.curve("second")
    assert [row for row in parts if row["step"] in whole] == list(whole.values())


@pytest.mark.parametrize(
    ("number", "groups"), [(signal.SIGTERM, PLAIN_GROUPS), (signal.SIGINT, PLAIN_WITH_MUON)]
)
def test_a_stop_signal_saves_and_the_rest_changes_no_bit(
    folder: Folder, monkeypatch, number, groups
):
    folder.run("whole", groups=groups)
    stop_at(folder, monkeypatch, 77, number, groups=groups)
    measured = folder.run("parts", groups=groups)
    assert steps(measured) == [[0, 77], [77, 150]]
    assert measured["tokens"] == (150 - 77) * 64
    assert folder.sha256("parts") == folder.sha256("whole")


def test_a_stop_among_steps_down_of_the_rate_changes_no_bit(folder: Folder, monkeypatch):
    changes: dict[str, Any] = {"drops": [[50, 0.5], [100, 0.3]]}
    folder.run("whole", **changes)
    folder.run("first", to_step=70, **changes)
    folder.run("second", state=folder.outputs("first")["state"], from_step=70, **changes)
    assert folder.sha256("second")[0] == folder.sha256("whole")[0]
    stop_at(folder, monkeypatch, 77, signal.SIGTERM, **changes)
    folder.run("parts", **changes)
    assert folder.sha256("parts") == folder.sha256("whole")
    rates = {row["step"]: float(row["learning_rate"]) for row in folder.curve("whole")}
    assert [rates[step] for step in ("50", "51", "150")] == pytest.approx([0.02, 0.01, 0.006])


def test_killed_at_random_moments_and_resumed_changes_no_bit(folder: Folder):
    changes: dict[str, Any] = {"to_step": 300, "save_seconds": 0}
    folder.run("whole", to_step=300)
    paths = {name: [str(path) for path in paths] for name, paths in folder.inputs.items()}
    outputs = {name: str(path) for name, path in folder.outputs("parts").items()}
    argument = json.dumps([paths, outputs, SETTINGS | changes, str(folder.work("parts"))])
    moments, killed = random.Random(0), []
    for _ in range(2):
        before = {path.stat().st_mtime_ns for path in folder.work("parts").glob("state-*")}
        child = subprocess.Popen([sys.executable, "-c", ALONE, argument], stdout=subprocess.DEVNULL)
        while {p.stat().st_mtime_ns for p in folder.work("parts").glob("state-*")} <= before:
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(moments.random() * 0.1)
        child.kill()
        assert child.wait() == -signal.SIGKILL, "finished before it could be killed"
        killed.append(child.pid)
    measured = folder.run("parts", **changes)
    chain = steps(measured)
    assert len(chain) == 3
    pids = [process["pid"] for process in measured["processes"]]
    assert pids == [*killed, os.getpid()]
    assert [start for start, _ in chain] == [0, *(end for _, end in chain[:-1])]
    assert folder.sha256("parts") == folder.sha256("whole")


def test_a_poisoned_batch_is_skipped_and_told(poisoned: Folder):
    measured = poisoned.run("skipping", **SPIKY)
    plain = poisoned.run("plain", z_loss=1e-4)
    rows, other = poisoned.curve("skipping"), poisoned.curve("plain")
    assert [row["step"] for row in rows if int(row["skipped"])] == ["104"]
    assert {row["skipped"] for row in rows} == {"0", "1"}
    assert measured["skipped_steps"] == 1
    assert "skipped_steps" not in plain
    losses = [{row["step"]: float(row["loss"]) for row in curve} for curve in (rows, other)]
    assert losses[0]["102"] == losses[1]["102"]
    # The loss of the poisoned batch is in the one, beside that of the step after it.
    assert losses[1]["104"] - losses[0]["104"] > 0.3
    assert (rows[-1]["step"], rows[-1]["tokens"]) == ("150", "9600")


def test_z_loss_keeps_the_normaliser_near_one(folder: Folder):
    normalisers = []
    for name, z_loss in (("plain", 0.0), ("kept", 0.1)):
        folder.run(name, z_loss=z_loss)
        tensors, _ = read_checkpoint(folder.outputs(name)["state"])
        model = Decoder(Shape(**MODEL), 0)
        weights = {n.removeprefix("model."): t for n, t in tensors.items() if "model." in n}
        model.load_state_dict(weights)
        ids = torch.from_numpy(np.fromfile(folder.path / "train.bin", "<u2")[:64].astype(int))
        with torch.no_grad():
            logits = model.hidden(ids.view(4, 16)) @ model.head.T
        normalisers.append(logits.logsumexp(1).abs().mean().item())
    assert normalisers[1] < normalisers[0] / 3
    # The curve holds the cross-entropy alone.
    first, last = (float(folder.curve("kept")[k]["loss"]) for k in (0, -1))
    assert [first, last] == pytest.approx([np.log(64), np.log(32)], abs=0.1)


@pytest.mark.parametrize("stop", [102, 103, 104])
def test_stopped_around_a_skipped_step_and_resumed_changes_no_bit(
    poisoned: Folder, monkeypatch, stop: int
):
    poisoned.run("whole", **SPIKY)
    stop_at(poisoned, monkeypatch, stop, signal.SIGTERM, **SPIKY)
    assert poisoned.run("parts", **SPIKY)["skipped_steps"] == 1
    assert poisoned.sha256("parts") == poisoned.sha256("whole")


def test_killed_after_a_skipped_step_and_resumed_changes_no_bit(poisoned: Folder):
    changes: dict[str, Any] = {**SPIKY, "save_seconds": 0}
    poisoned.run("whole", **SPIKY)
    paths = {name: [str(path) for path in paths] for name, paths in poisoned.inputs.items()}
    outputs = {name: str(path) for name, path in poisoned.outputs("parts").items()}
    argument = json.dumps([paths, outputs, SETTINGS | changes, str(poisoned.work("parts"))])
    killed = subprocess.run([sys.executable, "-c", KILLED + ALONE, argument, "103"], check=False)
    assert killed.returncode == -signal.SIGKILL
    measured = poisoned.run("parts", **changes)
    assert steps(measured) == [[0, 103], [103, 150]]
    assert poisoned.sha256("parts") == poisoned.sha256("whole")


def test_two_segments_around_a_skipped_step_equal_one(poisoned: Folder):
    poisoned.run("whole", **SPIKY)
    poisoned.run("first", to_step=103, **SPIKY)
    state = poisoned.outputs("first")["state"]
    poisoned.run("second", state=state, from_step=103, **SPIKY)
    assert poisoned.sha256("second")[0] == poisoned.sha256("whole")[0]
    curves = poisoned.curve("first") + poisoned.curve("second")
    assert sum(int(row["skipped"]) for row in curves) == 1


def test_a_corrupt_state_falls_back_to_the_older_one(folder: Folder, monkeypatch, capsys):
    folder.run("whole")
    stop_at(folder, monkeypatch, 90, signal.SIGTERM, save_seconds=0)
    newest = max(folder.work("parts").iterdir(), key=lambda p: read_checkpoint(p)[1]["step"])
    newest.write_bytes(b"\0" * newest.stat().st_size)
    measured = folder.run("parts")
    assert steps(measured) == [[0, 89], [89, 150]]
    assert f"{newest} is damaged" in capsys.readouterr().out
    assert folder.sha256("parts") == folder.sha256("whole")


def test_a_full_disk_leaves_the_saved_states_and_no_output(folder: Folder, monkeypatch):
    stop_at(folder, monkeypatch, 20, signal.SIGTERM, save_seconds=0)
    before = {path: path.read_bytes() for path in folder.work("parts").iterdir()}

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints.Path, "write_bytes", full)
        with pytest.raises(BadInput, match="No space left on device"):
            folder.run("parts", save_seconds=0)
    assert {path: path.read_bytes() for path in folder.work("parts").iterdir()} == before
    assert not folder.outputs("parts")["state"].exists()


def test_divergence_is_a_status_and_passes_on(folder: Folder):
    folder.run("first", learning_rate=1e38)
    rows = folder.curve("first")
    assert 0 < len(rows) < 20
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    state = folder.outputs("first")["state"]
    stopped = read_checkpoint(state)[1]
    assert stopped["status"] == "diverged"
    assert stopped["step"] < 20
    measured = folder.run("second", state=state, from_step=150, to_step=300)
    assert measured["tokens"] == 0
    assert folder.curve("second") == []
    assert read_checkpoint(folder.outputs("second")["state"])[1] == stopped


def test_a_run_stopped_in_the_moment_it_diverges_stays_diverged(folder: Folder, monkeypatch):
    diverging: dict[str, Any] = {"learning_rate": 1e38}
    folder.run("whole", **diverging)
    _, facts = read_checkpoint(folder.outputs("whole")["state"])
    stop_at(folder, monkeypatch, facts["step"], signal.SIGTERM, **diverging)
    folder.run("parts", **diverging)
    assert folder.sha256("parts") == folder.sha256("whole")


def test_progress_is_told(folder: Folder, capsys):
    folder.run("one")
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("step 150/150  loss 3.")
    assert line.endswith("tokens/s  0 s left")


@pytest.mark.parametrize(
    ("tokens", "changes", "message"),
    [
        (40, {}, "40 tokens give 2 windows of 16; one batch of 64 tokens takes 4"),
        (5000, {"batch_tokens": 40}, "batch_tokens: 40; allowed are multiples of the context, 16"),
        (5000, {"batch_tokens": 0}, "batch_tokens: 0; allowed are multiples"),
        (5000, {"from_step": 3}, "from_step: 3; without a state it must be 0"),
    ],
)
def test_what_cannot_be_trained(tmp_path: Path, tokens: int, changes: dict, message: str):
    folder = Folder(tmp_path, tokens)
    with pytest.raises(BadInput, match=message):
        folder.run("one", **changes)
    assert not folder.outputs("one")["state"].exists()


def test_states_that_do_not_fit(folder: Folder):
    folder.run("first", to_step=5)
    state = folder.outputs("first")["state"]
    with pytest.raises(BadInput, match="a state after step 5; this segment begins at 6"):
        folder.run("second", state=state, from_step=6)
    with pytest.raises(BadInput, match=r"weights of .*'width': 16.* this run trains .*'width': 8"):
        folder.run("second", state=state, from_step=5, model=MODEL | {"width": 8})
    tensors, facts = read_checkpoint(state)
    moved = {name.replace("qkv", "query_key_value"): t for name, t in tensors.items()}
    write_checkpoint(state, moved, facts)
    with pytest.raises(
        BadInput, match=r"first\.safetensors: mean\.blocks\.0\.qkv has the shape none"
    ):
        folder.run("second", state=state, from_step=5)
    write_checkpoint(state, tensors | {"mean.head": torch.zeros(64, 8)}, facts)
    with pytest.raises(BadInput, match=r"mean\.head has the shape 64 x 8; .* trains 64 x 16"):
        folder.run("second", state=state, from_step=5)
    state.write_bytes(state.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"first\.safetensors is damaged"):
        folder.run("second", state=state, from_step=5)
    assert not folder.outputs("second")["state"].exists()
