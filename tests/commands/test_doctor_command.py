"""What `scaletrace doctor` finds on this machine, sound and not."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.cluster import checks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    shutil.copytree(ROOT / ".dvc", ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    shutil.copy(ROOT / "requirements.lock", "requirements.lock")
    return tmp_path


def doctor(folder):
    """The exit code and the findings, by place and name, of a machine without SLURM."""
    command = [sys.executable, "-m", "scaletrace.cli", "doctor", "--json"]
    commands = folder / "commands"
    commands.mkdir()
    (commands / "git").symlink_to(shutil.which("git") or "git")
    environment = os.environ | {"PATH": str(commands)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    places = json.loads(done.stdout)["places"].values()
    return done.returncode, {check["name"]: check for found in places for check in found}


def test_a_sound_machine_without_slurm(folder):
    code, found = doctor(folder)
    assert code == 0, found
    assert found["packages"]["good"] is True
    assert found["shared folder"]["good"] is True
    assert found["clock"]["good"] is True
    assert "none here" in found["SLURM"]["found"]
    assert list((folder / "work").iterdir()) == []


def test_what_is_wrong_comes_with_its_remedy(folder, monkeypatch, capsys):
    with (folder / "requirements.lock").open("a", encoding="utf-8") as stream:
        stream.write("no-such-package==1.0\n")
    (folder / "work").write_text("in the way", encoding="utf-8")
    code, found = doctor(folder)
    assert code == 1
    assert "no-such-package missing (the lock says 1.0)" in found["packages"]["found"]
    assert "pip install" in found["packages"]["remedy"]
    assert found["shared folder"]["good"] is False
    assert "all nodes can write" in found["shared folder"]["remedy"]
    monkeypatch.setenv("PATH", str(folder / "commands"))
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    packages = lines.index("  ✗ packages: no-such-package missing (the lock says 1.0)")
    assert lines[packages + 1] == "      pip install --requirement requirements.lock"
    assert any(line.startswith("  ✓ scratch: ") for line in lines)
    assert any(line.startswith("  - SLURM: none here") for line in lines)


def test_a_remote_that_is_not_there(folder):
    subprocess.run(
        [sys.executable, "-m", "dvc", "remote", "add", "--default", "store", "/proc/none/store"],
        check=True,
        capture_output=True,
    )
    code, found = doctor(folder)
    assert code == 1
    assert found["DVC remote"]["good"] is False
    assert "/proc/none/store" in found["DVC remote"]["found"]


def test_a_clock_that_is_not_the_folders(folder, monkeypatch):
    now = time.time
    monkeypatch.setattr(checks.time, "time", lambda: now() + 60)
    (clock,) = [check for check in checks.checks() if check.name == "clock"]
    assert clock.good is False
    assert "NTP" in clock.remedy
