"""A fit that commands are asked about."""

from pathlib import Path

import pytest

from tests.drawing import made_fit


@pytest.fixture(scope="module")
def fit(tmp_path_factory) -> Path:
    """Return the path of a fit to a grid of N and D."""
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    path.write_bytes(made_fit.content("grid"))
    return path
