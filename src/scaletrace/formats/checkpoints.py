"""Checkpoint files: safetensors whose metadata carry a JSON object and a digest of everything."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

Tensors = dict[str, torch.Tensor]


class DamagedCheckpointError(ValueError):
    """A file that is torn, corrupt, or no checkpoint at all."""


def write_checkpoint(path: Path, tensors: Tensors, facts: dict[str, Any]) -> None:
    """Write `tensors` and the JSON object `facts` to `path`; equal content gives equal bytes."""
    # One metadata key only: safetensors keeps them in a hash map, whose order is not fixed.
    text = json.dumps({"facts": facts, "digest": _digest(tensors, facts)}, sort_keys=True)
    path.write_bytes(save(tensors, {"scaletrace": text}))


def read_checkpoint(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Return the tensors and facts of a checkpoint.

    Raises:
        DamagedCheckpointError: the content is not what was written.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = json.loads((stream.metadata() or {})["scaletrace"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        facts, digest = metadata["facts"], metadata["digest"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} is damaged: {error}") from error
    if digest != _digest(tensors, facts):
        raise DamagedCheckpointError(f"{path} is damaged: its content does not match its digest")
    return tensors, facts


def _digest(tensors: Tensors, facts: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(memoryview(tensor.numpy()).cast("B"))
    return digest.hexdigest()
