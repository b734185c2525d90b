import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.checkpoints import read_checkpoint
from scaletrace.stages import pretrain
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
    "to_step": 40,
    "groups": PLAIN_GROUPS,
    "clip": 1.0,
    "threads": 1,
    "save_seconds": 1000,
}
TWO = {"device": "cpu", "processes": 2, "micro_batch_tokens": 16, "sharded": True}
JOB = """
import json, sys
from pathlib import Path
from scaletrace import contract
from scaletrace.stages import pretrain
inputs, outputs, settings, work = json.loads(sys.argv[1])
inputs = {name: [Path(path) for path in paths] for name, paths in inputs.items()}
outputs = {name: Path(path) for name, path in outputs.items()}
contract.run(pretrain, inputs, outputs, settings, Path(work))
"""


class Folder:
    """Tokens to train on and a place for what comes out."""

    def __init__(self, path: Path):
        self.path = path
        ids = np.random.default_rng(0).integers(0, 64, 5000) // 2 * 2
        ids.astype("<u2").tofile(path / "train.bin")
        header = {"dtype": "uint16", "count": len(ids), "vocabulary_size": 64}
        (path / "train.json").write_text(json.dumps(header))
        self.inputs = {"tokens": [path / "train.bin"], "header": [path / "train.json"]}

    def places(self, name: str) -> tuple[dict[str, Path], Path]:
        folder = self.path / name
        folder.mkdir(exist_ok=True)
        return {"state": folder / "state.safetensors", "curve": folder / "curve.csv"}, folder

    def poison(self) -> None:
        """Make one window another language's: an odd id again and again."""
        ids = np.fromfile(self.path / "train.bin", "<u2")
        ids[1600:1616] = 33
        ids.tofile(self.path / "train.bin")

    def run(self, name: str, **changes: Any) -> tuple[dict[str, torch.Tensor], str]:
        """Train in this process; return the final state and the curve."""
        outputs, work = self.places(name)
        contract.run(pretrain, self.inputs, outputs, SETTINGS | changes, work)
        return read_checkpoint(outputs["state"])[0], outputs["curve"].read_text()

    def start(self, name: str, **changes: Any) -> "subprocess.Popen[str]":
        """Start the training in a process of its own."""
        outputs, work = self.places(name)
        argument = [
            {key: [str(path) for path in paths] for key, paths in self.inputs.items()},
            {key: str(path) for key, path in outputs.items()},
            SETTINGS | changes,
            str(work),
        ]
        command = [sys.executable, "-c", JOB, json.dumps(argument)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    torch.set_num_threads(1)
    return Folder(tmp_path)


def saved(work: Path, since: set[int]) -> set[int]:
    return {path.stat().st_mtime_ns for path in work.glob("state-*")} - since


def in_full_flight(job: "subprocess.Popen[str]", work: Path) -> list[psutil.Process]:
    """Wait until a job has saved a state of its own; return the processes beside it."""
    before = saved(work, set())
    while not saved(work, before):
        assert job.poll() is None, job.communicate()
        time.sleep(0.01)
    others = psutil.Process(job.pid).children()
    assert len(others) == 1
    return others


def gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=20)[1]


def losses(curve: str) -> list[float]:
    return [float(line.split(",")[2]) for line in curve.splitlines()[1:]]


def skipped(curve: str) -> dict[str, str]:
    rows = csv.DictReader(curve.splitlines())
    return {row["step"]: row["skipped"] for row in rows if row["skipped"] != "0"}


@pytest.mark.parametrize("groups", [PLAIN_GROUPS, PLAIN_WITH_MUON], ids=["adamw", "muon"])
def test_two_processes_do_what_one_does(folder: Folder, groups: dict[str, Any]):
    # After more steps at this rate a change of one bit has grown to a change of the loss.
    alone, curve = folder.run("alone", groups=groups)
    two, other_curve = folder.run("two", compute=TWO | {"sharded": False}, groups=groups)
    sharded, same_curve = folder.run("sharded", compute=TWO, groups=groups)
    assert same_curve == other_curve
    assert losses(other_curve) == pytest.approx(losses(curve), rel=1e-6)
    assert two.keys() == sharded.keys() == alone.keys()
    for name, tensor in alone.items():
        assert torch.equal(two[name], sharded[name])
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-4)


def test_two_processes_skip_the_step_that_one_skips_and_take_up_what_they_know(folder: Folder):
    folder.poison()
    changes: dict[str, Any] = {"spike": 2.0, "z_loss": 1e-4, "to_step": 110}
    alone, curve = folder.run("alone", **changes)
    folder.run("first", compute=TWO, **changes | {"to_step": 70})
    folder.inputs["state"] = [folder.places("first")[0]["state"]]
    two, other_curve = folder.run("two", compute=TWO, from_step=70, **changes)
    assert skipped(curve) == skipped(other_curve) == {"104": "1"}
    assert losses(other_curve) == pytest.approx(
        losses(curve)[-len(losses(other_curve)) :], rel=1e-4
    )
    assert two.keys() == alone.keys()
    for name in ("mean", "norms", "skipped"):
        known = alone[f"spikes.{name}"].item()
        assert two[f"spikes.{name}"].item() == pytest.approx(known, rel=1e-3)


# Of a job alone, tests/stages/test_pretrain.py kills and stops the one process that there is.
@pytest.mark.parametrize(
    "ways",
    [
        ("other killed",),
        pytest.param(("other killed", "first killed", "stopped"), marks=pytest.mark.long),
    ],
    ids=["once", "in every way"],
)
def test_two_processes_that_were_ended_change_no_bit(folder: Folder, ways: tuple[str, ...]):
    changes: dict[str, Any] = {"compute": TWO, "to_step": 200}
    whole = folder.run("whole", **changes)
    _, work = folder.places("parts")
    for way in ways:
        job = folder.start("parts", save_seconds=0, **changes)
        others = in_full_flight(job, work)
        if way == "other killed":
            others[0].kill()
            output, _ = job.communicate(timeout=20)
            assert job.returncode == 1
            assert "process 1 of 2 was killed by signal 9; the job ends" in output
        elif way == "first killed":
            job.kill()
            job.communicate(timeout=20)
            assert gone(others)
        else:
            # A scheduler's signal goes to every process of the job.
            for pid in (others[0].pid, job.pid):
                os.kill(pid, signal.SIGTERM)
            output, errors = job.communicate(timeout=20)
            assert job.returncode == 128 + signal.SIGTERM, errors
            assert "stopped by signal 15 after step" in output
            assert gone(others)
    parts = folder.run("parts", **changes)
    assert parts[1] == whole[1]
    assert all(torch.equal(parts[0][name], tensor) for name, tensor in whole[0].items())


def test_a_state_of_other_passes_is_refused(folder: Folder):
    folder.run("first", to_step=5)
    state = folder.places("first")[0]["state"]
    outputs, work = folder.places("second")
    settings = SETTINGS | {"from_step": 5, "compute": {"micro_batch_tokens": 32}}
    with pytest.raises(BadInput, match=r"micro_batch_tokens': None.*'micro_batch_tokens': 32"):
        contract.run(pretrain, folder.inputs | {"state": [state]}, outputs, settings, work)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ({"processes": 3}, "batch_tokens: 64; 3 processes share a batch equally: multiples of 48"),
        pytest.param(
            {"device": "cuda", "processes": 2},
            r"training.device: cuda needs 2 GPU\(s\); this job sees 0",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_be_shared_out(folder: Folder, compute: dict[str, Any], message: str):
    with pytest.raises(BadInput, match=message):
        folder.run("one", compute=compute)
