"""The device of a training or an evaluation, set up so that equal work gives equal bits."""

import os

import torch

from scaletrace.errors import BadInput


def open_device(name: str, number: int = 0, needed: int = 1) -> torch.device:
    """Return the CPU, or one of the machine's GPUs.

    Args:
        name: `cpu` or `cuda`.
        number: which GPU, from 0.
        needed: GPUs that the job needs in all.

    Raises:
        BadInput: the machine has not so many GPUs.
    """
    if name == "cpu":
        return torch.device("cpu")
    # Read when the first product is computed; without it products may differ from run to run.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found < needed:
        build = torch.version.cuda or "no CUDA"
        raise BadInput(
            f"training.device: cuda needs {needed} GPU(s); this job sees {found} (torch "
            f"{torch.__version__}, built for {build}); train on a machine that has them, or on cpu"
        )
    torch.cuda.set_device(number)
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    # Flash attention for bf16, plain products for fp32: the others' gradients vary in their bits.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    return torch.device("cuda", number)


def gpu_memory(name: str) -> dict[str, float]:
    """Return the most of a GPU's memory that this process has held, MiB; nothing on the CPU."""
    if name == "cpu":
        return {}
    return {"peak_gpu_memory_mb": torch.cuda.max_memory_allocated() / 2**20}
