import contextlib
import copy
import shutil
from pathlib import Path

import pytest

from tests.figures.made_study import TOKENS, MadeStudy


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MadeStudy]:
    """Six sizes, two budgets; one run excluded, one diverged; a fit per budget."""
    folder = tmp_path_factory.mktemp("study")
    with contextlib.chdir(folder):
        made = MadeStudy(6, TOKENS)
        made.mark("d16-l2-s0-1M", "excluded")
        made.mark("d96-l2-s0-2M", "diverged")
        made.write()
        for budget in TOKENS:
            made.fit("power_n", budget)
    return folder, made


@pytest.fixture
def made(
    fitted: tuple[Path, MadeStudy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MadeStudy:
    """Return a copy of the study that a test may spoil."""
    folder, made = fitted
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(made)
