"""Two people of a group in one clone, under real user ids: each goes on where the other was."""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from scaletrace.formats.record import read_record
from scaletrace.jobs import run_cache
from tests.workflow.conftest import TINY, Clone, job_command

OTHERS = ("hardlink", "reflink", "copy")
FIRST, SECOND, GROUP = 70001, 70002, 70000
TRAINED = "results/tiny/runs/d8-l1-s0-32k"
RECORD = "provenance/jobs/tiny/pretrain/seed=0,size=d8-l1,tokens=24960.json"
EVALUATED = "results/tiny/evals/d8-l1-s0-32k.json"
RECORDS = [f"provenance/jobs/tiny/{rule}/run=d8-l1-s0-32k.json" for rule in ("evaluate", "anneal")]
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="other people's user ids need root and setpriv",
)


class Person:
    """Somebody of the group, with a home of their own and the umask of shared folders."""

    def __init__(self, number, clone):
        self.number, self.clone = number, clone
        self.home = clone.folder.parent / f"home-{number}"
        self.home.mkdir()
        os.chown(self.home, number, GROUP)

    def start(self, *command):
        # Python may lie where this person has no right to read; to write is never granted.
        reads = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        ids = (f"--reuid={self.number}", f"--regid={GROUP}", "--clear-groups")
        trusted = {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}
        environment = self.clone.environment() | {
            **{"HOME": str(self.home), "LOGNAME": f"person{self.number}"},
            **{f"GIT_CONFIG_{name}": value for name, value in trusted.items()},
        }
        return subprocess.Popen(
            ["setpriv", *ids, *reads, *command],
            cwd=self.clone.folder,
            env=environment,
            umask=0o002,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command):
        process = self.start(*command)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        return said

    def snakemake(self, *words):
        return self.run("snakemake", *words, "--configfile", TINY, "--cores", "2")


@pytest.fixture
def folder():
    """A folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def give(folder, number):
    """Make a folder somebody's, in which the group may write; not into what DVC protects."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, number, GROUP, follow_symlinks=False)
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            path.chmod(mode | stat.S_IWGRP | stat.S_ISGID)
        elif stat.S_ISREG(mode) and mode & stat.S_IWUSR:
            path.chmod(mode | stat.S_IWGRP)


@pytest.fixture
def people(finished, folder):
    """Two people, and the finished clone as the first of them would have left it."""
    clone = finished.copied(folder / "clone")
    clone.git("config", "core.sharedRepository", "group")
    give(clone.folder, FIRST)
    return Person(FIRST, clone), Person(SECOND, clone)


@pytest.mark.parametrize(
    "kind", ["symlink", *(pytest.param(k, marks=pytest.mark.long) for k in OTHERS)]
)
def test_a_colleagues_cache_is_read_and_left_as_it_is(recorded_once, folder, kind):
    theirs = recorded_once.copied(folder / "theirs")
    cache = theirs.folder / ".dvc/cache"
    give(theirs.folder, FIRST)
    mine = Clone.at(folder / "mine")
    recorded_once.git("clone", "--quiet", str(recorded_once.folder), str(mine.folder))
    give(mine.folder, SECOND)
    before = {path: path.stat() for path in cache.rglob("*")}
    person = Person(SECOND, mine)
    person.run("dvc", "config", "--local", "cache.type", f"{kind},copy")
    person.run("dvc", "config", "--local", "cache.dir", str(cache))
    assert "snakemake has nothing to do" in person.run("scaletrace", "restore", "--study", "tiny")
    assert "Nothing to be done" in person.snakemake("--dry-run")
    assert "up to date" in person.run("dvc", "status")
    now = {path: path.stat() for path in cache.rglob("*")}
    assert now.keys() == before.keys()
    for path, facts in before.items():
        if path.is_file():
            assert now[path].st_mtime_ns == facts.st_mtime_ns
        assert now[path].st_mode == facts.st_mode
    # The kernel grants hard links to what one may write alone; elsewhere it is a copy.
    assert (mine.folder / TRAINED / "model.safetensors").is_symlink() == (kind == "symlink")


def owner(clone, name):
    return (clone.folder / name).stat().st_uid


@pytest.mark.long
def test_each_makes_again_records_and_restores_what_the_other_made(people):
    first, second = people
    clone = first.clone
    shutil.rmtree(clone.folder / TRAINED)
    second.snakemake(f"{TRAINED}/outcome.json")
    assert owner(clone, f"{TRAINED}/outcome.json") == SECOND
    assert (clone.folder / TRAINED / "outcome.json").stat().st_mode & stat.S_IWGRP
    for person, other, title in ((first, second, "First"), (second, first, "Second")):
        clone.edit(TINY, "fits:", f"figures: {{residuals: {{title: {title}}}}}\nfits:")
        person.snakemake()
        assert owner(clone, "results/tiny/figures/residuals.pdf") == person.number
        assert "recorded" in person.run("scaletrace", "record", "--study", "tiny")
        shutil.rmtree(clone.folder / "results/tiny/evals")
        said = other.run("scaletrace", "restore", "--study", "tiny")
        assert "snakemake has nothing to do" in said
        clone.edit(TINY, f"figures: {{residuals: {{title: {title}}}}}\n", "")


@pytest.mark.long
def test_a_colleagues_results_are_taken_read_and_never_linked(finished, folder):
    cache = folder / "cache"
    cache.mkdir()
    people = []
    for number in (FIRST, SECOND):
        clone = finished.copied(folder / f"clone-{number}")
        # What either computes is new to the cache that they share.
        shutil.rmtree(clone.folder / TRAINED)
        (clone.folder / EVALUATED).unlink()
        give(clone.folder, number)
        people.append(Person(number, clone))
    give(cache, FIRST)
    first, second = people
    shared = f"{run_cache.VARIABLE}={cache}"
    for person in people:
        person.run("env", shared, "snakemake", EVALUATED, "--configfile", TINY, "--cores", "2")
    evaluated, trained = (read_record(second.clone.folder / name) for name in RECORDS)
    for record in (evaluated, trained):
        assert str(record.circumstances.reused.by).startswith(f"person{FIRST}@")
    model = f"{TRAINED}/model.safetensors"
    assert (first.clone.folder / model).read_bytes() == (second.clone.folder / model).read_bytes()
    assert owner(second.clone, model) == SECOND
    # Of what a colleague may change later, one's own result is a copy.
    assert (second.clone.folder / model).stat().st_nlink == 1
    (damaged,) = (path for path in cache.glob("??/*/model"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    shutil.rmtree(second.clone.folder / TRAINED)
    second.run("env", shared, "snakemake", model, "--configfile", TINY, "--cores", "2")
    again = read_record(second.clone.folder / RECORDS[1])
    assert again.circumstances.reused.by is None
    assert again.identity.outputs == trained.identity.outputs


def test_a_training_that_one_left_is_finished_by_the_other(people):
    first, second = people
    clone = first.clone
    identity = read_record(clone.folder / RECORD).identity
    shutil.rmtree(clone.folder / "results/tiny/trunks/d8-l1-s0")
    command = job_command(identity, save_seconds=0)
    left = first.start(*command)
    while not list((clone.folder / "work/tiny").glob("*/state-b.safetensors")):
        assert left.poll() is None
        time.sleep(0.01)
    left.kill()
    left.communicate()
    second.run(*command)
    record = read_record(clone.folder / RECORD)
    before, after = record.circumstances.raw["measured"]["processes"]
    assert 0 == before["from_step"] < before["to_step"] == after["from_step"]
    assert record.identity.outputs == identity.outputs
    assert {owner(clone, output.path) for output in identity.outputs} == {SECOND}
