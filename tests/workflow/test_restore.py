"""`scaletrace restore` in fresh clones, with real git, DVC and Snakemake."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import yaml

from scaletrace.errors import BadInput
from scaletrace.formats.files import to_json
from scaletrace.formats.record import identifier
from scaletrace.jobs import known_hashes
from scaletrace.lineage import archive
from scaletrace.lineage.restore import restore
from tests.workflow.conftest import LOCK, Clone

SIZES, RUNS = 5, 10
MODEL = "results/tiny/runs/d8-l1-s0-32k/model.safetensors"
REST = ["evaluate d8-l1-s0-32k", "fit power_n-32k", "fit power_n-48k", "observe"]
AFTER_TRAINING = {"observe": 1, "timings": 1, "fit": 2, "figures": 4}


@pytest.fixture(scope="module")
def origin(recorded_once, tmp_path_factory):
    """The recorded clone with a folder as its default remote, everything pushed."""
    folder = tmp_path_factory.mktemp("origin")
    clone = recorded_once.copied(folder / "clone")
    clone.run("dvc", "remote", "add", "--quiet", "--default", "shared", str(folder / "remote"))
    clone.run("dvc", "push", "--quiet")
    clone.commit("remote")
    return clone


@pytest.fixture
def fresh(origin, tmp_path, monkeypatch):
    """A fresh clone of it, and the working folder."""
    clone = Clone.at(tmp_path / "fresh")
    origin.git("clone", "--quiet", str(origin.folder), str(clone.folder))
    monkeypatch.chdir(clone.folder)
    return clone


@pytest.fixture(scope="module")
def restored(origin, tmp_path_factory):
    clone = Clone.at(tmp_path_factory.mktemp("restored") / "clone")
    origin.git("clone", "--quiet", str(origin.folder), str(clone.folder))
    said = clone.run("scaletrace", "restore", "--study", "tiny").stdout
    assert "snakemake has nothing to do" in said
    return clone


@pytest.fixture
def edited(restored):
    yield restored
    restored.git("checkout", "--quiet", "--", "config")


def zipped(origin, path, change=None):
    """Zip what an export holds; `change` maps a name to other content, or None to leave it out."""
    with zipfile.ZipFile(path, "w") as written:
        for top in ("results", "provenance", "config"):
            for file in sorted([origin.folder / top, *(origin.folder / top).rglob("*")]):
                name = str(file.relative_to(origin.folder))
                if file.is_file():
                    content = file.read_bytes()
                    content = change.get(name, content) if change else content
                    if content is not None:
                        written.writestr(name, content)
    return path


def forget_records(clone):
    """Make it a clone from before the study was recorded."""
    clone.git("rm", "-r", "--quiet", "provenance")


def results(clone):
    found = (clone.folder / "results/tiny").rglob("*")
    return {str(p.relative_to(clone.folder)) for p in found if p.is_file()}


def test_a_restored_clone_is_as_the_recorded_one(origin, restored):
    assert restored.jobs_to_do() == {}
    assert "up to date" in restored.run("dvc", "status").stdout
    assert restored.git("status", "--porcelain") == ""
    logs = {name for name in results(origin) if name.startswith("results/tiny/logs/")}
    assert results(restored) == results(origin) - logs
    for name in results(restored):
        assert (restored.folder / name).read_bytes() == (origin.folder / name).read_bytes(), name
    done = restored.run("scaletrace", "record", "--check", "--study", "tiny")
    assert done.stdout == "tiny: as recorded\n"


def test_snakemake_remembers_what_it_remembered(origin, restored):
    folder = ".snakemake/metadata"
    before = {p.relative_to(origin.folder): p for p in (origin.folder / folder).rglob("*")}
    assert len(before) > 80
    for name, path in before.items():
        then, now = (json.loads(p.read_text()) for p in (path, restored.folder / name))
        for field in ("rule", "input", "params", "code", "input_checksums", "incomplete"):
            assert now[field] == then[field], (name, field)


def test_hashes_are_known_after_a_restore(restored, monkeypatch):
    monkeypatch.chdir(restored.folder)
    text = Path("results/tiny/corpus/train.jsonl")
    assert text.stat().st_size >= known_hashes.LEAST
    assert known_hashes.hashes(text)[1]


def test_files_are_newer_than_what_they_were_made_from(restored):
    for path in (restored.folder / "provenance/jobs/tiny").rglob("*.json"):
        identity = json.loads(path.read_text())["identity"]
        times = {
            side: [(restored.folder / entry["path"]).stat().st_mtime_ns for entry in identity[side]]
            for side in ("inputs", "outputs")
        }
        assert not times["inputs"] or max(times["inputs"]) < min(times["outputs"]), path


def test_another_learning_rate_is_seen(edited):
    edited.edit("config/tiny.yaml", "value: 0.010", "value: 0.020")
    training = {"pretrain": SIZES, "anneal": RUNS, "evaluate": RUNS}
    assert edited.jobs_to_do() == {**training, **AFTER_TRAINING}


def test_another_title_is_one_figure(edited):
    edited.edit("config/tiny.yaml", "fits:", "figures: {residuals: {title: Rest}}\nfits:")
    assert edited.jobs_to_do() == {"figures": 1}


def test_another_size_is_its_own_jobs(edited):
    edited.edit(
        "config/tiny.yaml", "budgets:", "  d64-l2: {width: 64, layers: 2, heads: 2}\nbudgets:"
    )
    assert edited.jobs_to_do() == {"pretrain": 1, "anneal": 2, "evaluate": 2, **AFTER_TRAINING}


def test_a_changed_setting_is_named_with_what_depends_on_it(fresh):
    fresh.edit("config/tiny.yaml", "value: 0.010", "value: 0.020")
    done = fresh.run("scaletrace", "restore", "--study", "tiny", "--json", check=False)
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    trained = [f for f in findings if f["where"] == "settings.learning_rate"]
    assert {f["what"] for f in trained} == {
        f"made with {0.32 / width!r}, now {0.64 / width!r}" for width in (8, 16, 24, 32, 48)
    }
    jobs = [job for finding in trained for job in finding["jobs"]]
    assert len(jobs) == len(set(jobs)) == SIZES + RUNS
    assert [f["jobs"] for f in findings if f not in trained] == [["observe"]] * RUNS
    for finding in trained:
        assert {"observe", "figures residuals", "fit power_n-48k"} <= set(finding["dependents"])
        runs = {job.split()[1] for job in finding["jobs"] if job.startswith("anneal")}
        evaluated = {job for job in finding["dependents"] if job.startswith("evaluate")}
        assert evaluated == {f"evaluate {run}" for run in runs}
    assert not (fresh.folder / "results/tiny").exists()


def test_changed_code_is_named_and_the_rest_restored_on_demand(fresh):
    fresh.edit("src/scaletrace/stages/observe.py", "\nfrom ", "\nassert True\nfrom ")
    done = fresh.run("scaletrace", "restore", "--study", "tiny", "--partial")
    assert "code: changed since in scaletrace.stages.observe\n    job: observe\n" in done.stdout
    assert fresh.jobs_to_do() == AFTER_TRAINING


def test_figures_and_tables_alone(origin, fresh):
    report = restore("tiny", origin.folder, checkpoints=False)
    assert not report.findings
    assert not report.waiting
    large = {name for name in results(origin) if name.endswith((".safetensors", ".bin", ".jsonl"))}
    assert report.left_out == len(large)
    logs = {name for name in results(origin) if name.startswith("results/tiny/logs/")}
    assert results(fresh) == results(origin) - large - logs


def test_an_export_brings_its_own_records(origin, fresh, tmp_path):
    forget_records(fresh)
    report = restore("tiny", zipped(origin, tmp_path / "export.zip"))
    assert not report.findings
    assert not report.waiting
    assert fresh.jobs_to_do() == {}
    assert (fresh.folder / LOCK).read_bytes() == (origin.folder / LOCK).read_bytes()


def test_a_damaged_export_puts_nothing_of_its_records_in_place(origin, fresh, tmp_path):
    forget_records(fresh)
    content = (origin.folder / MODEL).read_bytes()
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    report = restore("tiny", zipped(origin, tmp_path / "export.zip", {MODEL: damaged}))
    (finding,) = report.findings
    assert finding.where == MODEL
    assert hashlib.sha256(damaged).hexdigest() in finding.what
    assert finding.jobs == ["anneal d8-l1-s0-32k"]
    assert set(REST) < set(finding.dependents)
    assert not (fresh.folder / MODEL).exists()
    assert not list((fresh.folder / "provenance").rglob("*.json"))


def test_an_export_whose_root_names_other_files_is_refused(origin, fresh, tmp_path):
    forget_records(fresh)
    name, path = "src/scaletrace/added.py", "provenance/roots/tiny.json"
    content = json.loads((origin.folder / path).read_text())
    records_before = content["records"]
    content["records"] = {**records_before, name: next(iter(records_before.values()))}
    del content["root"]
    content["root"] = identifier(content)
    export = zipped(origin, tmp_path / "export.zip", {path: to_json(content)})
    with zipfile.ZipFile(export, "a") as written:
        written.writestr(name, "print('mine')")
    with pytest.raises(BadInput, match="is no record of tiny; refused"):
        restore("tiny", export)
    assert not (fresh.folder / name).exists()
    assert not list((fresh.folder / "provenance").rglob("*.json"))


def test_an_edited_record_is_named(origin, fresh):
    path = fresh.folder / "provenance/jobs/tiny/anneal/run=d8-l1-s0-32k.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    report = restore("tiny", origin.folder)
    assert [f.where for f in report.findings] == [str(path.relative_to(fresh.folder))]
    assert set(REST) < set(report.findings[0].dependents)


def test_a_forged_lock_is_named(origin, fresh):
    path = fresh.folder / LOCK
    lock = yaml.safe_load(path.read_text())
    out = next(o for s in lock["stages"].values() for o in s["outs"] if o["path"] == MODEL)
    path.write_text(path.read_text().replace(out["md5"], "f" * 32))
    report = restore("tiny", origin.folder)
    assert {(f.where, f.what) for f in report.findings} == {
        (MODEL, f"{LOCK} has md5 {'f' * 32}, its record {out['md5']}")
    }


def test_a_file_in_the_way_is_named_and_left(origin, fresh):
    mine = fresh.folder / "results/tiny/observations.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("run,loss\n")
    report = restore("tiny", origin.folder)
    assert [(f.where, f.jobs) for f in report.findings] == [
        ("results/tiny/observations.csv", ["observe"])
    ]
    assert mine.read_text() == "run,loss\n"


@pytest.mark.parametrize(
    ("name", "checkpoints", "made_again"),
    [
        ("evals/d8-l1-s0-32k.json", True, {"evaluate": 1}),
        # To make it, all that a light restore leaves out has to be made as well.
        ("runs/d8-l1-s0-32k/model.safetensors", False, {"anneal": RUNS, "evaluate": RUNS}),
    ],
)
def test_a_file_in_the_way_is_made_again_after_a_partial_restore(
    origin, fresh, name, checkpoints, made_again
):
    mine = fresh.folder / "results/tiny" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("{}\n")
    report = restore("tiny", origin.folder, partial=True, checkpoints=checkpoints)
    assert [f.where for f in report.findings] == [f"results/tiny/{name}"]
    assert mine.read_text() == "{}\n"
    to_do = fresh.jobs_to_do()
    assert {rule: to_do.get(rule) for rule in made_again} == made_again
    assert {"observe", "fit", "figures"} <= to_do.keys()
    assert any(line.startswith(f"results/tiny/{name}: ") for line in report.waiting)


def test_what_the_remote_has_lost_is_named(origin, fresh):
    config = fresh.folder / ".dvc/config"
    config.write_text(config.read_text().replace("/remote", "/nowhere"))
    done = fresh.run("scaletrace", "restore", "--study", "tiny", check=False)
    assert done.returncode == 1
    assert f"{MODEL}: missing; " in done.stdout


def test_a_study_that_was_never_recorded_is_one_sentence(fresh):
    for name, message in (("demo", "was not recorded"), ("../demo", "study")):
        with pytest.raises(BadInput, match=message):
            restore(name)


HOSTILE = {
    "parent": ("../outside.txt", 0),
    "absolute": ("/tmp/outside.txt", 0),
    "backslash": ("results\\..\\..\\outside.txt", 0),
    "inner parent": ("results/tiny/../../../outside.txt", 0),
    "link": ("results/tiny/link", 0o120777 << 16),
    "device": ("results/tiny/device", 0o020666 << 16),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_in_a_zip_are_refused(tmp_path, kind):
    name, attributes = HOSTILE[kind]
    entry = zipfile.ZipInfo(name)
    entry.external_attr = attributes
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as written:
        written.writestr(entry, "/etc/passwd")
    with pytest.raises(BadInput, match="refused"):
        archive.Archive(tmp_path / "export.zip")


def test_a_link_in_a_folder_is_refused(tmp_path):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "copy/results").mkdir(parents=True)
    (tmp_path / "copy/results/a").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="a link"):
        archive.Archive(tmp_path / "copy").size("results/a")


def test_what_is_no_archive_is_one_sentence(tmp_path):
    (tmp_path / "text.zip").write_text("x")
    for name in ("text.zip", "absent"):
        with pytest.raises(BadInput, match="no folder and no readable zip"):
            archive.Archive(tmp_path / name)
