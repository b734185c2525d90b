"""Records against themselves, their places, and each other."""

import json
from pathlib import Path

import pytest

from scaletrace.formats import files
from scaletrace.formats.record import identifier, seal_of
from scaletrace.jobs import ledger
from scaletrace.lineage.audit import chain
from tests.lineage import small_study
from tests.lineage.small_study import DIGEST, TABLE, edit

OBSERVE, FIT = (Path(f"provenance/jobs/s/{name}.json") for name in ("observe/observe", "fit/fit"))
FIT = FIT.with_name("fit=power.json")


def found():
    """What differs, as file and field, with what is there."""
    return {(one.file, one.field): one.found for one in chain.check(small_study.scope())}


def forge(path, change):
    """Change a record's data, and everything in it that is a hash of the rest."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    raw["id"] = identifier(raw["identity"])
    raw["seal"] = seal_of(raw)
    files.write_json(path, raw)
    return raw["id"]


def test_a_sound_study_has_no_findings(study):
    assert found() == {}


def test_an_edit_breaks_the_id_or_the_seal(study):
    edit(OBSERVE, '"rule": "observe"', '"rule": "observer"')
    edit(FIT, '"host": "here"', '"host": "there"')
    fields = found().keys()
    assert (str(OBSERVE), "id") in fields
    assert (str(OBSERVE), "place") in fields
    assert (str(FIT), "seal") in fields
    assert (str(FIT), "id") not in fields


def test_a_forged_record_is_not_the_one_that_others_name(study):
    new = forge(OBSERVE, lambda raw: raw["identity"].update(settings={"rate": 9}))
    assert found() == {
        (str(FIT), f"inputs: {TABLE}: record"): new,
        (str(FIT.parents[1] / "figures/figure=loss_vs_params.json"), f"inputs: {TABLE}: record"): (
            new
        ),
    }


@pytest.mark.parametrize("kind", ["sha256", "md5", "size"])
def test_an_input_has_the_hashes_of_the_output_that_it_was(study, kind):
    def change(raw):
        file = raw["identity"]["inputs"][0]
        file[kind] = 9 if kind == "size" else "9" * len(file[kind])

    forge(FIT, change)
    assert (str(FIT), f"inputs: {TABLE}: {kind}") in found()


def test_a_fingerprint_is_that_of_its_modules(study):
    forge(OBSERVE, lambda raw: raw["identity"]["code"].update(fingerprint="1" * 64))
    assert found()[str(OBSERVE), "code.fingerprint"] == "1" * 64


def test_two_records_that_claim_one_file(study):
    small_study.job("fit", {"fit": "other"}, {}, {"fit": TABLE})
    assert found()[str(OBSERVE), f"outputs: {TABLE}"] == "claimed too"


def test_other_bytes_of_the_same_meaning(study):
    OBSERVE.write_text(json.dumps(json.loads(OBSERVE.read_text())), encoding="utf-8")
    assert found() == {(str(OBSERVE), "form"): "other bytes, same meaning"}


def test_what_is_no_record(study):
    OBSERVE.write_text("{", encoding="utf-8")
    (one, *rest) = chain.check(small_study.scope())
    assert (one.file, one.expected) == (str(OBSERVE), "a job record")
    assert one.found.startswith("no readable job record")
    # What it made has no maker now.
    assert {one.found for one in rest} == {"no record of how it was made"}


def test_environments_are_named_by_their_hash(study):
    path = ledger.environment_path(DIGEST)
    edit(path, "2.13", "2.14")
    assert found().keys() == {(str(path), "sha256")}
    path.unlink()
    (one,) = chain.check(small_study.scope())
    assert (one.file, one.expected, one.found) == (str(path), "the environment of 5 jobs", "none")
    assert len(one.affects) == 5
