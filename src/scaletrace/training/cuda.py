"""NVIDIA GPUs, set up so that equal work gives equal bits."""

import os

import torch

from scaletrace.errors import BadInput


def open_gpu(number: int, needed: int) -> torch.device:
    """Return one of the machine's GPUs; the arguments are those of `device.open_device`.

    Raises:
        BadInput: the machine has not so many GPUs.
    """
    # Read when the first product is computed; without it products may differ from run to run.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    visible = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if visible < needed:
        build = torch.version.cuda or "no CUDA"
        raise BadInput(
            f"training.device: cuda needs {needed} GPU(s); this job sees {visible} (torch "
            f"{torch.__version__}, built for {build}); train on a machine that has them, or on cpu"
        )
    torch.cuda.set_device(number)
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    # Flash attention for bf16, plain products for fp32: the others' gradients vary in their bits.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    return torch.device("cuda", number)


def memory_mb() -> float:
    """Return the most of a GPU's memory that this process has held, MiB."""
    return torch.cuda.max_memory_allocated() / 2**20
