"""What is read of DVC's files, which may be of anybody's making."""

import os
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage.dvc import store
from tests.lineage.small_study import commit, git, text

LOCK = Path("dvc.lock")


def test_a_mapping_is_read(folder):
    assert store.from_yaml(b"a: [1, {b: x}]\n", "x") == {"a": [1, {"b": "x"}]}
    text("x.yaml", " \n")
    assert store.read_yaml(Path("x.yaml")) == {} == store.read_yaml(Path("gone.yaml"))


@pytest.mark.parametrize(
    "content",
    [b"- 1\n", b"text", b"a: [", b"\xff", b"a: !!python/name:os.system\n", b"[" * 200 + b"]" * 200],
)
def test_what_is_no_plain_mapping_is_one_sentence(content):
    with pytest.raises(BadInput, match=r"^dvc\.yaml: not readable \(") as refused:
        store.from_yaml(content, "dvc.yaml")
    assert "\n" not in str(refused.value)


def test_a_folder_in_its_place_is_refused(folder):
    LOCK.mkdir()
    with pytest.raises(BadInput, match=r"dvc\.lock: not readable \(no ordinary file\)"):
        store.read_yaml(LOCK)


def test_stages():
    assert store.stages({"stages": {"a": {"cmd": "x"}}}, "f") == {"a": {"cmd": "x"}}
    assert store.stages({}, "f") == store.stages({"stages": None}, "f") == {}
    with pytest.raises(BadInput, match=r"^f: stages: not a mapping"):
        store.stages({"stages": [1]}, "f")
    for odd in ({1: {}}, {"a": []}):
        with pytest.raises(BadInput, match=r"^f: stages\.(1|a): not a mapping with a name"):
            store.stages({"stages": odd}, "f")


def test_a_lock_as_dvc_writes_it(folder):
    assert store.locked(LOCK) == {}
    entry = "stages:\n  a:\n    cmd: x\n    outs:\n    - path: b\n      md5: c\n"
    text(LOCK, f"schema: '2.0'\n{entry}")
    assert store.locked(LOCK) == {"a": {"cmd": "x", "outs": [{"path": "b", "md5": "c"}]}}


@pytest.mark.parametrize("outs", ["3", "{path: b}", "[b]", "[{md5: c}]", "[{path: 3}]"])
def test_a_lock_of_another_form_is_refused(folder, outs):
    text(LOCK, f"stages:\n  a:\n    outs: {outs}\n")
    with pytest.raises(BadInput, match=r"dvc\.lock: stages\.a\.outs: not a list of files"):
        store.locked(LOCK)


def test_without_dvc_nothing_is_cached(folder):
    assert store.cached({"0" * 32}) == {}


@pytest.mark.parametrize(
    ("place", "out"),
    [
        *(("cache", False), ("../cache", False), ("../../cache", True), ("/tmp", True)),
        *(("s3://bucket/x", True), ("a\0b", True)),
    ],
)
def test_whether_a_folder_leads_out(folder, place, out):
    assert store._leads_out(place) == out


def test_a_configuration_that_writes_elsewhere_is_refused(folder):
    text(".dvc/config", "[cache]\n    dir = ../cache\n")
    commit()
    store.require_own_folders()
    text(".dvc/config", "[cache]\n    dir = /srv/cache\n")
    with pytest.raises(BadInput, match=r"^\.dvc/config: cache\.dir: found '/srv/cache', which"):
        store.require_own_folders()
    # What somebody said here counts, unless the clone brought that as well.
    text(".dvc/config.local", "[cache]\n    dir = /srv/cache\n")
    store.require_own_folders()
    git("add", "--force", ".dvc/config.local")
    with pytest.raises(BadInput, match=r"leads out of this clone"):
        store.require_own_folders()


def test_a_hard_link_to_the_cache_becomes_one_that_has_its_own_times(folder):
    text("cached", "x")
    os.link("cached", "file")
    store._give_times(Path("file"), Path("cached"))
    assert Path("file").readlink() == folder / "cached"
    text("copy", "x")
    store._give_times(Path("copy"), Path("cached"))
    assert not Path("copy").is_symlink()
