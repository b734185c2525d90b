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
    ["figure", "fit.json", "fit.png"],
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


@pytest.mark.long
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


def test_the_package_alone_needs_few_libraries():
    names = {re.split(r"[ <>=]", one)[0] for one in PROJECT["dependencies"]}
    assert names == {
        *("matplotlib", "numpy", "packaging", "pandas", "psutil", "pydantic", "pyyaml", "scipy")
    }


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """The binaries of an empty environment, with a wheel of the package as its users install it."""
    folder = tmp_path_factory.mktemp("light")
    source, binaries = folder / "source", folder / "light/bin"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "light"], cwd=folder, check=True)
    pip = [str(binaries / "pip"), "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("scaletrace-*.whl")
    subprocess.run([*pip, "install", str(wheel)], check=True, capture_output=True)
    return binaries


def run_bare(command, cwd):
    """Run a command without anything of this environment, and return what it printed."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_the_package_alone_audits_a_clone(clone, light, tmp_path):
    """Installed from the package index, as a reviewer does."""
    listed = json.loads(run_bare([light / "pip", "list", "--format", "json"], tmp_path))
    installed = {one["name"].lower() for one in listed}
    assert not installed & {name.lower() for name in EXTRA}
    assert {"numpy", "pandas", "scaletrace"} <= installed
    said = run_bare([light / "scaletrace", "audit", *STUDY, "--no-checkpoints"], clone)
    assert "the code that audits lies outside of the repository that it judges" in said
    assert "networkx, sympy, torch: not installed here" in said


FITS_AND_DRAWS = """
import numpy, pandas, scaletrace
n, d = (x.ravel() for x in numpy.meshgrid(numpy.geomspace(1e7, 1e9, 5), [1e9, 4e9, 2e10, 1e11]))
noise = numpy.exp(0.002 * numpy.random.default_rng(0).normal(size=20))
loss = (1.7 + 400 / n**0.34 + 1800 / d**0.37) * noise
runs = pandas.DataFrame({"n_params": n, "n_tokens": d, "loss": loss})
runs.to_csv("runs.csv", index=False)
fit = scaletrace.fit(runs, law="chinchilla", bootstrap=100)
fit.save_plot("library.pdf")
fit.to_json("library.json")
print(fit.plot()._repr_png_()[:4], fit.predict(n=1e10, d=1e12).loss[0], fit._repr_html_()[:3])
"""


@pytest.mark.long
def test_the_package_alone_fits_a_table_and_draws_it(light, tmp_path):
    said = run_bare([light / "python", "-c", FITS_AND_DRAWS], tmp_path)
    assert said.startswith("b'\\x89PNG' 1.9")
    options = ["--law", "chinchilla", "--bootstrap", "100"]
    files = ["--out", "command.json", "--figure", "command.html"]
    run_bare([light / "scaletrace", "fit", "runs.csv", *options, *files], tmp_path)
    assert (tmp_path / "library.json").read_bytes() == (tmp_path / "command.json").read_bytes()
    assert (tmp_path / "library.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in (tmp_path / "command.html").read_text(encoding="utf-8")
