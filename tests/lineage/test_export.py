"""A study as one zip, and what is not packed."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.jobs import ledger
from scaletrace.jobs.history import History
from scaletrace.lineage import root
from scaletrace.lineage.export import CODE, export
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, FIT, RAW, TABLE, TEXT, edit, text

OUT = Path("s.zip")


@pytest.fixture
def recorded(study):
    """A study as `scaletrace record` leaves it."""
    for name in CODE:
        text(name, f"{name}\n")
    text("rules/text.smk", "rule\n")
    text("provenance/dvc/s/dvc.yaml", "stages: {}\n")
    text("provenance/dvc/s/dvc.lock", "stages: {}\n")
    small_study.write_root()


def test_the_zip_holds_what_a_reader_needs(recorded):
    packed = export("s", OUT, large=False)
    expected = {*CODE, "rules/text.smk", CONFIG, str(root.path_of("s"))}
    expected |= {"provenance/dvc/s/dvc.yaml", "provenance/dvc/s/dvc.lock"}
    expected |= {*map(str, ledger.paths("s")), str(ledger.environment_path(small_study.DIGEST))}
    expected |= {small_study.EVALUATION, TABLE, FIT, small_study.FIGURE}
    assert packed.keys() == expected
    with zipfile.ZipFile(OUT) as archive:
        assert set(archive.namelist()) == expected | {"ro-crate-metadata.json"}
        for name, file in packed.items():
            content = archive.read(name)
            assert content == Path(name).read_bytes()
            assert (file.sha256, file.size) == (hashlib.sha256(content).hexdigest(), len(content))
        assert json.loads(archive.read("ro-crate-metadata.json"))["@graph"][1]["@id"] == "./"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_history_is_packed(recorded):
    small_study.tell()
    small_study.write_root()
    assert export("s", OUT, large=False).keys() > {*map(str, History("s").paths)}


def test_large_files_are_packed_where_they_are_asked_for(recorded):
    assert TEXT in export("s", OUT, large=True)
    # What no job made is not the study's.
    assert RAW not in export("s", OUT, large=True)


def test_the_same_study_gives_the_same_bytes(recorded):
    export("s", OUT, large=True)
    first = OUT.read_bytes()
    os.utime(TABLE)
    export("s", OUT, large=True)
    assert OUT.read_bytes() == first


def test_what_lies_beside_is_packed_where_it_is(recorded):
    text("provenance/roots/s.json.sig", "signature\n")
    text("provenance/metrics/s/power.json", "{}\n")
    packed = export("s", OUT, large=False)
    assert {"provenance/roots/s.json.sig", "provenance/metrics/s/power.json"} <= packed.keys()


def refused(said):
    with pytest.raises(BadInput, match=said):
        export("s", OUT, large=True)
    assert not OUT.exists()
    assert list(Path().glob(".s.zip*")) == []


def test_a_file_that_is_not_the_recorded_one_is_not_packed(recorded):
    edit(TABLE, "2.5", "2.4")
    refused(f"{TABLE}: sha256: found [0-9a-f]{{64}}, recorded was [0-9a-f]{{64}}")


def test_what_is_missing_is_named(recorded):
    Path("LICENSE").unlink()
    refused("LICENSE: missing; scaletrace restore brings it back")


def test_a_link_is_not_packed(recorded, monkeypatch):
    Path("notes").mkdir()
    Path("LICENSE").rename("notes/LICENSE")
    Path("LICENSE").symlink_to("notes/LICENSE")
    # One of somebody's own: git, had it been asked, would have said so.
    monkeypatch.setattr("scaletrace.lineage.links.require_none", lambda: None)
    refused("LICENSE: a link; only files of this repository are packed")


def test_records_are_those_of_the_root(recorded):
    path = ledger.path_of("s", "observe", {})
    edit(path, '"rule": "observe"', '"rule": "other"')
    refused(f"{path}: id: not what the study's root has")
    path.unlink()
    refused(f"{path}: no readable job record, but the study's root names it")


def test_notes_of_accepted_code_are_those_of_the_root(recorded):
    path = small_study.accepted()
    # It came after the study was recorded.
    assert str(path) not in export("s", OUT, large=False)
    small_study.write_root()
    assert str(path) in export("s", OUT, large=False)
    OUT.unlink()
    edit(path, "a loop", "no loop")
    refused(f"{path}: sha256: found [0-9a-f]{{64}}, recorded was [0-9a-f]{{64}}")
    path.unlink()
    refused(f"{path}: missing; scaletrace restore brings it back")
