"""Clones of the repository in which the tiny study really runs."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import audit

ROOT = Path(__file__).parents[2]
TINY = "config/tiny.yaml"
# What studies recorded here: git has their small files alone, so a clone begins without them.
RECORDED = re.compile(r"(results|provenance)/\w")
PIPELINE, LOCK = "provenance/dvc/tiny/dvc.yaml", "provenance/dvc/tiny/dvc.lock"


class Clone:
    """A copy of a checkout's tracked files, with commands that run on its own sources."""

    def __init__(self, folder: Path, source: Path = ROOT) -> None:
        self.folder = folder
        for name in self._git(source, "ls-files", "-z", "--cached").split("\0"):
            if name and not RECORDED.match(name) and (source / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, target)
        self._git(folder, "init", "--quiet")
        self.commit("clone")

    @classmethod
    def at(cls, folder):
        """What lies in a folder already."""
        clone = cls.__new__(cls)
        clone.folder = Path(folder)
        return clone

    def copied(self, folder):
        """Another clone with everything that lies in this one, at the same times."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Clone.at(folder)

    def _git(self, where, *words):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        command = ["git", *identity, *words]
        return subprocess.run(command, cwd=where, check=True, capture_output=True, text=True).stdout

    def git(self, *words):
        return self._git(self.folder, *words)

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def environment(self):
        """What a command needs to run on the clone's own sources."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PYTHONPATH": str(self.folder / "src"), "PATH": path}

    def run(self, *command, check=True):
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def snakemake(self, *words, check=True):
        return self.run("snakemake", "--configfile", TINY, *words, check=check)

    def jobs_to_do(self):
        """How many jobs of each rule `snakemake -n` would run."""
        said = self.snakemake("--dry-run").stdout
        if "Nothing to be done" in said:
            return {}
        table = re.search(r"job +count\n-+ +-+\n(.*?)\ntotal", said, re.DOTALL)
        assert table, said
        counts = dict(line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in counts.items() if rule != "all"}

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path, text


@pytest.fixture(scope="session")
def built_once(tmp_path_factory, worker_id):
    """A function that builds a clone where no other worker of pytest-xdist has, and copies it."""
    mine = tmp_path_factory.getbasetemp()
    shared = (mine if worker_id == "master" else mine.parent) / "built"
    shared.mkdir(exist_ok=True)

    def get(name, build):
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kept = shared / name
            if not kept.exists():
                build(shared / f"{name}.draft").folder.rename(kept)
        return Clone.at(kept).copied(tmp_path_factory.mktemp(name) / "clone")

    return get


@pytest.fixture(scope="session")
def finished(built_once):
    """A clone in which the tiny study has run."""

    def build(folder):
        clone = Clone(folder)
        clone.snakemake("--cores", "2")
        return clone

    return built_once("finished", build)


@pytest.fixture
def clone(finished):
    """The finished clone, its sources and configuration put back afterwards."""
    yield finished
    finished.git("checkout", "--quiet", "--", "src", "config", "rules", "Snakefile")


@pytest.fixture(scope="session")
def recorded_once(finished, built_once):
    """A copy of the finished clone, recorded and committed; not to be changed."""

    def build(folder):
        clone = finished.copied(folder)
        clone.run("scaletrace", "record", "--study", "tiny")
        clone.commit("recorded")
        return clone

    return built_once("recorded", build)


@pytest.fixture(scope="session")
def recorded_jobs(recorded_once):
    """The recorded clone's graph, which no damage to its results or records changes."""
    before = Path.cwd()
    os.chdir(recorded_once.folder)
    try:
        return asked_jobs(Path(TINY))
    finally:
        os.chdir(before)


@pytest.fixture
def copy(finished, tmp_path, monkeypatch):
    """The folder of a copy of the finished clone, which is also the working folder."""
    folder = finished.copied(tmp_path / "copy").folder
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def damaged(recorded_once, tmp_path, monkeypatch):
    """A copy of the recorded clone to damage, and the working folder."""
    copy = recorded_once.copied(tmp_path / "clone")
    monkeypatch.chdir(copy.folder)
    return copy


def job_command(identity, **settings):
    """The command that computes a recorded job of the tiny study anew, with other settings."""
    job = {
        "wildcards": identity.wildcards,
        "inputs": {file.name: [file.path] for file in identity.inputs},
        "outputs": {output.name: output.path for output in identity.outputs},
    }
    return [
        *(sys.executable, "-m", "scaletrace.job"),
        f"{identity.rule}@{identity.code.fingerprint}",
        *("--study", "tiny", "--threads", "1", "--job", json.dumps(job)),
        *("--settings", json.dumps(identity.settings | settings)),
    ]


def findings_by_file(jobs, *paths, **options):
    """What an audit of the working folder finds."""
    report = audit.audit(
        "tiny", [Path(path) for path in paths], jobs=jobs, **options, make_again=False
    )
    by_file = {}
    for finding in report.findings:
        by_file.setdefault(finding.file, []).append(finding)
    return by_file
