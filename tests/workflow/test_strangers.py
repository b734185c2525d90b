"""Clones and exports of strangers: nothing outside is read or written, and nothing hangs."""

import os
import py_compile
import shutil
from pathlib import Path

import pytest
from benchmarks import hostile

from tests.workflow.conftest import LOCK, TINY, Clone

FIGURE = f"{hostile.FIGURE}.pdf"
AUDIT = ("scaletrace", "audit", "--study", "tiny", "--no-checkpoints")


@pytest.fixture(scope="module")
def light(recorded_once, tmp_path_factory):
    """The recorded clone without its large files, and an export beside it."""
    clone = recorded_once.copied(tmp_path_factory.mktemp("strangers") / "recorded")
    hostile.lighten(clone.folder, clone.folder.parent / "export.zip")
    return clone


def marked(cases):
    """A case of each sixth name for every day, the rest for long ones."""
    names = list(dict.fromkeys(case.name for case in cases))
    daily, found = set(names[::6]), []
    for case in cases:
        marks = [] if case.name in daily else [pytest.mark.long]
        daily.discard(case.name)
        found.append(pytest.param(case, marks=marks, id=f"{case.name}, {case.command[0]}"))
    return found


@pytest.mark.parametrize("case", marked(hostile.CASES))
def test_a_command_ends_in_words_and_touches_nothing_else(light, tmp_path, case):
    hostile.prepare(light.folder, tmp_path)
    shutil.copyfile(light.folder.parent / "export.zip", tmp_path / "export.zip")
    assert hostile.problems(case, tmp_path, seconds=120) == []


@pytest.fixture
def fresh(light, tmp_path):
    clone = Clone.at(tmp_path / "clone")
    light.git("clone", "--quiet", str(light.folder), str(clone.folder))
    return clone


def test_audit_and_trace_write_nothing_into_a_fresh_clone(light, tmp_path):
    clone = light.copied(tmp_path / "clone")
    shutil.rmtree(clone.folder / ".snakemake")
    shutil.rmtree(clone.folder / "work")
    for compiled in list(clone.folder.rglob("__pycache__")):
        shutil.rmtree(compiled)
    before = hostile.snapshot(clone.folder)
    assert "verified: " in clone.run(*AUDIT).stdout
    clone.run("scaletrace", "trace", FIGURE)
    after = hostile.snapshot(clone.folder)
    assert {name: after[name] for name in after if "__pycache__" not in name} == before


def test_jobs_run_no_compiled_file_that_lies_beside_a_source(light, tmp_path):
    clone = light.copied(tmp_path / "clone")
    source = clone.folder / "src/scaletrace/jobs/timings.py"
    times, planted = source.stat(), tmp_path / "planted"
    text = f"open({str(planted)!r}, 'w')".ljust(times.st_size, "#")
    original = source.read_text(encoding="utf-8")
    source.write_text(text, encoding="utf-8")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    py_compile.compile(str(source))
    source.write_text(original, encoding="utf-8")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    clone.run("python", "-m", "scaletrace.jobs.timings", "tiny")
    assert planted.exists()
    planted.unlink()
    clone.snakemake("--cores", "1", "--forcerun", "timings", "--allowed-rules", "timings")
    assert not planted.exists()


def test_an_audit_sees_text_that_lies_above_the_clone(light, tmp_path):
    clone = light.copied(tmp_path / "clone")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("Text.\n" * 200)
    text = "corpus: {source: files, paths: [../texts/*.txt]}"
    clone.edit(TINY, "corpus: {source: docstrings, packages: [networkx]}", text)
    found = clone.run(*AUDIT, check=False)
    assert found.returncode == 1
    assert "inputs: ../texts/a.txt" in found.stdout


def test_a_results_folder_that_its_owner_linked_goes_on_working(light, fresh, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    (fresh.folder / "results/tiny").symlink_to(disk)
    export = str(light.folder.parent / "export.zip")
    restore = ("scaletrace", "restore", "--study", "tiny", "--from", export, "--no-checkpoints")
    assert "snakemake has nothing to do" in fresh.run(*restore).stdout
    assert (disk / "figures/residuals.pdf").is_file()
    assert "verified: " in fresh.run(*AUDIT).stdout
    fresh.run("scaletrace", "export", "--study", "tiny", "--out", "again.zip")
    assert fresh.git("status", "--porcelain") == "?? again.zip\n"


def test_without_git_nobody_knows_whose_a_link_is(light, tmp_path):
    clone = light.copied(tmp_path / "clone")
    shutil.rmtree(clone.folder / ".git")
    assert "verified: " in clone.run(*AUDIT).stdout
    (tmp_path / "disk").mkdir()
    shutil.rmtree(clone.folder / "work")
    (clone.folder / "work").symlink_to(tmp_path / "disk")
    refused = clone.run(*AUDIT, check=False)
    assert refused.returncode == 2
    assert "'work': a link, and no git here tells" in refused.stderr


def test_a_cache_elsewhere_is_used_when_its_user_says_so(light, fresh, tmp_path):
    fresh.run("dvc", "config", "cache.dir", str(tmp_path / "cache"))
    fresh.commit("a cache of ours")
    restore = ("scaletrace", "restore", "--study", "tiny")
    refused = fresh.run(*restore, check=False)
    assert refused.returncode == 2
    advice = refused.stderr.rpartition("if you want that: ")[2].split()
    fresh.run(*advice)
    assert fresh.run(*restore, check=False).returncode == 1
    assert Path(fresh.folder / LOCK).is_file()
