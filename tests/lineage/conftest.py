"""Studies of a few files, in folders of their own."""

import pytest

from tests.lineage import small_study


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(folder):
    """The working folder, with a small study in it."""
    small_study.write()
    return folder
