"""DVC's own commands in a repository that came with a study whose large files nobody has."""

import pytest
from benchmarks.synthetic_study import write_results

from scaletrace.lineage.dvc import store
from scaletrace.lineage.record import record
from scaletrace.lineage.restore import restore
from tests.workflow.conftest import ROOT, Clone

LARGE = "results/mine/runs/d8-l1-s0-32k/model.safetensors"
QUIET = {
    "pull": "Everything is up to date.",
    "push": "Everything is up to date.",
    "status": "Data and pipelines are up to date.",
    "dag": "provenance/dvc/mine/dvc.yaml:mine-observe",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A clone as a person makes it, with a study of theirs, recorded and pushed to a folder."""
    folder = tmp_path_factory.mktemp("plain")
    clone = Clone.at(folder / "clone")
    Clone.at(ROOT).git("clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone.folder))
    lines = (clone.folder / "config/tiny.yaml").read_text().splitlines(True)
    text = "".join(line for line in lines if not any(f"d{n}-" in line for n in (24, 32, 48)))
    config = clone.folder / "config/mine.yaml"
    config.write_text(text.replace("study: tiny", "study: mine"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(clone.folder)
        write_results(config.relative_to(clone.folder), "mine")
        record(config.relative_to(clone.folder))
    clone.run("dvc", "remote", "add", "--quiet", "--default", "shared", str(folder / "remote"))
    clone.run("dvc", "push", "--quiet")
    clone.commit("recorded")
    return clone


@pytest.fixture
def visitor(own, tmp_path, monkeypatch):
    """A clone of that clone, in which nothing but git's files lies, and the working folder."""
    clone = Clone.at(tmp_path / "visitor")
    own.git("clone", "--quiet", str(own.folder), str(clone.folder))
    monkeypatch.chdir(clone.folder)
    return clone


def quiet(clone):
    for command, said in QUIET.items():
        done = clone.run("dvc", command)
        assert said in done.stdout, command
        assert "WARNING" not in done.stdout + done.stderr, command
        assert "example" not in done.stdout + done.stderr, command


def test_every_command_is_clean_where_the_study_was_recorded(own):
    quiet(own)


def test_and_in_a_clone_of_it_after_a_plain_pull(visitor):
    assert "fetched" in visitor.run("dvc", "pull").stdout
    assert (visitor.folder / LARGE).is_file()
    quiet(visitor)


def test_even_without_a_study_of_ones_own(tmp_path):
    clone = Clone.at(tmp_path / "clone")
    Clone.at(ROOT).git("clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(clone.folder))
    for command in ("pull", "status", "dag"):
        clone.run("dvc", command)


OTHERS = ("symlink", "reflink", "copy")


@pytest.mark.parametrize(
    ("kind", "shared"),
    [
        ("hardlink", True),
        pytest.param("hardlink", False, marks=pytest.mark.long),
        *(pytest.param(k, s, marks=pytest.mark.long) for k in OTHERS for s in (False, True)),
    ],
)
def test_a_cache_of_any_type_leaves_snakemake_nothing_to_do(own, visitor, tmp_path, kind, shared):
    # Reflinks are copies where the file system has none.
    visitor.run("dvc", "config", "--local", "cache.type", f"{kind},copy")
    if shared:
        visitor.run("dvc", "config", "--local", "cache.dir", str(own.folder / ".dvc/cache"))
    cache = (own if shared else visitor).folder / ".dvc/cache/files"
    before = {path: path.stat() for path in cache.rglob("*") if path.is_file()}
    report = restore("mine")
    assert (report.findings, report.waiting) == ([], [])
    assert (
        "Nothing to be done"
        in visitor.run("snakemake", "--dry-run", "--configfile", "config/mine.yaml").stdout
    )
    if shared:
        assert before
        now = {path: path.stat() for path in before}
        assert {p: (s.st_mtime_ns, s.st_mode) for p, s in now.items()} == {
            p: (s.st_mtime_ns, s.st_mode) for p, s in before.items()
        }
    # Each is as its type says; a hard link, which has no time of its own, is a symbolic one.
    linked = (visitor.folder / LARGE).is_symlink()
    assert linked == (kind in {"hardlink", "symlink"})
    assert "up to date" in visitor.run("dvc", "status").stdout
    assert restore("mine").files == 0


def test_a_study_kept_apart_is_recorded_and_restored_all_the_same(visitor):
    visitor.run("dvc", "pull", "--quiet")
    restore("mine")
    lines = (visitor.folder / ".dvcignore").read_text()
    (visitor.folder / ".dvcignore").write_text(f"{lines}/provenance/dvc/mine\n")
    assert visitor.run("dvc", "dag").stdout.strip() == ""
    said = visitor.run("scaletrace", "record", "--study", "mine").stdout
    assert ".dvcignore keeps mine from plain DVC" in said
    (visitor.folder / LARGE).unlink()
    assert restore("mine").files == 1
    assert store.locked(visitor.folder / "provenance/dvc/mine/dvc.lock")
