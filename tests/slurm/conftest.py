"""A SLURM cluster in a box, clones whose jobs run on it, and a driver that can be watched."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from scaletrace.formats.files import hashes
from tests.workflow.conftest import Clone, built_once  # noqa: F401

CLUSTER = Path(__file__).with_name("cluster")
STUDY = "config/faults.yaml"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER:
    # Tests that run side by side kill nodes: each has a cluster of its own.
    os.environ["SCALETRACE_BOX"] = f"/tmp/scaletrace-box-{os.getuid()}-{WORKER}"
    os.environ["SCALETRACE_BOX_PORT"] = str(17827 + 10 * int(WORKER.removeprefix("gw")))
LONG = "d32-l2-s0-600k"
LONGER = "d32-l2-s0-1.2M"
BRIEF = "d32-l2-s0-8k"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slurm)


def cluster(*words, check=True):
    done = subprocess.run([CLUSTER, *words], capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"cluster {words}: {done.stdout}{done.stderr}")
    return done.stdout


def until(condition, message, seconds=180):
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, message() if callable(message) else message
        time.sleep(0.2)
    return found


@pytest.fixture(scope="session")
def box():
    """The cluster, which is left as it was found."""
    ran = subprocess.run([CLUSTER, "status"], capture_output=True).returncode == 0
    cluster("up")
    with pytest.MonkeyPatch.context() as patch:
        turn_to_box(patch)
        yield
    if not ran:
        cluster("down")


def turn_to_box(patch):
    """Let SLURM's commands talk to the box that `cluster` speaks of."""
    for name, value in re.findall(r"(\w+)='([^']*)'", cluster("env")):
        patch.setenv(name, value, prepend=os.pathsep if name == "PATH" else None)


class Driver:
    """A snakemake that submits a clone's jobs to the box, and what may be asked while it runs."""

    started: ClassVar[list["Driver"]] = []

    def __init__(self, clone, *words, config=STUDY):
        self.clone = clone
        self.log = clone.folder / f"driver-{time.time_ns()}.log"
        command = ["snakemake", *words, "--profile", "slurm", "--configfile", config]
        environment = os.environ | {
            "PYTHONPATH": str(clone.folder / "src"),
            "PATH": f"{clone.folder}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with self.log.open("w") as stream:
            self.process = subprocess.Popen(
                command, cwd=clone.folder, env=environment, stdout=stream, stderr=stream
            )
        self.started.append(self)

    def said(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def finish(self, seconds=600):
        """Wait for the end and return the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.said()}\n{cluster('status')}") from None

    def step(self, run=LONG):
        """The last step that the run's log reports; 0 before the first."""
        path = self.clone.folder / f"results/faults/logs/anneal/{run}.log"
        found = re.findall(r"^step (\d+)", path.read_text() if path.exists() else "", re.MULTILINE)
        return int(found[-1]) if found else 0

    def trains(self, run=LONG, beyond=0):
        """Wait until the run's training is beyond a step, and return its SLURM job."""

        def working():
            assert self.process.poll() is None, self.said()
            return self.step(run) > beyond

        until(working, self.said)
        return queue()[0]


def queue():
    """The numbers of the jobs that run or wait, oldest first."""
    said = subprocess.run(["squeue", "-h", "-o", "%A"], capture_output=True, text=True, check=True)
    return sorted(said.stdout.split(), key=int)


def job_facts(job):
    """What SLURM says of a job, by name."""
    said = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True)
    return dict(re.findall(r"(\w+)=(\S*)", said.stdout))


def model(run=LONG):
    return f"results/faults/runs/{run}/model.safetensors"


def weights(clone, run=LONG):
    return hashes(clone.folder / model(run))["sha256"]


def circumstances(clone, run=LONG):
    path = clone.folder / f"provenance/jobs/faults/anneal/run={run}.json"
    return json.loads(path.read_text(encoding="utf-8"))["circumstances"]


def slurm_jobs(clone, run=LONG):
    """The SLURM jobs that began a run, in their order."""
    return [attempt["slurm_job"] for attempt in circumstances(clone, run)["attempts"]]


def stopped(clone, run=LONG):
    """Why each attempt but the last ended."""
    return [attempt.get("problem") for attempt in circumstances(clone, run)["attempts"][:-1]]


def seams(clone, run=LONG):
    """Where each process but the first took training up, after checking that none overlaps."""
    processes = circumstances(clone, run)["measured"]["processes"]
    for before, after in itertools.pairwise(processes):
        assert before["to_step"] == after["from_step"], processes
    return [process["from_step"] for process in processes[1:]]


@pytest.fixture(scope="session")
def prepared(built_once):  # noqa: F811
    """A clone with its text ready and nothing trained; not to be changed."""

    def build(folder):
        clone = Clone(folder)
        shutil.copy(CLUSTER.with_name("faults.yaml"), clone.folder / STUDY)
        clone.commit("faults")
        here(clone, "results/faults/tokens/train.bin")
        return clone

    return built_once("prepared", build)


@pytest.fixture(scope="session")
def reference(prepared, built_once):  # noqa: F811
    """A clone in which nothing disturbed the training; it ran here, without SLURM."""

    def build(folder):
        clone = prepared.copied(folder)
        here(clone, model(LONG), model(LONGER))
        return clone

    return built_once("reference", build)


def here(clone, *targets):
    """Make files of the study on this machine."""
    clone.run("snakemake", *targets, "--cores", "2", "--configfile", STUDY)


@pytest.fixture
def clone(box, prepared, tmp_path):
    """A clone with its text ready and nothing trained, whose jobs go to the box."""
    cluster("up")
    copy = prepared.copied(tmp_path / "clone")
    (copy.folder / "slurm/site.yaml").write_text(cluster("site"), encoding="utf-8")
    yield copy
    for driver in Driver.started:
        driver.process.kill()
        driver.process.wait()
    Driver.started.clear()
    cluster("up")
    if jobs := queue():
        subprocess.run(["scancel", *jobs], check=True)
        until(lambda: not queue(), "jobs do not end", 60)
