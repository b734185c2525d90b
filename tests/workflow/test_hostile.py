"""Files made to harm: whatever they hold, a command ends with a sentence and not a traceback."""

import copy
import hashlib
import io
import json
import random
import zipfile
from pathlib import Path

import pytest
import yaml

from scaletrace import cli
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import identifier, seal_of
from scaletrace.lineage import archive
from tests.workflow.conftest import LOCK, PIPELINE, TINY, Clone

FIGURES = [f"results/tiny/figures/loss_vs_params.{kind}" for kind in ("pdf", "svg", "png", "csv")]
FIT = "results/tiny/fits/power_n-32k.json"
STUDY = ("--study", "tiny")
AUDIT, DIFF = ("audit", "--hashes-only", *STUDY), ("diff", "HEAD", ".")
CHECK, EXPORT = ("record", "--check", *STUDY), ("export", *STUDY, "--out", "out.zip")
# What reads a kind of file, besides an audit, which reads all.
READERS = {
    "provenance/jobs/tiny/*/*.json": [("trace", FIGURES[0]), ("trace", "--json", FIGURES[3]), DIFF],
    "provenance/roots/*.json": [EXPORT, CHECK, ("restore", *STUDY)],
    "provenance/env/*.json": [DIFF],
    "provenance/metrics/tiny/*.json": [CHECK],
    "provenance/dvc/tiny/*": [CHECK, ("restore", *STUDY)],
    "results/tiny/fits/*.json": [("predict", FIT, "--n", "1e6"), DIFF],
    "results/tiny/figures/loss_vs_params.*": [*(("trace", f) for f in FIGURES), DIFF],
    "results/tiny/observations.csv": [("trace", FIGURES[0], "--point", "D=32000"), DIFF],
}
VALUES = [
    *(None, True, -1, 0, 1e308, float("nan"), 10**400, [], {}, [[[[]]]], {"a": {"b": [1]}}),
    *("", "../../../etc/passwd", "/etc/passwd", "\ud800", "\x00", "-rf", "x" * 5000),
]
NAMES = ["../x", "/etc/x", "a/../../b", "..\\x", "results/tiny/../../../x", "x\x01y", "a//b"]


def places(value):
    """Every (container, key) in plain data."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def changed_data(value, chance):
    for _ in range(chance.choice([1, 1, 3])):
        holder, key = chance.choice(list(places(value)))
        if chance.random() < 0.2:
            del holder[key]
        else:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        if not value:
            break
    return value


def changed_bytes(content, chance):
    kind = chance.randrange(4)
    if kind == 0:
        return content[: chance.randrange(len(content))]
    if kind == 1:
        return b"[" * 100_000
    if kind == 2:
        return chance.randbytes(300)
    at = chance.randrange(len(content))
    return content[:at] + chance.randbytes(3) + content[at + 3 :]


def changed(name, content, chance):
    """Change bytes, or values where a file holds data; a record then gets the id that fits."""
    if Path(name).suffix not in {".json", ".yaml", ".lock"} or chance.random() < 0.4:
        return changed_bytes(content, chance)
    if Path(name).suffix != ".json":
        data = changed_data(yaml.load(content, yaml.CSafeLoader), chance)
        return yaml.dump(data, Dumper=yaml.CSafeDumper).encode(errors="replace")
    data = changed_data(json.loads(content), chance)
    if "identity" in data and "circumstances" in data:
        data["id"] = identifier(data["identity"])
        data["seal"] = seal_of(data)
    return json.dumps(data).encode()


def test_mutated_files_are_sentences(damaged, capsys):
    chance = random.Random(0)
    for trial in range(60):
        pattern = list(READERS)[trial % len(READERS)]
        path = chance.choice(sorted(Path().glob(pattern)))
        content = path.read_bytes()
        path.write_bytes(changed(str(path), content, chance))
        command = chance.choice([*READERS[pattern], AUDIT])
        code = cli.main(list(command))
        said = capsys.readouterr()
        assert code in {0, 1, 2}, (path, command)
        assert code < 2 or said.err.startswith(f"scaletrace {command[0]}: "), (path, command)
        assert code != 2 or said.err.count("\n") < 50
        path.write_bytes(content)


@pytest.fixture
def exported(recorded_once, tmp_path, monkeypatch):
    """The members of an export, and the working folder: a clone that knows nothing of the study."""
    monkeypatch.chdir(recorded_once.folder)
    assert cli.main([*EXPORT[:-1], str(tmp_path / "export.zip")]) == 0
    clone = Clone.at(tmp_path / "fresh")
    recorded_once.git("clone", "--quiet", str(recorded_once.folder), str(clone.folder))
    clone.git("checkout", "--quiet", "HEAD~1")
    monkeypatch.chdir(clone.folder)
    with zipfile.ZipFile(tmp_path / "export.zip") as made:
        return {entry.filename: made.read(entry) for entry in made.infolist()}


def restored(members, modes=None):
    """Pack an archive and restore from it; return the exit code."""
    path = Path("..", "hostile.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (modes or {}).get(name, 0o100644) << 16
            made.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return cli.main(["restore", *STUDY, "--from", str(path), "--no-checkpoints"])


def nothing_in_place():
    return not any(Path(name).exists() for name in (PIPELINE, LOCK, "provenance/roots/tiny.json"))


def rooted(members):
    """Make the root name each record as it is now: the forger's next step."""
    held = json.loads(members["provenance/roots/tiny.json"])
    held.pop("root")
    for name, entry in held["records"].items():
        content = io.BytesIO(members[name]).getvalue()
        if isinstance(entry, dict):
            entry["sha256"] = hashlib.sha256(content).hexdigest()
    held["root"] = files.json_sha256(held)
    return {**members, "provenance/roots/tiny.json": files.to_json(held).encode()}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_lead_elsewhere_are_refused(exported, capsys, name):
    assert restored({**exported, name: b"x"}) == 2
    assert "refused" in capsys.readouterr().err
    assert not Path("..", "x").exists()
    assert nothing_in_place()


def test_a_link_is_refused(exported, capsys):
    assert restored(exported, {TINY: 0o120777}) == 2
    assert f"{TINY} is a link or no plain file; refused" in capsys.readouterr().err
    assert nothing_in_place()


@pytest.mark.parametrize("name", [LOCK, "provenance/roots/tiny.json"])
def test_what_swells_to_more_than_it_may_is_refused(exported, capsys, name):
    assert restored({**exported, name: bytes(untrusted.LARGEST_TEXT + 1)}) == 2
    assert f"at most {untrusted.LARGEST_TEXT} are read" in capsys.readouterr().err
    assert nothing_in_place()


def test_more_than_the_disk_holds_is_refused(exported, capsys, monkeypatch):
    usage = archive.shutil.disk_usage(".")
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda _: usage._replace(free=100))
    assert restored(exported) == 2
    assert "bytes; 100 are free here" in capsys.readouterr().err


def test_mutated_members_are_sentences_and_leave_nothing_unverified(exported, capsys):
    chance = random.Random(1)
    texts = [name for name in exported if name.startswith("provenance")]
    for _ in range(12):
        name = chance.choice(texts)
        members = {**exported, name: changed(name, exported[name], chance)}
        code = restored(rooted(members) if chance.random() < 0.5 else members)
        said = capsys.readouterr()
        assert code in {0, 1, 2}, name
        assert code < 2 or said.err.startswith("scaletrace restore: "), name
        Clone.at(Path()).git("clean", "--quiet", "--force", "-d", "-x")
