"""Finished results that are kept: under what name, taken by whom, and for how long."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import run_cache
from scaletrace.jobs.run_cache import keep, take, trim

KEY = "ab" * 32
MODEL, CURVE = Path("results/s/model"), Path("results/s/curve")
NAMES = {"model": MODEL, "curve": CURVE}
ENTRY = run_cache.DEFAULT / "ab" / KEY


def write(texts=("m", "c")):
    for path, text in zip(NAMES.values(), texts, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def keep_these(key=KEY, study="s"):
    outputs = [RecordedFile.at(name, str(path)) for name, path in NAMES.items()]
    keep(key, study, outputs, {"start": 1.0})


@pytest.fixture
def kept(folder, monkeypatch):
    """Two results, kept."""
    monkeypatch.delenv(run_cache.VARIABLE, raising=False)
    write()
    keep_these()


def a_key(**other):
    parts = {
        "study": "s",
        "rule": "anneal",
        "settings": {"seed": 0},
        "code": "c",
        "inputs": [a_file(path="results/s/tokens/train.bin")],
        "numerical": {"cpu": "x"},
    }
    return run_cache.key(**parts | other)


def a_file(**other):
    file = RecordedFile("tokens", "results/t/tokens/train.bin", "0" * 64, "0" * 32, 1)
    return dataclasses.replace(file, **other)


def test_a_key_is_the_same_in_every_study_but_for_analysis():
    assert a_key() == a_key(study="t", inputs=[a_file()])
    assert a_key(rule="fit") != a_key(rule="fit", study="t", inputs=[a_file()])


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "pretrain"},
        {"settings": {"seed": 1}},
        {"code": "d"},
        {"numerical": {"cpu": "y"}},
        {"inputs": [a_file(path="results/s/tokens/train.bin", sha256="1" * 64)]},
        {"inputs": [a_file(path="results/s/tokens/train.bin", name="header")]},
        {"inputs": [a_file(path="text/1.txt")]},
    ],
)
def test_all_that_decides_is_in_the_key(other):
    assert a_key(**other) != a_key()


def test_what_reads_no_file_has_no_key():
    assert a_key(inputs=[]) is None


def test_results_take_no_space(kept):
    assert (ENTRY / "model").samefile(MODEL)
    assert [path.name for path in ENTRY.parent.iterdir()] == [KEY]


def test_lost_results_are_put_back(kept):
    MODEL.unlink()
    CURVE.unlink()
    CURVE.write_text("half")
    assert take(KEY, "s", NAMES) == {"start": 1.0}
    assert (MODEL.read_text(), CURVE.read_text()) == ("m", "c")
    assert sorted(path.name for path in MODEL.parent.iterdir()) == ["curve", "model"]


def test_another_study_is_told_who_computed_it(kept):
    circumstances = take(KEY, "t", NAMES)
    assert circumstances is not None
    assert circumstances["reused"].keys() == {"by", "study", "when"}
    assert circumstances["reused"]["study"] == "s"


def test_another_clone_is_told_who_computed_it(kept, tmp_path, monkeypatch):
    (tmp_path / "clone").mkdir()
    monkeypatch.setenv(run_cache.VARIABLE, str(tmp_path / run_cache.DEFAULT))
    monkeypatch.chdir(tmp_path / "clone")
    circumstances = take(KEY, "s", NAMES)
    assert circumstances is not None
    assert circumstances["reused"]["study"] == "s"
    assert MODEL.read_text() == "m"


@pytest.mark.parametrize("name", ["model", "curve"])
def test_a_damaged_result_is_passed_over_and_gone(kept, name):
    (ENTRY / name).write_text("?")
    write(("before", "before"))
    assert take(KEY, "s", NAMES) is None
    assert (MODEL.read_text(), CURVE.read_text()) == ("before", "before")
    assert not ENTRY.exists()


@pytest.mark.parametrize(
    "edit",
    [
        lambda entry: {},
        lambda entry: [],
        lambda entry: entry | {"outputs": []},
        lambda entry: entry | {"circumstances": 1},
        lambda entry: {"outputs": entry["outputs"], "kept": entry["kept"]},
    ],
)
def test_an_entry_of_another_form_is_passed_over(kept, edit):
    path = ENTRY / run_cache.ENTRY
    path.write_text(json.dumps(edit(json.loads(path.read_text()))))
    assert take(KEY, "s", NAMES) is None


def test_other_outputs_are_passed_over(kept):
    assert take(KEY, "s", {"model": MODEL}) is None
    assert take("cd" * 32, "s", NAMES) is None
    assert take(None, "s", NAMES) is None


def test_what_git_tracks_is_never_reused(kept):
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert take(KEY, "s", NAMES) is not None
    subprocess.run(["git", "add", "--force", str(ENTRY / "model")], check=True)
    assert take(KEY, "s", NAMES) is None
    assert ENTRY.exists()


def test_what_git_may_track_is_never_reused_where_git_says_nothing(kept):
    Path(".git").mkdir()
    assert take(KEY, "s", NAMES) is None


def test_nothing_is_kept_where_nobody_wants_it(folder, monkeypatch):
    monkeypatch.setenv(run_cache.VARIABLE, "off")
    write()
    keep_these()
    trim("s", set().__contains__)
    assert not run_cache.DEFAULT.exists()
    assert take(KEY, "s", NAMES) is None


def test_a_folder_that_cannot_be_written_fails_no_job(folder, monkeypatch):
    monkeypatch.setenv(run_cache.VARIABLE, "/proc/nowhere")
    write()
    keep_these()
    assert take(KEY, "s", NAMES) is None


@pytest.mark.skipif(os.getuid() != 0, reason="a small disk needs root")
def test_a_full_disk_keeps_nothing_half_and_fails_no_job(kept, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]).returncode:
        pytest.skip("a small disk needs the right to mount")
    try:
        monkeypatch.setenv(run_cache.VARIABLE, str(disk))
        keep_these()
        assert take(KEY, "s", NAMES) == {"start": 1.0}
        write(("m" * 100_000, "c"))
        keep_these("cd" * 32)
        assert take("cd" * 32, "s", NAMES) is None
        assert [path.name for path in disk.glob("??/*")] == [KEY]
        assert MODEL.stat().st_size == 100_000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_was_used_longest_ago_leaves_first(folder, monkeypatch):
    monkeypatch.delenv(run_cache.VARIABLE, raising=False)
    keys = [digit * 64 for digit in "abc"]
    for age, key in enumerate(keys):
        write((f"{age}" * 600, "c"))
        keep_these(key)
        for path in NAMES.values():
            path.unlink()
        place = run_cache.DEFAULT / key[:2] / key
        os.utime(place, (1000 - age, 1000 - age))
    assert take("c" * 64, "s", NAMES) is not None
    for path in NAMES.values():
        path.unlink()
    monkeypatch.setenv(run_cache.SIZE_VARIABLE, str(1300 / 2**30))
    trim("s", set().__contains__)
    left = {path.name for path in run_cache.DEFAULT.glob("??/*")}
    assert left == {"c" * 64, "a" * 64}


def test_what_results_share_takes_no_space_and_stays(kept, monkeypatch):
    monkeypatch.setenv(run_cache.SIZE_VARIABLE, "0")
    trim("s", set().__contains__)
    assert (ENTRY / "model").exists()


@pytest.mark.parametrize("text", ["much", "-1", "nan"])
def test_a_size_that_is_none_is_refused(folder, monkeypatch, text):
    monkeypatch.setenv(run_cache.SIZE_VARIABLE, text)
    with pytest.raises(BadInput, match=r"SCALETRACE_CACHE_GIB: found .* number of GiB"):
        trim("s", set().__contains__)


def test_what_a_study_keeps_no_longer_leaves_too(kept):
    trim("other", {str(MODEL)}.__contains__)
    assert ENTRY.exists()
    trim("s", {str(MODEL)}.__contains__)
    assert not ENTRY.exists()
    assert MODEL.exists()
