"""`scaletrace export` of a recorded study: one zip, the same bytes each time, every hash true."""

import hashlib
import json
import shutil
import socket
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest

from scaletrace import cli
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import inside
from scaletrace.jobs import ledger
from scaletrace.lineage import root
from scaletrace.lineage.archive import Archive
from scaletrace.lineage.export import export
from scaletrace.study.rules import LARGE


@pytest.fixture
def copy(recorded_once, tmp_path, monkeypatch):
    folder = tmp_path / "clone"
    shutil.copytree(recorded_once.folder, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def made(recorded_once, tmp_path_factory):
    """An export without checkpoints, and one with them."""
    folder = tmp_path_factory.mktemp("exports")
    for name, options in (("light.zip", []), ("full.zip", ["--with-checkpoints"])):
        words = ("--study", "tiny", "--out", str(folder / name), *options)
        recorded_once.run("scaletrace", "export", *words)
    return folder


def entities(archive):
    content = json.loads(archive.read("ro-crate-metadata.json"))
    return {entity["@id"]: entity for entity in content["@graph"]}


def references(value):
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for item in value.values():
                yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("name", ["light.zip", "full.zip"])
def test_every_hash_in_the_crate_recomputes(made, name):
    with zipfile.ZipFile(made / name) as archive:
        held = {e["name"]: e for e in entities(archive).values() if "contentSize" in e}
        workflow = next(e for e in entities(archive).values() if e["@id"] == "Snakefile")
        paths = {unquote(e["@id"]) for e in entities(archive).values() if "contentSize" in e}
        assert paths == set(archive.namelist()) - {"ro-crate-metadata.json"}
        for entity in [*held.values(), workflow]:
            content = archive.read(unquote(entity["@id"]))
            assert hashlib.sha256(content).hexdigest() == entity["sha256"]
            assert str(len(content)) == entity["contentSize"]


def test_every_hash_in_the_records_recomputes_or_is_named(made):
    with zipfile.ZipFile(made / "light.zip") as archive:
        known = entities(archive)
        names = set(archive.namelist())
        for name in names:
            if not name.startswith("provenance/jobs/"):
                continue
            for entry in json.loads(archive.read(name))["identity"]["outputs"]:
                if entry["path"] in names:
                    content = archive.read(entry["path"])
                    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
                else:
                    assert known[f"#sha256/{entry['sha256']}"]["name"] == entry["path"]


def test_checkpoints_are_left_out_or_put_in(made):
    with zipfile.ZipFile(made / "light.zip") as light, zipfile.ZipFile(made / "full.zip") as full:
        more = set(full.namelist()) - set(light.namelist())
    assert more
    assert all(name.endswith(LARGE) for name in more)
    assert sum(name.endswith("model.safetensors") for name in more) == 10


def test_the_crate_is_whole(made):
    """What the Provenance Run Crate profile requires (its MUST clauses)."""
    with zipfile.ZipFile(made / "light.zip") as archive:
        known = entities(archive)
    for entity in known.values():
        for name in references(entity):
            assert name in known or name.startswith("https://"), name
    workflow = known[known["./"]["mainEntity"]["@id"]]
    assert {"File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"} == {*workflow["@type"]}
    kinds = {name: entity["@type"] for name, entity in known.items()}
    jobs = [name for name in kinds if name.startswith("#job/")]
    controls = [entity for entity in known.values() if entity["@type"] == "ControlAction"]
    assert len(jobs) == len(controls) == sum("provenance/jobs/" in name for name in known)
    assert {control["object"]["@id"] for control in controls} == set(jobs)
    steps = {name for name, kind in kinds.items() if kind == "HowToStep"}
    assert steps == {step["@id"] for step in workflow["step"]}
    assert {control["instrument"]["@id"] for control in controls} == steps
    for job in jobs:
        assert kinds[known[job]["instrument"]["@id"]] == "SoftwareApplication"
        assert known[job]["startTime"] <= known[job]["endTime"]
    assert {item["@id"] for item in known["#organize"]["object"]} == {c["@id"] for c in controls}
    profiles = {item["@id"] for item in known["./"]["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/provenance/0.5" in profiles


def test_a_second_export_has_the_same_bytes_and_sweeps_what_a_killed_one_left(copy, made, tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    draft = tmp_path / f".again.zip.{socket.gethostname()}.{killed.pid}.abcd1234"
    draft.write_bytes(b"PK half")
    export("tiny", tmp_path / "again.zip", large=False)
    assert (tmp_path / "again.zip").read_bytes() == (made / "light.zip").read_bytes()
    assert not draft.exists()


def test_names_stay_inside_and_restore_reads_it(made):
    found = Archive(made / "full.zip")
    assert found.size("provenance/roots/tiny.json")
    with zipfile.ZipFile(made / "full.zip") as archive:
        assert all(inside(name) for name in archive.namelist())
        assert archive.namelist()[:-1] == sorted(archive.namelist()[:-1])


def test_a_file_that_is_not_its_records_is_not_exported(copy, tmp_path, capsys):
    path = Path("results/tiny/observations.csv")
    path.write_bytes(path.read_bytes() + b"\n")
    out = tmp_path / "x.zip"
    assert cli.main(["export", "--study", "tiny", "--out", str(out)]) == 2
    assert "results/tiny/observations.csv: sha256: found" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd"])
def test_a_hostile_environment_does_not_lead_outside(copy, tmp_path, name):
    path = ledger.path_of("tiny", "corpus", {})
    record = json.loads(path.read_text())
    record["circumstances"]["environment"] = name
    files.write_json(path, record)
    with pytest.raises(BadInput, match="leads out of the repository"):
        export("tiny", tmp_path / "x.zip", large=False)


def test_times_that_are_none_are_left_out_of_the_crate(copy, tmp_path):
    path = ledger.path_of("tiny", "corpus", {})
    record = json.loads(path.read_text())
    record["circumstances"] |= {"start": "yesterday", "end": 1e300}
    files.write_json(path, record)
    export("tiny", tmp_path / "x.zip", large=False)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        action = entities(archive)[f"#job/{record['id']}"]
    assert "startTime" not in action
    assert "endTime" not in action


def test_only_a_recorded_study_is_exported(copy, tmp_path, capsys):
    root.path_of("tiny").unlink()
    out = tmp_path / "x.zip"
    assert cli.main(["export", "--study", "tiny", "--out", str(out)]) == 2
    assert "no readable study root" in capsys.readouterr().err
