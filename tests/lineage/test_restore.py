"""The pieces of `scaletrace restore`: what it compares, and how it puts files back."""

import re
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage import restore, root
from scaletrace.lineage.archive import Archive
from scaletrace.lineage.restore import Mismatch
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, KEEP, RAW, TABLE, edit, text

OBSERVE = Path("provenance/jobs/s/observe/observe.json")
FITTED = Path("provenance/jobs/s/fit/fit=power.json")


def sound():
    return {path: read_record(path) for path in ledger.paths("s")}


@pytest.fixture
def mismatches():
    return restore._Mismatches()


def asked(name, read, made):
    return AskedJob(name, "", {}, {"": read}, {"": made}, {}, Path(name))


def test_equal_differences_of_several_jobs_are_one(mismatches):
    jobs = {Path("a"): asked("a", [], "x"), Path("b"): asked("b", [], "y")}
    jobs[Path("c")] = asked("c", ["x"], "z")
    for name in ("a", "b"):
        mismatches.add(Path(name), "code", "changed")
    mismatches.add(Path("gone"), "file", "missing")
    assert mismatches.listed(jobs) == [
        Mismatch("code", "changed", ["a", "b"], ["c"]),
        Mismatch("file", "missing", ["gone"], []),
    ]


def test_records_are_those_of_the_root(study, mismatches):
    small_study.write_root()
    content = root.read("s")
    assert restore._sound_records("s", content, mismatches).keys() == sound().keys()
    assert mismatches.jobs == {}
    edit(OBSERVE, '"seconds": 5.0', '"seconds": 6.0')
    FITTED.unlink()
    found = restore._sound_records("s", content, mismatches)
    assert found.keys() == sound().keys() - {OBSERVE}
    assert mismatches.jobs == {
        (str(OBSERVE), "changed since the study was recorded"): {OBSERVE},
        (str(FITTED), "missing since the study was recorded"): {FITTED},
    }


def test_notes_of_accepted_code_are_those_of_the_root(study, mismatches):
    path = small_study.accepted()
    small_study.write_root()
    content = root.read("s")
    restore._sound_records("s", content, mismatches)
    assert mismatches.jobs == {}
    edit(path, "a loop", "no loop")
    assert restore._sound_records("s", content, mismatches).keys() == sound().keys()
    assert mismatches.jobs == {(str(path), "changed since the study was recorded"): {path}}


def test_raw_text_is_that_which_was_read(study, mismatches):
    corpus = Path("provenance/jobs/s/corpus/corpus.json")
    assert restore._compare_raw(sound(), mismatches) == set()
    text(RAW, "three\n")
    assert restore._compare_raw(sound(), mismatches) == {corpus}
    Path(RAW).unlink()
    # What is missing makes no job run that need not.
    assert restore._compare_raw(sound(), mismatches) == set()
    assert mismatches.jobs.keys() == {
        (RAW, "not the text that was read then"),
        (RAW, "missing; no job makes it"),
    }


def test_a_lock_that_says_otherwise(study, mismatches):
    (table,) = small_study.record().identity.outputs
    lock = "provenance/dvc/s/dvc.lock"
    text(lock, f"stages:\n  s-observe:\n    outs:\n    - path: {TABLE}\n      md5: {'a' * 32}\n")
    restore._compare_lock("s", {OBSERVE: sound()[OBSERVE]}, KEEP, mismatches)
    what = f"{lock} has md5 {'a' * 32}, its record {table.md5}"
    assert mismatches.jobs == {(TABLE, what): {OBSERVE}}


def test_files_come_out_of_an_archive_and_are_verified(study, mismatches):
    Path("archive/results/s").mkdir(parents=True)
    (table,) = small_study.record().identity.outputs
    copy = Path("archive", TABLE)
    Path(TABLE).rename(copy)
    wanted, archive = {TABLE: (OBSERVE, table)}, Archive(Path("archive"))
    assert restore._put_back(wanted, archive, mismatches) == 1
    assert Path(TABLE).read_bytes() == copy.read_bytes()
    # What is there is not touched.
    assert restore._put_back(wanted, archive, mismatches) == 0
    assert mismatches.jobs == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda copy: copy.unlink(), "missing from archive"),
        (lambda copy: copy.write_text("x"), "1 bytes in archive, its record says"),
        (lambda copy: edit(copy, "2.5", "2.4"), "sha256 [0-9a-f]+ in archive, its record says"),
    ],
)
def test_another_file_of_the_archive_is_not_put_in_place(study, mismatches, change, said):
    Path("archive/results/s").mkdir(parents=True)
    (table,) = small_study.record().identity.outputs
    Path(TABLE).rename(Path("archive", TABLE))
    change(Path("archive", TABLE))
    restore._put_back({TABLE: (OBSERVE, table)}, Archive(Path("archive")), mismatches)
    (((name, what), _),) = mismatches.jobs.items()
    assert name == TABLE
    assert re.match(said, what)
    assert not Path(TABLE).exists()
    assert list(Path("results/s").glob(".*")) == []


def test_records_are_brought_where_there_are_none_and_taken_away_after_a_failure(study):
    small_study.write_root()
    Path("archive").mkdir()
    for name in ("provenance", "config", "results"):
        Path(name).rename(Path("archive", name))
    archive = Archive(Path("archive"))
    brought = restore._bring_records("s", archive)
    assert {*map(str, ledger.paths("s")), CONFIG} < {*map(str, brought)}
    assert restore._bring_records("s", archive) == []
    restore._remove(brought)
    assert ledger.paths("s") == []
    edit("archive" / FITTED, "{", "[")
    with pytest.raises(BadInput, match="no readable job record"):
        restore._bring_records("s", archive)
    assert [path for path in Path("provenance").rglob("*") if path.is_file()] == []
    with pytest.raises(BadInput, match=r"archive: has no provenance/roots/t\.json"):
        restore._bring_records("t", archive)


def test_a_study_that_was_not_recorded_is_refused(folder):
    with pytest.raises(BadInput, match="study s was not recorded in this commit"):
        restore._restore("s", None, partial=False, checkpoints=True)
