"""What surrounds a job, as its record tells of it."""

import hashlib
import json
import subprocess
import sys
import types
from pathlib import Path

from scaletrace.formats.record import Circumstances
from scaletrace.jobs import ledger, libraries, surroundings

CPUINFO = "processor\t: 0\nmodel name\t: Some Processor 9000\nflags\t\t: sse2 fma avx2 avx fpu\n\n"


def test_circumstances_read_what_is_told_of_here(folder, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    here = surroundings.here()
    read = Circumstances.of(here)
    assert (read.slurm_job, read.node, read.gpus) == ("71", "n1", "0,1")
    assert read.host
    assert read.cpu
    # Outside of a repository there is no commit.
    assert here["git"] is None
    assert read.git.commit is None


def test_what_is_installed_stands_in_a_file_named_by_its_hash(folder):
    digest = surroundings.here()["environment"]
    path = ledger.environment_path(digest)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    content = json.loads(path.read_text(encoding="utf-8"))
    assert "pytest" in content["packages"]
    assert content["records"] == libraries.records()
    written = path.stat().st_mtime_ns
    assert surroundings.here()["environment"] == digest
    assert path.stat().st_mtime_ns == written


def test_what_python_runs_at_its_start_is_hashed(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "sitecustomize", raising=False)
    assert "sitecustomize" not in surroundings._startup()
    Path("sitecustomize.py").write_text("import os\n", encoding="utf-8")
    module = types.ModuleType("sitecustomize")
    module.__file__ = "sitecustomize.py"
    monkeypatch.setitem(sys.modules, "sitecustomize", module)
    sha256 = hashlib.sha256(b"import os\n").hexdigest()
    assert surroundings._startup()["sitecustomize"] == sha256


def test_the_commit_and_what_was_changed_since(folder):
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    Path("config").mkdir()
    Path("config/tiny.yaml").write_text("study: tiny\n", encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    # What decides no outcome is not told of.
    Path("notes.txt").touch()
    assert surroundings.here()["git"] == {"commit": head.strip(), "changed": []}
    Path("config/tiny.yaml").write_text("study: other\n", encoding="utf-8")
    assert surroundings.here()["git"]["changed"] == [" M config/tiny.yaml"]


def test_the_processor_by_its_name_and_the_sets_that_choose_kernels(folder, monkeypatch):
    (folder / "cpuinfo").write_text(CPUINFO, encoding="utf-8")
    monkeypatch.setattr(surroundings, "CPUINFO", folder / "cpuinfo")
    here = surroundings.here()
    assert (here["cpu"], here["cpu_features"]) == ("Some Processor 9000", "avx avx2 fma")
    monkeypatch.setattr(surroundings, "CPUINFO", folder / "absent")
    assert surroundings.here()["cpu_features"] is None


def test_the_gpus_that_the_driver_sees(folder, monkeypatch):
    monkeypatch.setattr(surroundings, "GPUS", folder / "gpus")
    assert surroundings.here()["gpu"] is None
    for name in ("0", "1"):
        path = folder / "gpus" / name / "information"
        path.parent.mkdir(parents=True)
        path.write_text("Model: \t NVIDIA H100\nIRQ: 1\n", encoding="utf-8")
    assert surroundings.here()["gpu"] == "NVIDIA H100"
