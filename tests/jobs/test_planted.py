"""Files that nobody commits but to have them taken for results or code."""

import subprocess

import pytest

from scaletrace.errors import BadInput
from scaletrace.jobs import planted

NAMES = [
    "work/cache/ab/c/entry.json",
    ".snakemake/metadata/x",
    "src/scaletrace/__pycache__/cli.cpython-311.pyc",
    "sitecustomize.py",
    "src/sitecustomize.py",
]


@pytest.fixture
def repository(folder):
    subprocess.run(["git", "init", "--quiet"], check=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_what_git_tracks_is_refused_and_what_it_does_not_is_ones_own(repository, name):
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    (repository / "Snakefile").touch()
    subprocess.run(["git", "add", "Snakefile"], check=True)
    planted.require_none()
    subprocess.run(["git", "add", "--force", name], check=True)
    assert planted.tracked() == [name]
    with pytest.raises(BadInput, match=r"git tracks it \(1 such files\)"):
        planted.require_none()


def test_without_git_nothing_is_tracked(folder):
    assert planted.tracked() == []
