"""What works where the package alone is installed, without the extra that computes studies."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRA = [re.split(r"[ <>=]", one)[0] for one in PROJECT["optional-dependencies"]["workflow"]]
STUDY = ("--study", "example")
FIGURE, TABLE = "results/example/figures/loss_vs_params.png", "results/example/observations.csv"
READS = [
    ["check", "config/example.yaml"],
    ["plan", "config/example.yaml"],
    ["trace", FIGURE],
    ["audit", *STUDY, "--no-checkpoints"],
    ["status", *STUDY],
    ["cost", *STUDY],
    ["diff", "HEAD", "HEAD", *STUDY],
    ["export", *STUDY, "--out", "example.zip"],
    ["fit", TABLE, "--law", "power_n", "--budget", "1M", "--out", "fit.json"],
    ["predict", "fit.json", "--n", "1e6"],
    ["--help"],
]
COMPUTES = {
    ("record", *STUDY): "snakemake",
    ("restore", *STUDY, "--no-checkpoints"): "dvc",
    ("demo", "config/example.yaml"): "snakemake",
    ("plan", "config/example.yaml", "--calibrate"): "torch",
}
# Of each command of standard input its exit code and what it said, where some modules are not.
BLOCKED = """
import contextlib, importlib.abc, io, json, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from scaletrace import cli
ended = []
for command in json.load(sys.stdin):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = cli.main(command)
        except SystemExit as end:
            code = end.code
    ended.append([code, said.getvalue()])
print(json.dumps(ended))
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("light") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def test_commands_that_read_need_nothing_of_the_extra_and_others_name_it(clone):
    commands = [*READS, *map(list, COMPUTES)]
    done = subprocess.run(
        [sys.executable, "-P", "-c", BLOCKED, *(name.replace("-", "_") for name in EXTRA)],
        input=json.dumps(commands),
        cwd=clone,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ended = json.loads(done.stdout)
    for command, (code, said) in zip(READS, ended, strict=False):
        assert code == 0, (command, said)
    assert "the code that audits lies outside of the repository" in ended[3][1]
    for (command, module), (code, said) in zip(COMPUTES.items(), ended[len(READS) :], strict=True):
        assert code == 2, (command, said)
        assert said == (
            f"scaletrace {command[0]}: {module} is not installed; what computes, records or "
            "restores needs the extra `workflow`: see README, Reviewer\n"
        )


@pytest.mark.long
def test_the_package_alone_audits_a_clone(clone, tmp_path):
    """Installed from the package index, as a reviewer does."""
    subprocess.run([sys.executable, "-m", "venv", "light"], cwd=tmp_path, check=True)
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    pip = [tmp_path / "light/bin/pip", "install", "--quiet", str(source)]
    subprocess.run(pip, check=True, capture_output=True)
    listed = subprocess.run(
        [tmp_path / "light/bin/pip", "list", "--format", "json"], check=True, capture_output=True
    )
    installed = {one["name"].lower() for one in json.loads(listed.stdout)}
    assert not installed & {name.lower() for name in EXTRA}
    assert {"numpy", "pandas", "scaletrace"} <= installed
    done = subprocess.run(
        [tmp_path / "light/bin/scaletrace", "audit", *STUDY, "--no-checkpoints"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the code that audits lies outside of the repository that it judges" in done.stdout
    assert "networkx, sympy, torch: not installed here" in done.stdout
