"""Job records: how each artifact came to be, written by the job that made it."""

import hashlib
import json
import os
import platform
import re
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.jobs import git

PROVENANCE = Path("provenance")
RESULTS = Path("results")
# What is too large for git, and what a light copy of a study leaves out.
LARGE = (".safetensors", ".bin", ".jsonl")
# Instruction sets by which numerical libraries choose their kernels, and thereby their rounding.
KERNEL_FEATURES = re.compile(r"avx\w*|fma|amx\w*|asimd\w*|sve\w*|bf16|i8mm")
# What circumstances hold, by section.
NUMBER, WORD, MAPPING = int | float | None, str | None, dict | None
CIRCUMSTANCES = {
    "": {
        **dict.fromkeys(("end", "cpu_seconds", "peak_memory_mb", "threads"), NUMBER),
        **dict.fromkeys(("start", "seconds"), int | float),
        **dict.fromkeys(("host", "node", "cpu", "cpu_features", "gpu", "gpus"), WORD),
        **dict.fromkeys(("slurm_job", "environment", "work"), WORD),
        **dict.fromkeys(("git", "matrix", "measured", "requested"), MAPPING),
    },
    "measured": dict.fromkeys(
        (
            "seconds",
            "tokens",
            "tokens_per_s",
            "flops_per_s",
            "peak_memory_mb",
            "peak_gpu_memory_mb",
        ),
        NUMBER,
    ),
    "matrix": {"flops_per_s": NUMBER},
    "requested": dict.fromkeys(("cpus", "gpus", "minutes", "memory_mb"), NUMBER),
    "attempts": {"start": NUMBER, **dict.fromkeys(("host", "node", "slurm_job", "problem"), WORD)},
}
TRACKED = ["src", "rules", "Snakefile", "config", "requirements.lock"]


def identifier(identity: dict[str, Any]) -> str:
    """Return a record's id: the sha256 of its identity alone, so that a rerun keeps it."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def path_of(study: str, rule: str, wildcards: dict[str, str]) -> Path:
    """Return where the record of a job lies."""
    name = ",".join(f"{key}={value}" for key, value in sorted(wildcards.items())) or rule
    return PROVENANCE / "jobs" / study / rule / f"{name}.json"


def seal(record: dict[str, Any]) -> str:
    """Return the sha256 over a record's id and circumstances.

    A rerun changes both together; an edit of the circumstances leaves the seal behind.
    """
    return identifier({"id": record["id"], "circumstances": record["circumstances"]})


def inside(path: str) -> bool:
    """Tell whether a name from a record or a lock stays within the repository."""
    plain = PurePosixPath(path)
    return (
        bool(plain.parts)
        and str(plain) == path
        and not plain.is_absolute()
        and ".." not in plain.parts
        and path.isprintable()
        and "\\" not in path
    )


def _is_hash(value: Any, digits: int) -> bool:
    return isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) is not None


def _require_form(record: Any) -> None:
    """Raise ValueError where a record is not of the form that jobs write: it may be hostile."""
    identity = record["identity"]
    if not _is_hash(record["id"], 64):
        raise ValueError(f"id: found {str(record['id'])[:80]!r}")
    for value, kinds in (
        (record["circumstances"], dict),
        (identity["rule"], str),
        (identity["wildcards"], dict),
        (identity["settings"], dict),
        (identity["code"]["fingerprint"], str),
        (identity["code"]["modules"], dict),
        (identity["inputs"], list),
        (identity["outputs"], list),
    ):
        if not isinstance(value, kinds):
            raise ValueError(f"found {str(value)[:80]!r} where a {kinds.__name__} belongs")
    compute = identity["settings"].get("compute", {})
    if not isinstance(compute, dict) or not 0 < compute.get("processes", 1) < 1 << 20:
        raise ValueError(f"settings.compute: found {str(compute)[:80]!r}")
    words = {**identity["wildcards"], "rule": identity["rule"], **identity["code"]["modules"]}
    if not all(isinstance(word, str) for word in words.values()):
        raise ValueError("wildcards and modules are text")
    for entry in [*identity["inputs"], *identity["outputs"]]:
        sound = isinstance(entry["path"], str) and isinstance(entry["name"], str)
        sound = sound and isinstance(entry["size"], int)
        if not (sound and _is_hash(entry["sha256"], 64) and _is_hash(entry["md5"], 32)):
            raise ValueError(f"found {str(entry)[:80]!r} where a file with its hashes belongs")
    for entry in identity["inputs"]:
        if entry["record"] is not None and not _is_hash(entry["record"], 64):
            raise ValueError(f"{entry['path']!r}: record: found {str(entry['record'])[:80]!r}")
    for entry in identity["outputs"]:
        if not inside(entry["path"]) or PurePosixPath(entry["path"]).parts[0] != RESULTS.name:
            raise ValueError(f"outputs: found {entry['path'][:80]!r}, which is not in results/")


def parse(path: Path) -> dict[str, Any]:
    """Return a job record of sound form, whatever its id.

    Raises:
        BadInput: the file is no job record.
    """
    try:
        content = untrusted.read_bytes(path)
    except OSError as error:
        raise BadInput(f"{path}: no readable job record ({error})") from None
    return from_bytes(content, path)


def plain(content: bytes, where: object) -> Any:
    """Return the data of a JSON file that may be hostile.

    Raises:
        BadInput: it is no JSON, or nested too deep; `where` names it.
    """
    try:
        return untrusted.from_json(content)
    except ValueError as error:
        raise BadInput(f"{where}: no readable JSON ({error})") from None


def from_bytes(content: bytes, path: Path) -> dict[str, Any]:
    """Return a job record of sound form, whatever its id, from a file's content.

    Raises:
        BadInput: it is no job record; `path` names it.
    """
    try:
        record = untrusted.from_json(content)
        _require_form(record)
        # What cannot be written again, such as not a number, was not written by a job.
        json.dumps(record, allow_nan=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: no readable job record ({error})") from None
    return record


def read(path: Path) -> dict[str, Any]:
    """Return a job record.

    Raises:
        BadInput: the file is no job record, or its id is not that of its identity.
    """
    record = parse(path)
    stated, actual = record["id"], identifier(record["identity"])
    if stated != actual:
        raise BadInput(f"{path}: id: found {stated}; its identity hashes to {actual}")
    return record


def require_circumstances(record: dict[str, Any], path: Path) -> None:
    """Require circumstances that can be added up and compared: no hash of theirs vouches for them.

    Raises:
        BadInput: a value is of another kind than jobs write.
    """
    said = record["circumstances"]
    tried = said.get("attempts", [])
    if not isinstance(tried, list) or not all(isinstance(one, dict) for one in tried):
        raise BadInput(f"{path}: circumstances.attempts: found {str(tried)[:80]!r}")
    for section, kinds in CIRCUMSTANCES.items():
        parts = tried if section == "attempts" else [said.get(section) or {} if section else said]
        for name, kind in kinds.items():
            for part in parts:
                if not isinstance(part.get(name), kind):
                    where = ".".join(filter(None, ("circumstances", section, name)))
                    raise BadInput(f"{path}: {where}: found {str(part.get(name))[:80]!r}")


def _pointer(study: str, artifact: str) -> Path:
    """Return the file that names the record of an artifact; a cache, rebuilt where missing."""
    name = hashlib.sha256(artifact.encode()).hexdigest()
    return Path("work") / study / "producers" / name


def _find(study: str, artifact: str) -> Path | None:
    pointer = _pointer(study, artifact)
    if pointer.is_file():
        return Path(untrusted.read_text(pointer))
    for path in sorted((PROVENANCE / "jobs" / study).glob("*/*.json")):
        if any(entry["path"] == artifact for entry in read(path)["identity"]["outputs"]):
            return path
    return None


def producer(study: str, entry: dict[str, Any]) -> str | None:
    """Return the id of the record of the job that made an input; None for raw text.

    Args:
        study: name of the study.
        entry: the input, with its path and sha256.

    Raises:
        BadInput: the file is not what its record says the job wrote.
    """
    path = _find(study, entry["path"])
    if path is None:
        return None
    record = read(path)
    for output in record["identity"]["outputs"]:
        if output["path"] == entry["path"] and output["sha256"] == entry["sha256"]:
            return record["id"]
    raise BadInput(
        f"{entry['path']}: found sha256 {entry['sha256']}, which is not what its job wrote "
        f"({path}); delete the file and snakemake makes it again"
    )


def write(study: str, identity: dict[str, Any], circumstances: dict[str, Any]) -> None:
    """Write the record of a job that has put its outputs in place."""
    path = path_of(study, identity["rule"], identity["wildcards"])
    record = {"id": identifier(identity), "identity": identity, "circumstances": circumstances}
    files.write_json(path, {**record, "seal": seal(record)})
    point(study, path, identity)


def point(study: str, path: Path, identity: dict[str, Any]) -> None:
    """Note for each output of a job where its record lies."""
    for output in identity["outputs"]:
        files.write_text(_pointer(study, output["path"]), str(path))


def surroundings() -> dict[str, Any]:
    """Return what surrounds a job: commit, host, processors, SLURM job and environment."""
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
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
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
    found = set()
    for path in Path("/proc/driver/nvidia/gpus").glob("*/information"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found |= {line.partition(":")[2].strip() for line in lines if line.startswith("Model")}
    return ", ".join(sorted(found)) or None


def uses_gpu(settings: dict[str, Any]) -> bool:
    """Tell from a job's settings whether it computed on a GPU."""
    compute = settings.get("compute", settings)
    return isinstance(compute, dict) and compute.get("device", "cpu") != "cpu"


def _environment() -> str:
    """Store what is installed, once per environment, and return the sha256 of that file."""
    packages = {d.name.lower(): d.version for d in metadata.distributions()}
    content = files.to_json(
        {"python": sys.version, "platform": platform.platform(), "packages": packages}
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    path = PROVENANCE / "env" / f"{digest}.json"
    if not path.exists():
        files.write_text(path, content)
    return digest
