"""Folders in which jobs leave their traces."""

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the working folder, outside of SLURM."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_JOB_GPUS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path
