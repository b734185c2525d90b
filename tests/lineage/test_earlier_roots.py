"""Roots of earlier commits, of other branches, and those that were kept."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import earlier_roots, root
from tests.lineage import small_study
from tests.lineage.small_study import commit, git


def recorded(rate):
    small_study.write(rate=rate)
    small_study.write_root()
    return commit()


def commits(study="s"):
    return [(one.commit, one.before) for one in earlier_roots.in_git(study)]


def test_roots_of_commits_that_lead_here_and_of_other_branches(folder):
    first = recorded(0.1)
    git("checkout", "--quiet", "-b", "side")
    side = recorded(0.2)
    git("checkout", "--quiet", "-b", "main", first)
    second = recorded(0.3)
    assert commits() == [(second, True), (first, True), (side, False)]
    (one, *_) = earlier_roots.in_git("s")
    assert one.content == root.read("s")
    assert one.where == f"commit {second[:12]}"
    # What goes on from here is no earlier one.
    git("checkout", "--quiet", first)
    assert commits() == [(first, True)]


def test_without_git_or_root_there_are_none(folder):
    assert commits() == []
    small_study.write()
    commit()
    assert commits() == []
    small_study.text(root.path_of("s"), "{}")
    commit()
    assert commits() == []


def test_a_root_that_was_kept(study):
    path = small_study.write_root()
    kept = Path("kept.json")
    path.rename(kept)
    one = earlier_roots.kept(kept, "s")
    assert (one.where, one.commit, one.before) == ("kept.json", None, True)
    with pytest.raises(BadInput, match=r"^kept\.json: no readable study root"):
        earlier_roots.kept(kept, "t")
    with pytest.raises(BadInput, match=r"^gone\.json: no readable study root \(No such file"):
        earlier_roots.kept(Path("gone.json"), "s")
