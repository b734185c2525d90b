"""A training job in a folder of its own, as the rules start it, on random tokens."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from training_groups import PLAIN_GROUPS

from scaletrace import python_command
from scaletrace.jobs import ledger
from scaletrace.jobs.command import ENVIRONMENT
from scaletrace.jobs.fingerprint import fingerprint, kinds_of

CONTEXT, VOCABULARY, HEAD_WIDTH = 128, 4096, 32


class TrainingJob:
    """One segment of a trunk, from its first step."""

    def __init__(
        self,
        folder: Path,
        size: str,
        steps: int,
        batch_tokens: int,
        save_seconds: float,
        optimiser: str = "adamw",
    ):
        width, layers = (int(part) for part in size.split("x"))
        self.folder = folder
        self.state = folder / "results/state.safetensors"
        self.curve = folder / "results/curve.csv"
        tokens = np.random.default_rng(0).integers(0, VOCABULARY, 1 << 20)
        (folder / "tokens").mkdir(parents=True)
        tokens.astype("<u2").tofile(folder / "tokens/train.bin")
        header = {"dtype": "uint16", "count": len(tokens), "vocabulary_size": VOCABULARY}
        (folder / "tokens/train.json").write_text(json.dumps(header), encoding="utf-8")
        self.settings: dict[str, Any] = {
            "model": {
                "family": "decoder",
                "width": width,
                "layers": layers,
                "heads": width // HEAD_WIDTH,
                "context": CONTEXT,
                "vocabulary_size": VOCABULARY,
            },
            "seed": 0,
            "batch_tokens": batch_tokens,
            "learning_rate": 0.005,
            "schedule": "wsd",
            "warmup_steps": 10,
            "from_step": 0,
            "to_step": steps,
            "groups": PLAIN_GROUPS[optimiser],
            "clip": 1.0,
            "threads": 1,
            "save_seconds": save_seconds,
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Start the job in a process of its own; what it says goes to the file `log`."""
        files = {
            "wildcards": {},
            "inputs": {"tokens": ["tokens/train.bin"], "header": ["tokens/train.json"]},
            "outputs": {"state": "results/state.safetensors", "curve": "results/curve.csv"},
        }
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [
                    *python_command.words("scaletrace.job"),
                    *(
                        f"pretrain@{fingerprint('pretrain', kinds_of('pretrain', self.settings))}",
                        "--study",
                        "benchmark",
                    ),
                    *("--threads", "1", "--job", json.dumps(files)),
                    *("--settings", json.dumps(self.settings)),
                ],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env={**os.environ, **ENVIRONMENT},
            )

    def finish(self) -> dict[str, Any]:
        """Run the job to its end and return what it measured."""
        if self.start().wait():
            raise SystemExit((self.folder / "log").read_text(encoding="utf-8"))
        record = self.folder / ledger.path_of("benchmark", "pretrain", {})
        return json.loads(record.read_text(encoding="utf-8"))["circumstances"]["measured"]
