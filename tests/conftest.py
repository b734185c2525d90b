"""What every test leaves behind as it found it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _arithmetic():
    """Undo what training sets for its whole process, which for a job is its own."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        torch.set_deterministic_debug_mode("default")
