"""`scaletrace diff`: what moved between two states of a study, and why."""

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.jobs import ledger
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.diff import diff, to_json, to_text

FACTOR = 1.01
D8_TRUNK = ledger.path_of("tiny", "pretrain", {"size": "d8-l1", "seed": "0", "tokens": "24960"})
CORPUS = ledger.path_of("tiny", "corpus", {})


def moved_table(path):
    """Multiply what was measured; the columns that were planned stay."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for row in rows:
        for name in ("loss", "y"):
            if row.get(name):
                row[name] = repr(float(row[name]) * FACTOR)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())


def moved_file(path):
    if path.suffix == ".csv":
        moved_table(path)
    elif path.parent.name == "fits":
        fit = json.loads(path.read_text())
        fit["params"] = {name: value * FACTOR for name, value in fit["params"].items()}
        files.write_json(path, fit)
    else:
        path.write_bytes(path.read_bytes() + b" ")


def run_again_otherwise(record, change):
    """Leave the working folder as if a job had run otherwise, and all that rests on it again."""
    ancestry = Ancestry("tiny")
    start = next(job for job in ancestry.jobs if job.path == record)
    change(start.record.raw)
    waiting, order = [start], []
    while waiting:
        job = waiting.pop(0)
        order = [known for known in order if known is not job] + [job]
        waiting += ancestry.children(job)
    for job in order:
        identity = job.record.raw["identity"]
        for entry in identity["inputs"]:
            entry.update(files.hashes(Path(entry["path"])))
        for entry in identity["outputs"]:
            moved_file(Path(entry["path"]))
            entry.update(files.hashes(Path(entry["path"])))
        files.write_json(job.path, job.record.raw)


def by_kind(found):
    kinds = {}
    for item in found.moved:
        kinds.setdefault(item.kind, {})[item.name] = item
    return kinds


@pytest.fixture
def compare(recorded_once, damaged):
    return lambda: diff(str(recorded_once.folder), ".")


def setting(name, value):
    return lambda record: record["identity"]["settings"].update({name: value})


def test_a_state_is_the_same_as_itself(damaged, capsys):
    assert cli.main(["diff", "HEAD", "."]) == 0
    assert capsys.readouterr().out.endswith("nothing moved\n")


def test_an_edited_learning_rate_is_the_first_cause_of_what_it_moved(compare):
    path = Path("config/tiny.yaml")
    path.write_text(path.read_text().replace("value: 0.010", "value: 0.020"))
    run_again_otherwise(D8_TRUNK, setting("learning_rate", 0.08))
    found = compare()
    assert found.config == {"training.learning_rate.value": (0.01, 0.02)}
    kinds = by_kind(found)
    assert kinds.keys() == {"observation", "fit", "figure", "curve", "file"}
    own = kinds["observation"]["d8-l1-s0-32k"]
    (cause,) = own.why.first
    assert (cause.kind, cause.what) == ("parameter", "settings.learning_rate")
    assert (cause.job, cause.then, cause.now) == (
        *("pretrain seed=0 size=d8-l1 tokens=24960", 0.04, 0.08),
    )
    then, now = own.values["loss"]
    assert now == then * FACTOR
    assert {item.why.first for item in kinds["fit"].values()} == {(cause,)}
    then, now = kinds["fit"]["power_n-32k"].values["alpha"]
    assert now == then * FACTOR
    assert kinds["curve"].keys() == {
        *("trunks/d8-l1-s0/24960", "runs/d8-l1-s0-32k", "runs/d8-l1-s0-48k"),
    }
    assert "settings.learning_rate of pretrain" in to_text(found)


def test_an_edited_corpus_setting_is_the_first_cause_of_everything(compare):
    run_again_otherwise(CORPUS, setting("valid", 0.1))
    found = compare()
    causes = {cause for item in found.moved for cause in item.why.first}
    assert {(c.kind, c.job, c.what, c.then, c.now) for c in causes} == {
        ("parameter", "corpus", "settings.valid", 0.05, 0.1)
    }
    assert len(by_kind(found)["observation"]) == 10


def test_another_version_of_a_package_that_was_read_is_other_data(compare):
    run_again_otherwise(CORPUS, setting("packages", {"networkx": "9.9"}))
    (cause,) = compare().moved[0].why.first
    assert (cause.kind, cause.what, cause.now) == ("data", "settings.packages.networkx", "9.9")


def test_an_edited_function_is_named_with_its_module(damaged):
    results = damaged.folder / "results/tiny"
    small = [str(p) for p in results.rglob("*") if p.suffix in {".csv", ".json", ".png"}]
    damaged.git("add", "--force", *small)
    damaged.commit("with results")
    damaged.edit(
        "src/scaletrace/fitting/preparation.py",
        "return metric, Numbers(fitted, ",
        f"return metric, Numbers({FACTOR} * fitted, ",
    )
    damaged.commit("edited")
    targets = [f"results/tiny/{name}" for name in ("fits/power_n-32k.json",)]
    damaged.snakemake("--cores", "1", *targets)
    damaged.git("add", "--force", *targets, "provenance")
    damaged.commit("run again")
    (fit,) = diff("HEAD~2", "HEAD").moved
    (cause,) = fit.why.first
    assert (cause.kind, cause.job) == ("code", "fit power_n-32k")
    assert cause.what == "scaletrace.fitting.preparation: read_target"
    then, now = fit.values["E"]
    assert now == pytest.approx(then * FACTOR, rel=1e-3)


def test_surroundings_are_the_cause_where_nothing_else_is(compare):
    def elsewhere(record):
        record["circumstances"]["cpu"] = "Another Processor 9000"
        digest = record["circumstances"]["environment"]
        text = Path(f"provenance/env/{digest}.json").read_text()
        text = text.replace('"torch": "2.', '"torch": "9.')
        digest = hashlib.sha256(text.encode()).hexdigest()
        Path(f"provenance/env/{digest}.json").write_text(text)
        record["circumstances"]["environment"] = digest

    run_again_otherwise(D8_TRUNK, elsewhere)
    causes = {(c.kind, c.what) for item in compare().moved for c in item.why.first}
    assert causes == {("environment", "environment.packages.torch"), ("hardware", "cpu")}


def test_a_job_that_gives_other_bytes_for_no_known_reason_is_called_so(compare):
    run_again_otherwise(D8_TRUNK, lambda record: None)
    assert {c.kind for item in compare().moved for c in item.why.first} == {"unknown"}


def test_a_size_that_is_new_moves_the_fit_by_its_own_jobs(recorded_once, damaged):
    """The other way round: a size is gone from one side, and was not there yet in the other."""
    for path in Path("provenance/jobs/tiny").rglob("*d48-l2*.json"):
        path.unlink()
    path = ledger.path_of("tiny", "observe", {})
    observe = json.loads(path.read_text())
    runs = observe["identity"]["settings"]["runs"]
    observe["identity"]["settings"]["runs"] = [r for r in runs if r["size"] != "d48-l2"]
    observe["identity"]["inputs"] = [
        entry for entry in observe["identity"]["inputs"] if "d48-l2" not in entry["path"]
    ]
    path.write_text(json.dumps(observe))
    table = Path("results/tiny/observations.csv")
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if "d48-l2" not in line))
    observe["identity"]["outputs"][0].update(files.hashes(table))
    path.write_text(json.dumps(observe))
    kinds = by_kind(diff(".", str(recorded_once.folder)))
    assert kinds["observation"].keys() == {"d48-l2-s0-32k", "d48-l2-s0-48k"}
    new = kinds["observation"]["d48-l2-s0-32k"]
    assert new.values["status"] == ("nothing", "ok")
    assert {cause.kind for cause in new.why.first} == {"parameter"}
    assert "settings.runs.d48-l2-s0-32k.seed" in {cause.what for cause in new.why.first}


def test_what_is_not_there_or_not_as_recorded_is_said(compare):
    run_again_otherwise(D8_TRUNK, setting("learning_rate", 0.08))
    Path("results/tiny/observations.csv").write_text("run,loss\nd8-l1-s0-32k,1.0\n")
    Path("results/tiny/fits/power_n-32k.json").unlink()
    found = compare()
    said = "\n".join(found.notes)
    assert "results/tiny/observations.csv is not what its record says" in said
    assert "results/tiny/fits/power_n-32k.json is not there" in said
    assert by_kind(found)["fit"]["power_n-32k"].values == {}
    assert "results/tiny/observations.csv" in by_kind(found)["file"]


def test_json_holds_what_the_text_does(compare, recorded_once, capsys):
    run_again_otherwise(D8_TRUNK, setting("learning_rate", 0.08))
    assert cli.main(["diff", str(recorded_once.folder), ".", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(json.dumps(to_json(compare())))
    assert printed["same"] is False


@pytest.mark.parametrize(
    ("sides", "options", "said"),
    [
        (["HEAD", "no-such-branch"], [], "'no-such-branch': neither a folder nor a revision"),
        (["HEAD", "--output=/dev/null"], [], "neither a folder nor a revision"),
        (["HEAD", "."], ["--study", "other"], "no job records of study other; it has tiny"),
        (["HEAD", "HEAD~1"], [], "--study: say which; HEAD has tiny, HEAD~1 has none"),
        (["HEAD", "."], ["--study", "../x"], "study: found '../x'"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(damaged, capsys, sides, options, said):
    assert cli.main(["diff", *options, "--", *sides]) == 2
    assert said in capsys.readouterr().err


def test_hostile_names_in_a_record_are_asked_of_nobody(damaged):
    def hostile(record):
        modules = record["identity"]["code"]["modules"]
        modules["scaletrace.x\nHEAD:config"] = modules["../../../etc/passwd"] = "0" * 64
        record["circumstances"]["environment"] = "../../../etc\npasswd"

    run_again_otherwise(D8_TRUNK, hostile)
    damaged.commit("hostile")
    for sides in (("HEAD~1", "HEAD"), ("HEAD", "HEAD~1"), ("HEAD~1", ".")):
        causes = {c.what for item in diff(*sides).moved for c in item.why.first}
        assert any("etc/passwd: changed; its text in " in what for what in causes), sides


def test_a_hostile_record_is_a_note_and_no_traceback(compare):
    D8_TRUNK.write_text("[" * 10_000)
    assert any(f"{D8_TRUNK}: no readable job record" in note for note in compare().notes)
    for path in Path("provenance/jobs/tiny").rglob("*.json"):
        path.write_text('{"id": 1}')
    with pytest.raises(BadInput, match="no job records of study tiny"):
        compare()


def test_values_that_git_does_not_hold_are_those_of_dvcs_cache(damaged):
    """By itself git ignores the results of a study: a revision of it has records alone."""
    assert not damaged.git("ls-files", "results/tiny")
    run_again_otherwise(D8_TRUNK, setting("learning_rate", 0.08))
    found = diff("HEAD", ".")
    assert found.notes == []
    kinds = by_kind(found)
    then, now = kinds["observation"]["d8-l1-s0-32k"].values["loss"]
    assert now == then * FACTOR
    then, now = kinds["fit"]["power_n-32k"].values["alpha"]
    assert now == then * FACTOR
