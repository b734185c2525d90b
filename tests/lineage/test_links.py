"""Links that a clone brings are refused; those that its owner made may stay."""

import os
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import links
from tests.lineage.small_study import commit, git


def link(name):
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to("/etc/passwd")


def test_a_link_that_git_tracks_is_refused(folder):
    link("results/s/table.csv")
    commit()
    with pytest.raises(BadInput, match=r"^'results/s/table\.csv': a link that this clone brings"):
        links.require_none()


def test_a_link_of_ones_own_may_stay(folder):
    commit()
    link("results/s/table.csv")
    links.require_none()


def test_another_repository_inside_is_refused(folder):
    commit()
    Path("src").mkdir()
    os.chdir("src")
    commit()
    os.chdir("..")
    git("-c", "advice.addEmbeddedRepo=false", "add", "src")
    with pytest.raises(BadInput, match=r"^'src': a link"):
        links.require_none()


@pytest.mark.parametrize("name", ["results", "provenance/jobs/s/x.json", "config/deep/er.yaml"])
def test_without_git_every_link_is_refused(folder, name):
    links.require_none()
    link(name)
    with pytest.raises(BadInput, match=f"^'{name}': a link, and no git here tells"):
        links.require_none()


def test_links_elsewhere_are_nobodys_concern(folder):
    link("notes/mine")
    links.require_none()


def test_git_of_a_folder_above_says_nothing(folder):
    commit()
    Path("below").mkdir()
    os.chdir("below")
    link("results")
    with pytest.raises(BadInput, match="no git here tells"):
        links.require_none()


def test_whether_git_tracks_a_file(folder):
    Path("a").touch()
    # Where git cannot say, a clone may bring it.
    assert links.is_tracked("a")
    commit()
    Path("b").touch()
    assert links.is_tracked("a")
    assert not links.is_tracked("b")
