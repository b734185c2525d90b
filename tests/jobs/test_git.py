"""git, asked so that nothing is run at the word of a repository's own settings."""

import subprocess
from pathlib import Path

import pytest

from scaletrace.jobs import git


@pytest.fixture
def repository(folder):
    git.run("init", "--quiet")
    return folder


def test_what_git_prints(repository):
    Path("below").mkdir()
    assert git.run("rev-parse", "--show-prefix", folder=Path("below")) == b"below/\n"
    assert git.text("rev-parse", "--show-prefix", folder=Path("below")) == "below/\n"
    # The hash of an empty file.
    name = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert git.text("hash-object", "--stdin") == f"{name}\n"
    assert git.run("hash-object", "--stdin", message=b"x\n") != f"{name}\n".encode()


def test_what_git_refuses(repository):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        git.run("rev-parse", "--verify", "gone")
    assert b"fatal" in refused.value.stderr


def test_names_that_are_not_utf_8(repository):
    Path("caf\udce9").touch()
    assert git.text("ls-files", "-z", "--others") == "caf\udce9\0"


def test_a_repositorys_file_system_monitor_is_not_started(repository):
    script = repository / "monitor"
    script.write_text(f"#!/bin/sh\ntouch {repository}/started\n", encoding="utf-8")
    script.chmod(0o755)
    git.run("config", "core.fsmonitor", str(script))
    assert "monitor" in git.text("status", "--porcelain")
    assert not Path("started").exists()


def test_what_a_hash_names_is_not_replaced(repository):
    name, other = (
        git.run("hash-object", "-w", "--stdin", message=content).decode().strip()
        for content in (b"then\n", b"another\n")
    )
    git.run("replace", name, other)
    assert git.text("cat-file", "blob", name) == "then\n"


def test_without_git(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="git"):
        git.run("--version")
