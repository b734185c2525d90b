"""Which study an audit is of, and what its report says."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage.audit import AuditReport, audit, study_of, to_json, to_text
from scaletrace.lineage.audit.finding import Finding
from tests.lineage import small_study
from tests.lineage.small_study import FIGURE, TABLE, edit


def test_paths_say_which_study_is_meant(study):
    copy = Path("elsewhere.csv")
    copy.write_bytes(Path(FIGURE).read_bytes())
    job = Path("provenance/jobs/s/observe/observe.json")
    assert study_of([]) is None
    assert study_of([Path(TABLE), Path(TABLE).absolute(), job, copy]) == "s"
    with pytest.raises(BadInput, match="paths of studies s, t: audit one study at a time"):
        study_of([Path(TABLE), Path("results/t/x")])
    with pytest.raises(BadInput, match=r"raw\.txt: not a figure"):
        study_of([Path("raw.txt")])


def report(*findings, signed=None, notes=(), unverified=()):
    return AuditReport("s", 5, 7, list(findings), list(notes), signed, list(unverified))


def test_what_is_not_known_is_neither_verified_nor_a_mismatch():
    unknown = report(unverified=["2 jobs of rule train"])
    lines = to_text(unknown).splitlines()
    assert lines[:2] == [
        "not verified: 2 jobs of rule train",
        "no mismatch, and not all verified, in 5 jobs and 7 files of study s",
    ]
    assert to_json(unknown)["verified"] is False


def test_a_report_without_findings():
    text = to_text(report(notes=["some note"]))
    assert text.startswith("note: some note\nverified: 5 jobs and 7 files of study s\nUnsigned: ")
    assert to_json(report())["verified"] is True
    assert "The root of the study is signed: by me" in to_text(report(signed="by me"))


def test_a_report_names_each_finding_and_counts_those_alike():
    alike = [Finding("dvc.lock", f"outs[{i}].md5", "a", "b") for i in range(5)]
    one = Finding("x\x1b[31m", "", "a\nb", "c", ("fit power",))
    lines = to_text(report(*alike, one)).splitlines()
    assert lines[:3] == ["dvc.lock: outs[0].md5", "  expected a", "  found    b"]
    # No name steers a terminal.
    named = ["x?[31m: content", "  expected a", "b", "  found    c", "  affects  fit power"]
    assert lines[9:14] == named
    assert lines[14] == "and 2 more about the same fields; --json lists them all"
    assert lines[15] == "6 mismatches in 5 jobs and 7 files of study s"
    assert to_json(report(one))["findings"][0]["affects"] == ("fit power",)


def test_a_part_of_a_study_is_what_it_rests_on(study):
    found = audit("s", [Path(TABLE)], jobs={})
    assert (found.jobs, found.files, found.findings) == (3, 3, [])
    edit(TABLE, "2.5", "2.4")
    found = audit("s", [Path(TABLE)], jobs={})
    assert {one.file for one in found.findings} == {TABLE}


def test_a_copy_of_a_figure_is_compared_with_the_recorded_one(study):
    copy = Path("copy.csv")
    copy.write_bytes(Path(FIGURE).read_bytes())
    assert audit("s", [copy], jobs={}).findings == []
    edit(copy, "2.5", "2.4")
    fields = [(one.file, one.field) for one in audit("s", [copy], jobs={}).findings]
    assert fields == [("copy.csv", "sha256"), ("copy.csv", "identity.csv_sha256")]


def test_what_has_no_records_is_refused(study):
    with pytest.raises(BadInput, match=r"^t: no job records in provenance/jobs/t"):
        audit("t", jobs={})
    with pytest.raises(BadInput, match=r"raw\.txt: not a figure"):
        audit("s", [Path("raw.txt")], jobs={})


def test_a_study_without_configuration_is_a_finding(study):
    Path(small_study.CONFIG).unlink()
    (one,) = audit("s").findings
    assert (one.file, one.found) == (small_study.CONFIG, "missing")


def test_a_signature_that_is_asked_for(study):
    (one,) = audit("s", jobs={}, signers=Path("signers")).findings
    assert (one.file, one.found) == ("provenance/roots/s.json.sig", "missing")
    small_study.text("provenance/roots/s.json.sig", "x")
    (one,) = audit("s", jobs={}, signers=Path("signers")).findings
    assert one.found == "there is no root that it could be of"
