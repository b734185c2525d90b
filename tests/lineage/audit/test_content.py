"""Files against the records that name them."""

from pathlib import Path

from scaletrace.lineage.audit import content
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, RAW, TABLE, TEXT, files_sha256, text


def findings(raw=(), **options):
    scope = small_study.scope(**options)
    return list(content.check(scope, set(raw))), scope.notes


def test_a_sound_study_has_no_findings(study):
    assert findings() == ([], [])


def test_a_file_that_was_changed_or_is_gone(study):
    recorded = files_sha256(TABLE)
    text(TABLE, "run\n")
    Path(FIT).unlink()
    text(RAW, "three\n")
    found, _ = findings()
    by_file = {one.file: one for one in found}
    assert by_file.keys() == {TABLE, FIT, RAW}
    assert (by_file[TABLE].field, by_file[TABLE].expected) == ("sha256", recorded)
    assert by_file[TABLE].found == files_sha256(TABLE)
    assert (by_file[FIT].field, by_file[FIT].found) == ("file", "missing")
    assert "corpus" in by_file[RAW].affects


def test_a_file_in_the_place_of_another_is_recognised(study):
    Path(TABLE).write_bytes(Path(EVALUATION).read_bytes())
    (one,), _ = findings()
    assert one.found == f"{files_sha256(EVALUATION)}, which is {EVALUATION}"


def test_a_record_with_the_right_sha256_and_another_md5(study):
    small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})
    path = Path("provenance/jobs/s/fit/fit=power.json")
    (output,) = small_study.record("fit", {"fit": "power"}).identity.outputs
    small_study.edit(path, output.md5, "0" * 32)
    (one,), _ = findings(jobs=[small_study.record("fit", {"fit": "power"})])
    assert (one.file, one.field) == (str(path), f"outputs: {FIT}: md5")
    assert (one.expected, one.found) == (output.md5, "0" * 32)


def test_large_files_may_be_left_to_another_audit(study):
    Path(TEXT).unlink()
    found, notes = findings(large=False)
    assert found == []
    assert notes == [
        "1 checkpoints, token files and texts (0.0 MB) were not read: what is said of them rests "
        "on the records alone"
    ]


def test_files_elsewhere_are_read_where_the_configuration_names_them(study, tmp_path):
    outside = str(tmp_path / "outside.txt")
    text(outside, "x\n")
    small_study.job("corpus", {}, {"files": outside}, {"train": TEXT})
    text(outside, "y\n")
    found, notes = findings()
    assert found == []
    assert notes == [
        "1 files outside the repository were not read, because the configuration does not name "
        f"them: {outside}"
    ]
    found, notes = findings(raw=[outside])
    assert [one.file for one in found] == [outside]
    assert notes == []
