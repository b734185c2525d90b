"""Checkpoint files: safetensors whose metadata carry a JSON object and a digest of everything."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from scaletrace.errors import BadInput
from scaletrace.formats.files import replacing

Tensors = dict[str, torch.Tensor]


class DamagedCheckpointError(ValueError):
    """A file that is torn, corrupt, or no checkpoint at all."""


def write_checkpoint(path: Path, tensors: Tensors, facts: dict[str, Any]) -> None:
    """Write `tensors` and the JSON object `facts` to `path`; equal content gives equal bytes.

    Raises:
        BadInput: the file cannot be written (disk full, folder read-only).
    """
    # One metadata key only: safetensors keeps them in a hash map, whose order is not fixed.
    text = json.dumps({"facts": facts, "digest": _digest(tensors, facts)}, sort_keys=True)
    try:
        path.write_bytes(save(tensors, {"scaletrace": text}))
    except OSError as error:
        raise _unwritable(path, error) from error


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


class Generations:
    """The two newest checkpoints of a training, in a folder of its own."""

    def __init__(self, folder: Path):
        self.slots = (folder / "state-a.safetensors", folder / "state-b.safetensors")
        self.older = self.slots[0]

    def newest(self) -> tuple[Tensors, dict[str, Any]] | None:
        """Return the intact checkpoint with the highest `step`, or None; name damaged ones."""
        intact = []
        for slot in self.slots:
            if slot.exists():
                try:
                    intact.append((slot, *read_checkpoint(slot)))
                except DamagedCheckpointError as error:
                    print(f"{error}; it is passed over", flush=True)
        if not intact:
            return None
        slot, tensors, facts = max(intact, key=lambda found: found[2]["step"])
        self.older = next(other for other in self.slots if other != slot)
        return tensors, facts

    def save(self, tensors: Tensors, facts: dict[str, Any]) -> None:
        """Put a checkpoint in the older one's place; both are kept when that fails.

        Raises:
            BadInput: the file cannot be written.
        """
        try:
            with replacing(self.older) as temporary:
                write_checkpoint(temporary, tensors, facts)
        except OSError as error:
            raise _unwritable(self.older, error) from error
        self.older = next(other for other in self.slots if other != self.older)


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{path.parent}: a checkpoint cannot be written there ({error.strerror}); "
        "what was saved before is untouched"
    )


def _digest(tensors: Tensors, facts: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()
