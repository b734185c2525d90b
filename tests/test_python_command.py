"""What lies in a clone runs nothing in the place of the sources that were read."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

from scaletrace import python_command

SOURCE, PLANTED = "print('source')", "print('plants')"


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A module whose compiled file, of its source's size and time, says something else."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "home").mkdir()
    helper = tmp_path / "lib/helper.py"
    (tmp_path / "lib/starts.py").write_text("import helper", encoding="utf-8")
    helper.write_text(PLANTED, encoding="utf-8")
    py_compile.compile(str(helper))
    times = helper.stat()
    helper.write_text(SOURCE, encoding="utf-8")
    os.utime(helper, ns=(times.st_atime_ns, times.st_mtime_ns))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "")
    return tmp_path


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_compiled_file_beside_a_source_is_not_executed(planted):
    assert said(sys.executable, "-m", "starts") == PLANTED[7:13]
    for _ in range(2):
        assert said(*python_command.words("starts")) == SOURCE[7:13]
    compiled = (planted / "home" / python_command.COMPILED).rglob("*.pyc")
    assert any(path.name.startswith("helper.") for path in compiled)


def test_a_shell_runs_the_same(planted):
    line = f"set -euo pipefail; exec {python_command.in_shell('starts')}"
    assert said("bash", "-c", line) == SOURCE[7:13]
    compiled = (planted / "home" / python_command.COMPILED).rglob("*.pyc")
    assert any(path.name.startswith("helper.") for path in compiled)


def test_a_module_of_the_working_folder_is_no_library(planted, monkeypatch):
    monkeypatch.chdir(planted)
    Path("json.py").write_text("print('of the folder')", encoding="utf-8")
    (planted / "lib/starts.py").write_text("import json", encoding="utf-8")
    assert said(sys.executable, "-m", "starts") == "of the folder"
    assert said(*python_command.words("starts")) == ""
