"""What a machine must have to run jobs: `python -m scaletrace.cluster.checks` prints JSON.

Asked from the login node and, through a short job, from a compute node.
"""

import dataclasses
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from importlib import metadata
from pathlib import Path

LOCK = Path("requirements.lock")
SHARED = Path("work")
PATIENCE = 20
# Times of files and of hosts may differ by this much before leases and orders of files suffer.
SKEW_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that was looked at: fine, wrong with a remedy, or only worth knowing."""

    name: str
    good: bool | None
    found: str
    remedy: str = ""


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check(
        "Python",
        sys.version_info >= (3, 11),
        f"{version} at {sys.executable}",
        "activate the environment in the job's shell; 3.11 or newer is needed",
    )


def _packages() -> Check:
    """Compare what is installed with the lock; a build such as +cpu counts as the same version."""
    remedy = f"pip install --requirement {LOCK}"
    try:
        lines = LOCK.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        return Check("packages", False, f"{LOCK}: {error.strerror}", "start in the clone's folder")
    pins = dict(line.split("==") for line in lines if re.match(r"[A-Za-z0-9._-]+==", line))
    wrong = []
    for name, pinned in pins.items():
        try:
            version = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            version = "missing"
        if version != pinned.split(";")[0].strip().partition("+")[0]:
            wrong.append(f"{name} {version} (the lock says {pinned})")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Check("packages", False, ", ".join(wrong[:3]) + more, remedy)
    return Check("packages", True, f"{len(pins)} as the lock says")


def _gpu() -> Check:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return Check("GPU", None, "none; training runs on the processor")
    there = asked.stdout.strip().splitlines()
    if asked.returncode or not there:
        message = (asked.stderr or asked.stdout).strip()[:200]
        return Check("GPU", False, message or "nvidia-smi fails", "ask for a node with a driver")
    import torch

    devices = f"{len(there)} x {there[0]} (name, driver); torch {torch.__version__}"
    return Check(
        "GPU",
        torch.cuda.is_available(),
        devices,
        "torch does not see it: install the torch whose CUDA the driver supports",
    )


def _folder(name: str, folder: Path, remedy: str) -> Check:
    """Write, rename, read and delete a file."""
    first = folder / f".doctor-{uuid.uuid4().hex}"
    second = first.with_suffix(".renamed")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first.write_text("x" * 4096, encoding="utf-8")
        first.rename(second)
        whole = len(second.read_text(encoding="utf-8")) == 4096
        second.unlink()
        free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        return Check(name, False, f"{folder.resolve()}: {error.strerror}", remedy)
    return Check(name, whole, f"{folder.resolve()}, {free:,.0f} GB free", remedy)


def _clock() -> Check:
    """Compare the host's clock with the one that gives files their times."""
    path = SHARED / f".doctor-{uuid.uuid4().hex}"
    try:
        path.touch()
        skew = path.stat().st_mtime - time.time()
        path.unlink()
    except OSError as error:
        return Check("clock", False, f"{SHARED}: {error.strerror}", "make the folder writable")
    return Check(
        "clock",
        abs(skew) < SKEW_SECONDS,
        f"{abs(skew):.1f} s from the shared folder's",
        "have the node's clock synchronised (NTP): leases and reruns go by the times of files",
    )


def _remote() -> Check:
    """Look for the DVC remote that `dvc push` and `scaletrace restore` use."""
    try:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo
    except ImportError as error:
        return Check("DVC remote", False, str(error), f"pip install --requirement {LOCK}")
    try:
        with Repo() as repo:
            if not repo.config["core"].get("remote"):
                return Check(
                    "DVC remote", None, "none; before dvc push: dvc remote add --default NAME URL"
                )
            remote = repo.cloud.get_remote()
            remote.fs.exists(remote.path)
            if remote.fs.protocol == "local":
                return _folder("DVC remote", Path(remote.path), "mount it, or dvc remote modify")
            return Check("DVC remote", True, f"{remote.name}: {remote.path}")
    except (DvcException, OSError) as error:
        return Check("DVC remote", False, str(error)[:200], "dvc remote modify NAME url URL")


def checks() -> list[Check]:
    """Look at this machine."""
    return [
        _python(),
        _packages(),
        _gpu(),
        _folder("shared folder", SHARED, "put the clone where all nodes can write"),
        _folder("scratch", Path(tempfile.gettempdir()), "export TMPDIR=a folder that exists"),
        _clock(),
        _remote(),
    ]


def seen(token: str) -> Check:
    """Look for the file that another machine has just left in the shared folder."""
    there = (SHARED / token).exists()
    return Check(
        "sees the login node's files",
        there,
        str(SHARED.resolve()),
        "put the clone on a file system that login and compute nodes share",
    )


def main(argv: list[str]) -> None:
    """Print this machine's checks, its name and its time as JSON."""
    results = checks() + [seen(token) for token in argv]
    host = os.environ.get("SLURMD_NODENAME", socket.gethostname())
    listed = [dataclasses.asdict(check) for check in results]
    print(json.dumps({"host": host, "time": time.time(), "checks": listed}))


if __name__ == "__main__":
    main(sys.argv[1:])
