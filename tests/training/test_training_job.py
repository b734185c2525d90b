"""A training through the job wrapper, with bad luck: what a person sees, and what is kept."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from scaletrace.jobs.fingerprint import fingerprint
from tests.training.groups import PLAIN_GROUPS

KINDS = ("scaletrace.families.decoder", "scaletrace.optimisers.adamw")
MODEL = {
    "family": "decoder",
    "width": 16,
    "layers": 1,
    "heads": 1,
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
    "to_step": 200,
    "groups": PLAIN_GROUPS,
    "clip": 1.0,
    "threads": 1,
    "save_seconds": 0,
}
FILES = {
    "wildcards": {},
    "inputs": {"tokens": ["train.bin"], "header": ["train.json"]},
    "outputs": {"state": "results/state.safetensors", "curve": "results/curve.csv"},
}
# More than any other file of a job takes, and less than a state.
FULL = 20_000


class Study:
    """A folder in which one segment is trained."""

    def __init__(self, folder: Path, tokens: int = 5000):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        ids = np.random.default_rng(0).integers(0, 64, tokens)
        ids.astype("<u2").tofile(folder / "train.bin")
        header = {"dtype": "uint16", "count": tokens, "vocabulary_size": 64}
        (folder / "train.json").write_text(json.dumps(header))

    def start(self, largest_file: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))

        return subprocess.Popen(
            [
                *(sys.executable, "-m", "scaletrace.job"),
                *(
                    f"pretrain@{fingerprint('pretrain', KINDS)}",
                    "--study",
                    "s",
                ),
                *("--threads", "1", "--job", json.dumps(FILES)),
                *("--settings", json.dumps(SETTINGS)),
            ],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    def states(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.glob("work/s/*/state-?.*")}

    def begun(self) -> subprocess.Popen[str]:
        """Start the training and stop it, alive, when it has saved two states."""
        process = self.start()
        while len(self.states()) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)
        return process

    def results(self) -> dict[str, str]:
        found = [path for path in self.folder.glob("results/**/*") if path.is_file()]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    study = Study(tmp_path_factory.mktemp("undisturbed"))
    done = study.start()
    said = done.communicate()[1]
    assert done.returncode == 0, said
    return study.results()


def test_a_full_disk_is_one_sentence_and_what_was_saved_goes_on(tmp_path, undisturbed):
    study = Study(tmp_path)
    with study.begun() as begun:
        begun.kill()
    saved = study.states()
    with study.start(largest_file=FULL) as full:
        said = full.communicate()[1]
    assert full.returncode == 2
    assert said.startswith("pretrain: ")
    assert "work/s/" in said
    assert said.endswith(
        "a checkpoint cannot be written there (File too large); "
        "what was saved before is untouched\n"
    )
    assert said.count("\n") == 1
    assert study.states() == saved
    assert study.results() == {}
    with study.start() as again:
        said = again.communicate()[0]
    assert again.returncode == 0
    assert "resuming after step" in said
    assert study.results() == undisturbed


def test_the_second_waits_and_takes_over_when_the_first_is_dead(tmp_path, undisturbed):
    study = Study(tmp_path)
    with study.begun() as first, study.start() as second:
        assert second.stdout is not None
        assert second.stdout.readline().startswith(f"waiting: process {first.pid} on ")
        assert second.poll() is None
        first.kill()
        said = second.communicate()[0]
    assert second.returncode == 0
    assert said.startswith("resuming after step")
    assert study.results() == undisturbed


def test_tokens_shorter_than_a_batch(tmp_path):
    study = Study(tmp_path, tokens=40)
    with study.start() as process:
        said = process.communicate()[1]
    assert process.returncode == 2
    assert said == (
        "pretrain: train.bin: 40 tokens give 2 windows of 16; one batch of 64 tokens takes 4\n"
    )
    assert study.results() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is read-only for root")
@pytest.mark.parametrize("name", ["work", "results"])
def test_a_read_only_folder_is_one_sentence(tmp_path, name):
    study = Study(tmp_path)
    (tmp_path / name).mkdir(mode=0o500)
    with study.start() as process:
        said = process.communicate()[1]
    assert process.returncode == 1
    assert said.startswith(f"pretrain: Permission denied ({name}")
    assert said.endswith("nothing was put in place\n")
    assert said.count("\n") == 1
