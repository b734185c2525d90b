"""Processes of one machine that train one model together, numbered from 0."""

from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

# Longer than any state takes to save: that a process has died is noticed by other means.
PATIENCE = timedelta(hours=2)


class Group:
    """The collective operations; every process calls them in the same order."""

    def __init__(self, rank: int, size: int, device: str, port: int = 0):
        """Meet the others; process 0 listens on a free port, the others are told which."""
        self.rank, self.size, self.device = rank, size, device
        self._store = dist.TCPStore(  # pyright: ignore[reportPrivateImportUsage]
            "127.0.0.1", port, size, rank == 0, PATIENCE, wait_for_workers=False
        )
        self.port = self._store.port

    def meet(self) -> None:
        """Wait until all processes are there."""
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if self.device == "cuda" else "gloo",
            store=self._store,
            rank=self.rank,
            world_size=self.size,
            timeout=PATIENCE,
        )

    def sum(self, tensor: Tensor) -> None:
        """Put the sum over the processes in the place of each one's tensor."""
        dist.all_reduce(tensor)

    def broadcast(self, tensor: Tensor, source: int) -> None:
        """Put one process's tensor in the place of everyone's."""
        dist.broadcast(tensor, source)

    def number(self, number: int) -> int:
        """Return process 0's number."""
        place = torch.tensor(number, dtype=torch.int64)
        dist.broadcast(place, 0)
        return int(place)

    def close(self) -> None:
        """Part."""
        dist.destroy_process_group()
