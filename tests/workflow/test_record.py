"""`scaletrace record` with real DVC and real git."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from benchmarks.synthetic_study import write_results

from scaletrace.errors import BadInput
from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.lineage.record import moved, record
from scaletrace.study.keep import Keep
from tests.workflow.conftest import LOCK, PIPELINE, TINY, findings_by_file

STUDY = ("--study", "tiny")
MODEL = "results/tiny/runs/d8-l1-s0-32k/model.safetensors"


@pytest.fixture(scope="module")
def recorded(recorded_once, tmp_path_factory):
    return recorded_once.copied(tmp_path_factory.mktemp("record") / "clone")


def tree(clone):
    names = clone.git("ls-files", "dvc.yaml", "provenance").split()
    return {name: (clone.folder / name).read_bytes() for name in names}


def flip(path):
    """Change the last byte; size and time stay."""
    times, content = path.stat(), path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_dvc_holds_every_artifact_and_is_clean(recorded):
    assert "up to date" in recorded.run("dvc", "status").stdout
    lock = yaml.safe_load((recorded.folder / LOCK).read_text())
    held = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    results = recorded.folder / "results/tiny"
    files = {
        f"results/tiny/{path.relative_to(results)}"
        for path in results.rglob("*")
        if path.is_file() and path.relative_to(results).parts[0] not in {"logs", "timings.csv"}
    }
    assert held.keys() == files
    for path, md5 in held.items():
        content = (recorded.folder / path).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5


def test_recording_leaves_snakemake_nothing_to_do(recorded):
    assert recorded.jobs_to_do() == {}


def test_recording_again_changes_no_byte(recorded):
    before = tree(recorded)
    recorded.run("scaletrace", "record", "--study", "tiny")
    assert tree(recorded) == before


def test_the_records_are_in_git(recorded):
    staged = recorded.git("ls-files").splitlines()
    assert {PIPELINE, LOCK, "provenance/roots/tiny.json"} <= set(staged)
    assert sum(name.startswith("provenance/jobs/tiny/anneal/") for name in staged) == 10


def test_dvc_repro_runs_and_deletes_nothing(recorded):
    before = tree(recorded)
    model = recorded.folder / "results/tiny/runs/d8-l1-s0-32k/model.safetensors"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        done = recorded.run("dvc", "repro", check=False)
        assert done.returncode != 0
        assert "use snakemake" in done.stdout + done.stderr
        assert model.read_bytes() != content
        assert tree(recorded) == before
    finally:
        model.write_bytes(content)


@pytest.mark.parametrize("new_time", [False, True])
def test_a_file_changed_after_its_job_is_not_recorded(recorded, new_time):
    path = recorded.folder / "results/tiny/observations.csv"
    content, times = path.read_bytes(), path.stat()
    before = tree(recorded)
    flip(path)
    if new_time:
        path.touch()
    said = "results/tiny/observations.csv: changed since its job wrote it"
    try:
        done = recorded.run("scaletrace", "record", "--study", "tiny", check=False)
        assert done.returncode == 2
        assert said in done.stderr
        assert said in recorded.run("scaletrace", "record", "--check", *STUDY, check=False).stdout
        assert tree(recorded) == before
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_an_unfinished_study_is_not_recorded(damaged):
    damaged.edit(TINY, "value: 0.010", "value: 0.020")
    with pytest.raises(BadInput, match=f"run snakemake --cores 2 --configfile {TINY} first"):
        record(Path(TINY))


def test_dvc_shows_metrics_plots_and_the_graph(recorded):
    metrics = json.loads(recorded.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    fit = json.loads((recorded.folder / "results/tiny/fits/power_n-32k.json").read_text())
    assert metrics["provenance/metrics/tiny/power_n-32k.json"]["data"] == fit["params"]
    loss = json.loads((recorded.folder / "results/tiny/evals/d8-l1-s0-32k.json").read_text())[
        "loss"
    ]
    assert metrics["results/tiny/evals/d8-l1-s0-32k.json"]["data"]["loss"] == loss
    page = recorded.folder / "plots"
    recorded.run("dvc", "plots", "show", "--out", str(page))
    text = (page / "index.html").read_text()
    assert "results_tiny_figures_loss_vs_params.svg" in text
    assert "tiny: training loss" in text
    graph = recorded.run("dvc", "dag", "--dot").stdout
    assert f'"{PIPELINE}:tiny-observe" -> "{PIPELINE}:tiny-fit-power_n-32k"' in graph


def test_check_says_that_nothing_has_moved_and_changes_nothing(damaged):
    before = tree(damaged)
    assert moved(Path(TINY)) == []
    assert tree(damaged) == before
    assert damaged.git("status", "--porcelain") == ""


def test_check_names_what_has_moved(damaged):
    flip(damaged.folder / MODEL)
    path = ledger.path_of("tiny", "observe", {})
    path.write_text(path.read_text() + "\n")
    edited = damaged.folder / "provenance/metrics/tiny/power_n-32k.json"
    edited.write_text("{}\n")
    done = damaged.run("scaletrace", "record", "--check", "--study", "tiny", check=False)
    assert done.returncode == 1
    assert {line.partition(": ")[0] for line in done.stdout.splitlines()} == {
        *(MODEL, str(path), "provenance/metrics/tiny/power_n-32k.json"),
    }


def test_check_names_outputs_that_are_no_longer_up_to_date(damaged):
    damaged.edit(TINY, "value: 0.010", "value: 0.020")
    changed = "settings.learning_rate: made with 0.04, now 0.08; snakemake would make it again"
    assert f"anneal d8-l1-s0-32k: {changed}" in moved(Path(TINY))


def test_touched_metadata_is_not_recorded(damaged):
    before = tree(damaged)
    damaged.edit(TINY, "value: 0.010", "value: 0.020")
    damaged.snakemake("--touch", "--cores", "1")
    with pytest.raises(BadInput, match=r"settings.learning_rate: made with 0.04, now 0.08"):
        record(Path(TINY))
    assert tree(damaged) == before


def write_config(study, without):
    """Write the configuration of a part of the tiny study under another name."""
    lines = Path(TINY).read_text().replace("study: tiny", f"study: {study}").splitlines(True)
    path = Path("config") / f"{study}.yaml"
    path.write_text("".join(ln for ln in lines if not any(size in ln for size in without)))
    return path


def as_earlier_release(folder, study):
    """Put a study's pipeline where earlier releases had it: among others' in the root's."""
    for name in ("dvc.yaml", "dvc.lock"):
        own = folder / "provenance/dvc" / study / name
        text = own.read_text().replace("    wdir: ../../..\n", "").replace("../../../", "")
        content, shared = yaml.safe_load(text), folder / name
        held: dict[str, Any] = {"schema": "2.0"}
        if shared.exists():
            held = yaml.safe_load(shared.read_text())
        for section, added in content.items():
            if section == "stages":
                held[section] = (held.get(section) or {}) | added
            elif section != "schema":
                held[section] = [*held.get(section, []), *added]
        held = {k: v for k, v in held.items() if name == "dvc.lock" or k != "schema"}
        shared.write_text(yaml.safe_dump(held, sort_keys=False))
        own.unlink()


@pytest.fixture
def beside(damaged):
    """The recorded clone with a second study in it."""
    other = write_config("tiny-2", without=["d24", "d32", "d48"])
    write_results(other, "tiny-2")
    assert record(other) == len(root.read("tiny-2")["records"])
    return other


def test_studies_side_by_side(damaged, beside):
    before = tree(damaged)
    assert record(Path(TINY))
    assert tree(damaged) == before
    assert "up to date" in damaged.run("dvc", "status").stdout
    assert moved(Path(TINY)) == moved(beside) == []
    locks = (Path("provenance/dvc", study, "dvc.lock") for study in ("tiny", "tiny-2"))
    stages = [yaml.safe_load(lock.read_text())["stages"].keys() for lock in locks]
    assert all(stages)
    assert not stages[0] & stages[1]


def test_what_is_no_longer_in_the_study_is_pruned(damaged):
    paths = [path for path in root.read("tiny")["records"] if "d48-l2" not in path]
    jobs = [RecordedJob(Path(path), read_record(Path(path))) for path in paths]
    stages = pipeline.compiled(jobs, "tiny", Path(TINY), set(), Keep())["stages"]
    assert len(stages) == len(jobs)
    assert not [name for name in stages if "d48-l2" in name]
    before = store.locked(Path(LOCK))
    held = {name: set() for name in stages}
    after = store.commit(Path(PIPELINE), stages, before, held)
    assert after == {name: before[name] for name in before if name in stages}
    assert len(before) == len(stages) + 5


def test_a_study_of_an_earlier_release_is_read_and_moved_out(damaged, recorded_jobs, beside):
    after = tree(damaged)
    for study in ("tiny", "tiny-2"):
        as_earlier_release(damaged.folder, study)
    assert "up to date" in damaged.run("dvc", "status").stdout
    assert findings_by_file(recorded_jobs) == {}
    assert moved(Path(TINY)) == [
        "dvc.yaml: as earlier releases recorded; scaletrace record moves it"
    ]
    record(Path(TINY))
    assert findings_by_file(recorded_jobs) == {}
    assert {name for name in store.locked(Path("dvc.lock")) if "tiny-2" not in name} == set()
    assert len(store.locked(Path("dvc.lock"))) == len(root.read("tiny-2")["records"])
    record(beside)
    assert store.locked(Path("dvc.lock")) == {}
    now = tree(damaged)
    assert {name: now[name] for name in after if name != "dvc.yaml"} == {
        name: content for name, content in after.items() if name != "dvc.yaml"
    }


def test_a_shared_lock_that_was_cut_is_refused_and_left(damaged, beside):
    for study in ("tiny", "tiny-2"):
        as_earlier_release(damaged.folder, study)
    lock = Path("dvc.lock")
    lines = lock.read_text().splitlines(True)
    borders = [at for at, line in enumerate(lines) if line.startswith("  tiny")]
    lock.write_text("".join(lines[: borders[len(borders) // 2]]))
    cut = lock.read_bytes()
    with pytest.raises(BadInput, match=r"dvc.lock: has no entries of \d+ recorded stages"):
        record(Path(TINY))
    assert lock.read_bytes() == cut
    assert not Path(LOCK).exists()


@pytest.mark.parametrize("part", [0.0, 0.3, 0.7])
def test_a_studys_own_lock_that_was_cut_is_made_again(damaged, part):
    before = tree(damaged)
    content = Path(LOCK).read_bytes()
    Path(LOCK).write_bytes(content[: int(part * len(content))])
    assert moved(Path(TINY))
    record(Path(TINY))
    assert tree(damaged) == before
