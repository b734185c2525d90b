"""What surrounds a job: the commit, the host, its processors, the SLURM job, what is installed."""

import hashlib
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from scaletrace.formats import files
from scaletrace.jobs import git, ledger, libraries

# Instruction sets by which numerical libraries choose their kernels, and thereby their rounding.
KERNEL_FEATURES = re.compile(r"avx\w*|fma|amx\w*|asimd\w*|sve\w*|bf16|i8mm")
# Where Linux tells of its processors, and the driver of its GPUs.
CPUINFO = Path("/proc/cpuinfo")
GPUS = Path("/proc/driver/nvidia/gpus")
# By which people make numerical libraries choose other kernels. Threads are the job's own.
VARIABLES = (
    *("ATEN_CPU_CAPABILITY", "NVIDIA_TF32_OVERRIDE"),
    *("DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA"),
    *("DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE"),
    *("MKL_CBWR", "MKL_DEBUG_CPU_TYPE", "MKL_ENABLE_INSTRUCTIONS"),
    *("NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES"),
    "OPENBLAS_CORETYPE",
)
# What a cluster or a user may have put there for Python to run before anything else.
STARTUP = ("sitecustomize", "usercustomize")
# What of the repository decides a job's outcome.
TRACKED = ["src", "rules", "Snakefile", "config", "requirements.lock"]


def here() -> dict[str, Any]:
    """Return what surrounds a job that runs here, as its record's circumstances hold it.

    What is installed is written to a file, once per environment.
    """
    return {
        **machine(),
        "git": _git(),
        "host": socket.gethostname(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "node": os.environ.get("SLURMD_NODENAME"),
        "gpus": os.environ.get("SLURM_JOB_GPUS", os.environ.get("CUDA_VISIBLE_DEVICES")),
        "environment": _environment(),
    }


def machine() -> dict[str, Any]:
    """Return what the bits of results depend on besides libraries: processor, GPU, variables."""
    return {
        "cpu": _processor(),
        "cpu_features": _instruction_sets(),
        "gpu": _gpu(),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def numerical(here: dict[str, Any], device: str, threads: int) -> dict[str, Any]:
    """Return of what surrounds a job that on which the bits of its result depend.

    Args:
        here: what surrounds it.
        device: that it computes on: cpu or cuda.
        threads: that it computes with.
    """
    names = ("cpu", "cpu_features", "variables", *(["gpu"] if device != "cpu" else []))
    return {
        **{name: here[name] for name in names},
        "threads": threads,
        "python": platform.python_version(),
        "libraries": libraries.computing(),
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


def _startup() -> dict[str, str]:
    """Return the hash of each module of the environment that Python runs at its start."""
    paths = {name: getattr(sys.modules.get(name), "__file__", None) for name in STARTUP}
    return {name: str(files.hashes(Path(path))["sha256"]) for name, path in paths.items() if path}


def _environment() -> str:
    """Store what is installed, once per environment, and return the sha256 of that file."""
    told = {
        "python": sys.version,
        "platform": platform.platform(),
        "packages": libraries.installed(),
        "records": libraries.records(),
        "startup": _startup(),
    }
    content = files.to_json(told)
    digest = hashlib.sha256(content.encode()).hexdigest()
    path = ledger.environment_path(digest)
    if not path.exists():
        files.write_text(path, content)
    return digest
