"""What surrounds a job: the commit, the host, its processors, the SLURM job, what is installed."""

import hashlib
import os
import platform
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from scaletrace.formats import files
from scaletrace.jobs import git, ledger

# Instruction sets by which numerical libraries choose their kernels, and thereby their rounding.
KERNEL_FEATURES = re.compile(r"avx\w*|fma|amx\w*|asimd\w*|sve\w*|bf16|i8mm")
# Where Linux tells of its processors, and the driver of its GPUs.
CPUINFO = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")
# What of the repository decides a job's outcome.
TRACKED = ["src", "rules", "Snakefile", "config", "requirements.lock"]


def here() -> dict[str, Any]:
    """Return what surrounds a job that runs here, as its record's circumstances hold it."""
    return {
        "git": _git(),
        "host": socket.gethostname(),
        "cpu": _processor(),
        "cpu_features": _instruction_sets(),
        "gpu": _gpu(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "node": os.environ.get("SLURMD_NODENAME"),
        "gpus": os.environ.get("SLURM_JOB_GPUS", os.environ.get("CUDA_VISIBLE_DEVICES")),
        "environment": _environment(),
    }


def _git() -> dict[str, Any] | None:
    try:
        return {
            "commit": git.text("rev-parse", "HEAD").rstrip(),
            "changed": git.text("status", "--porcelain", "--", *TRACKED).rstrip().splitlines(),
        }
    except (OSError, subprocess.CalledProcessError):
        return None


def _cpuinfo(name: str) -> str | None:
    """Return what Linux says of the first processor under a name; None elsewhere."""
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _instruction_sets() -> str | None:
    """Return the instruction sets that choose between kernels; None where nobody tells.

    A virtual machine may give its processor's name without its number, and hide some of these.
    """
    flags = (_cpuinfo("flags") or _cpuinfo("Features") or "").split()
    return " ".join(sorted(filter(KERNEL_FEATURES.fullmatch, flags))) or None


def _gpu() -> str | None:
    """Return the models of GPU that the driver sees, whether the job uses one or not."""
    models = set()
    for path in GPUS.glob("*/information"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        models |= {line.partition(":")[2].strip() for line in lines if line.startswith("Model")}
    return ", ".join(sorted(models)) or None


def _environment() -> str:
    """Store what is installed, once per environment, and return the sha256 of that file."""
    packages = {d.name.lower(): d.version for d in metadata.distributions()}
    content = files.to_json(
        {"python": sys.version, "platform": platform.platform(), "packages": packages}
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    path = ledger.environment_path(digest)
    if not path.exists():
        files.write_text(path, content)
    return digest
