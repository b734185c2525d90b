"""`scaletrace audit` on a recorded study: silent on an untouched one, and every tampering named."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from benchmarks.forger import edit_record, edit_rows, flip

from scaletrace import cli
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from scaletrace.lineage import audit
from scaletrace.study.rules import LARGE
from tests.workflow.conftest import LOCK, PIPELINE, TINY, findings_by_file

RESULTS = Path("results/tiny")
FIGURES = RESULTS / "figures"
MODEL = RESULTS / "runs/d8-l1-s0-32k/model.safetensors"


@pytest.fixture
def jobs(recorded_jobs):
    return recorded_jobs


@pytest.fixture
def clone(damaged):
    return damaged


def test_an_untouched_study_is_verified(clone, capsys):
    assert cli.main(["audit", "--study", "tiny"]) == 0
    said = capsys.readouterr().out
    assert "verified: " in said
    # Some systems' Python runs a sitecustomize of its own, which another note tells of.
    assert said.count("note: ") - said.count("note: the author's environment runs") == 3
    assert "note: 10 runs were tried, 10 are reported; completeness rests on the author's" in said
    assert "note: made again from what they rest on: " in said
    assert "note: the code that audits lies outside of the repository that it judges" in said
    assert "all that rests on it would not be found here" in said


@pytest.mark.parametrize(
    "name",
    [
        *("runs/d8-l1-s0-32k/model.safetensors", "trunks/d8-l1-s0/24960/state.safetensors"),
        *("corpus/train.jsonl", "tokens/valid.bin", "vocab/vocabulary.json"),
        *("evals/d8-l1-s0-32k.json", "observations.csv", "runs/d8-l1-s0-32k/curve.csv"),
        *("figures/residuals.pdf", "figures/residuals.png", "figures/residuals.csv"),
    ],
)
def test_one_byte_with_size_and_time_preserved_is_named(clone, jobs, name):
    flip(RESULTS / name)
    by_file = findings_by_file(jobs)
    (finding,) = (f for f in by_file[f"results/tiny/{name}"] if f.field == "sha256")
    assert finding.expected != finding.found
    if not name.startswith("figures"):
        assert any(job.startswith("figures ") for job in finding.affects)


def test_a_table_edited_by_hand_is_named_with_what_it_contradicts(clone, jobs):
    path = RESULTS / "observations.csv"
    rows = path.read_text().splitlines()
    loss = rows[0].split(",").index("loss")
    cells = rows[1].split(",")
    cells[loss] = "1.0"
    path.write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    by_file = findings_by_file(jobs)
    assert {f.field for f in by_file[str(path)]} == {"sha256", f"run {cells[0]}: loss"}
    for name in ("loss_vs_params", "loss_vs_tokens"):
        (point,) = by_file[str(FIGURES / f"{name}.csv")]
        assert (point.field, point.expected) == (f"point of {cells[0]}: y", "1.0")


def test_swapped_checkpoints_are_both_named_with_whose_they_are(clone, jobs):
    other = RESULTS / "runs/d8-l1-s0-48k/model.safetensors"
    ours, theirs = MODEL.read_bytes(), other.read_bytes()
    MODEL.write_bytes(theirs)
    other.write_bytes(ours)
    by_file = findings_by_file(jobs)
    assert by_file.keys() == {str(MODEL), str(other)}
    assert by_file[str(MODEL)][0].found.endswith(f"which is {other}")


def test_a_deleted_intermediate_is_named_with_what_rests_on_it(clone, jobs):
    MODEL.unlink()
    ((finding,),) = findings_by_file(jobs).values()
    assert (finding.file, finding.field, finding.found) == (str(MODEL), "file", "missing")
    assert "evaluate d8-l1-s0-32k" in finding.affects
    assert "evaluate d8-l1-s0-48k" not in finding.affects


@pytest.mark.parametrize("side", ["deps", "outs"])
def test_a_forged_lock_is_named_by_field(clone, jobs, side):
    path = Path(LOCK)
    lock = yaml.safe_load(path.read_text())
    entry = lock["stages"]["tiny-anneal-d8-l1-s0-32k"][side][-1]
    entry["md5"] = "0" * 32
    path.write_text(yaml.safe_dump(lock))
    ((finding,),) = findings_by_file(jobs).values()
    assert finding.file == LOCK
    assert finding.field == f"stages.tiny-anneal-d8-l1-s0-32k.{side}.{entry['path']}.md5"
    assert finding.found == "0" * 32


def test_a_command_slipped_into_dvc_yaml_is_named(clone, jobs):
    text = Path(PIPELINE).read_text()
    Path(PIPELINE).write_text(text.replace("exit 1", "rm -rf results", 1))
    assert any("cmd" in f.field for f in findings_by_file(jobs)[PIPELINE])


def test_metrics_that_are_not_the_fits_are_named(clone, jobs):
    path = next(Path("provenance/metrics/tiny").glob("*.json"))
    shown = json.loads(path.read_text())
    path.write_text(json.dumps({**shown, "E": 1.0}))
    assert findings_by_file(jobs)[str(path)][0].field == "params.E"


def settings(**values):
    return lambda record: record["identity"]["settings"].update(values)


def test_an_edited_record_is_named(clone, jobs):
    path = ledger.path_of("tiny", "anneal", {"run": "d8-l1-s0-32k"})
    edit_record(path, settings(learning_rate=1.0), identify=False, seal=False)
    assert "id" in {finding.field for finding in findings_by_file(jobs)[str(path)]}


def test_an_edited_record_with_a_forged_id_no_longer_fits_its_neighbours(clone, jobs):
    path = ledger.path_of("tiny", "anneal", {"run": "d8-l1-s0-32k"})
    edit_record(path, settings(learning_rate=1.0))
    by_file = findings_by_file(jobs)
    evaluation = ledger.path_of("tiny", "evaluate", {"run": "d8-l1-s0-32k"})
    assert any(finding.field.endswith(": record") for finding in by_file[str(evaluation)])
    assert any(finding.field == "id (in the root)" for finding in by_file[str(path)])
    assert "settings.learning_rate" in {finding.field for finding in by_file[TINY]}
    assert LOCK in by_file


def test_edited_circumstances_break_the_seal(clone, jobs):
    path = ledger.path_of("tiny", "fit", {"fit": next(iter(graph_fits(jobs)))})
    edit_record(path, lambda r: r["circumstances"].update(host="elsewhere"), seal=False)
    assert {finding.field for finding in findings_by_file(jobs)[str(path)]} >= {"seal"}


def graph_fits(jobs):
    return [job.wildcards["fit"] for job in jobs.values() if job.rule == "fit"]


def test_swapped_records_are_named(clone, jobs):
    one = ledger.path_of("tiny", "evaluate", {"run": "d8-l1-s0-32k"})
    other = ledger.path_of("tiny", "evaluate", {"run": "d16-l1-s0-32k"})
    ours, theirs = one.read_bytes(), other.read_bytes()
    one.write_bytes(theirs)
    other.write_bytes(ours)
    by_file = findings_by_file(jobs)
    for path in (one, other):
        assert "place" in {finding.field for finding in by_file[str(path)]}


def test_a_deleted_record_is_named(clone, jobs):
    path = ledger.path_of("tiny", "figures", {"figure": "residuals"})
    path.unlink()
    assert {finding.found for finding in findings_by_file(jobs)[str(path)]} == {"missing"}


def test_a_config_edited_after_the_fact_is_named_though_touch_laundered_it(clone):
    clone.edit(TINY, "value: 0.0", "value: 0.1")
    clone.snakemake("--touch", "--cores", "1")
    assert clone.jobs_to_do() == {}
    rates = [f for f in findings_by_file(None)[TINY] if f.field == "settings.learning_rate"]
    assert len(rates) == 15
    assert all(0 < float(f.expected) < float(f.found) for f in rates)


def forge(path):
    """Make the record of a figure's job say what the figure's table is now."""

    def change(record):
        for entry in record["identity"]["outputs"]:
            if entry["path"] == str(path):
                entry |= files.hashes(path)

    edit_record(ledger.path_of("tiny", "figures", {"figure": path.stem}), change)


def test_a_plotted_point_that_was_never_observed_is_named(clone, jobs):
    path = FIGURES / "loss_vs_params.csv"
    edit_rows(path, lambda rows: [{**rows[0], "run": "d8-l1-s9-32k", "y": "3.0"}, *rows])
    forge(path)
    by_field = {finding.field: finding for finding in findings_by_file(jobs)[str(path)]}
    assert by_field["point of d8-l1-s9-32k"].expected == "an observation"


@pytest.mark.parametrize(("axis", "figure"), [("y", "loss_vs_params"), ("x", "loss_vs_tokens")])
def test_a_plotted_point_that_was_moved_is_named(clone, jobs, axis, figure):
    path = FIGURES / f"{figure}.csv"
    edit_rows(path, lambda rows: [{**rows[0], axis: repr(0.99 * float(rows[0][axis]))}, *rows[1:]])
    forge(path)
    assert any(f.field.endswith(f": {axis}") for f in findings_by_file(jobs)[str(path)])


def test_an_observation_left_out_of_the_figure_is_named(clone, jobs):
    path = FIGURES / "loss_vs_params.csv"
    edit_rows(path, lambda rows: [row for row in rows if row["run"] != "d16-l1-s0-32k"])
    forge(path)
    by_field = {finding.field: finding for finding in findings_by_file(jobs)[str(path)]}
    assert "left out" in by_field["point of d16-l1-s0-32k"].found


@pytest.mark.parametrize("kind", ["added", "moved", "left out"])
def test_a_residual_that_is_not_the_fits_is_named(clone, jobs, kind):
    path, run = FIGURES / "residuals.csv", "d16-l1-s0-32k"
    changed = {
        "added": lambda row: [row, {**row, "run": "d8-l1-s9-32k"}],
        "moved": lambda row: [{**row, "y": "0.0"}],
        "left out": lambda row: [],
    }[kind]

    def change(rows):
        of_run = [row for row in rows if row["run"] == run]
        assert len(of_run) == 1
        return [new for row in rows for new in (changed(row) if row in of_run else [row])]

    edit_rows(path, change)
    forge(path)
    said = {f.field: (f.expected, f.found) for f in findings_by_file(jobs)[str(path)]}
    fit = RESULTS / "fits/power_n-32k.json"
    named = "d8-l1-s9-32k" if kind == "added" else run
    then, now = said.pop(f"point of {named} in {fit}")
    assert (then == "no residual") == (kind == "added")
    assert (now == "no point") == (kind == "left out")
    assert not [field for field in said if field.startswith("point of")]


def test_an_observation_that_is_not_its_evaluation_is_named(clone, jobs):
    path = RESULTS / "observations.csv"
    edit_rows(path, lambda rows: [{**rows[0], "loss": "1.5"}, *rows[1:]])
    by_field = {finding.field: finding for finding in findings_by_file(jobs)[str(path)]}
    assert by_field["run d8-l1-s0-32k: loss"].found == "1.5"


def made_again(jobs, path):
    """What an audit of one file finds when it makes again what the file rests on."""
    report = audit.audit("tiny", [path], jobs=jobs)
    return [f for f in report.findings if f.field.startswith("made again")], report.notes


def test_an_exponent_that_its_table_does_not_give_is_named(clone, jobs):
    path = RESULTS / "fits/power_n-32k.json"
    fit = json.loads(path.read_text(encoding="utf-8"))
    fitted, fit["params"]["alpha"] = fit["params"]["alpha"], 0.34
    files.write_json(path, fit)
    record = ledger.path_of("tiny", "fit", {"fit": path.stem})
    edit_record(record, lambda r: r["identity"]["outputs"][0].update(files.hashes(path)))
    ((finding,), _) = made_again(jobs, path)
    assert (finding.file, finding.field) == (str(path), "made again: .params.alpha")
    assert (finding.expected, finding.found) == (str(fitted), "0.34")


def test_what_this_code_does_not_know_is_not_verified(clone, capsys):
    config = Path("config/tiny.yaml")
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}\nlaw_of_mine: steep\n", encoding="utf-8")
    assert cli.main(["audit", "--study", "tiny", "--hashes-only"]) == 1
    said = capsys.readouterr().out
    assert "not verified: what the study asks for: config/tiny.yaml: law_of_mine" in said


@pytest.mark.parametrize("command", ["audit", "status", "plan", "record", "trace"])
def test_what_a_clone_brings_is_not_executed(clone, command):
    trap = "import pathlib; pathlib.Path('sprung').touch()\n"
    for name in ("argparse.py", "json.py", "numpy.py", "sitecustomize.py"):
        Path(name).write_text(trap, encoding="utf-8")
    for name in ("Snakefile", "rules/text.smk"):
        with Path(name).open("a", encoding="utf-8") as stream:
            stream.write(trap)
    study = ["--study", "tiny"]
    words = {
        "audit": ["--no-checkpoints", *study],
        "status": study,
        "plan": ["config/tiny.yaml"],
        "record": ["--check", *study],
        "trace": [str(FIGURES / "residuals.pdf")],
    }[command]
    clone.run("scaletrace", command, *words, check=False)
    assert not Path("sprung").exists()


def test_code_that_is_not_in_the_recorded_commit_is_named(clone, jobs):
    model = clone.folder / "src/scaletrace/models/decoder.py"
    text = model.read_text(encoding="utf-8")
    model.write_text(
        text.replace("def attend(self, ", "def attend(self, *_, ", 1), encoding="utf-8"
    )
    clone.commit("other code")
    commit = clone.git("rev-parse", "HEAD").strip()
    path = ledger.path_of("tiny", "anneal", {"run": "d8-l1-s0-32k"})
    edit_record(path, lambda r: r["circumstances"]["git"].update(commit=commit, changed=[]))
    by_file = findings_by_file(jobs)
    ((finding,),) = by_file.values()
    assert finding.file == f"{commit[:12]}:src/scaletrace/models/decoder.py"
    assert finding.field == "code.modules.scaletrace.models.decoder"
    assert {"anneal d8-l1-s0-32k", "evaluate d8-l1-s0-32k"} <= set(finding.affects)


def test_jobs_of_uncommitted_code_are_said_to_be_unknown(clone, jobs):
    path = ledger.path_of("tiny", "anneal", {"run": "d8-l1-s0-32k"})
    changed = [" M src/scaletrace/models/decoder.py"]
    edit_record(path, lambda r: r["circumstances"]["git"].update(changed=changed))
    report = audit.audit("tiny", jobs=jobs, make_again=False)
    assert report.findings == []
    assert any("uncommitted changes" in note for note in report.notes)


@pytest.mark.long
def test_an_identical_rerun_from_training_to_figure_is_no_mismatch(clone, jobs):
    made = [
        *("trunks/d8-l1-s0/24960/state.safetensors", "runs/d8-l1-s0-32k/model.safetensors"),
        *("evals/d8-l1-s0-32k.json", "observations.csv"),
        *("fits/power_n-32k.json", "fits/power_n-48k.json", "figures/residuals.csv"),
    ]
    targets = {str(RESULTS / name) for name in made}
    before = {path: read_record(path) for path in jobs}
    # Not what was kept, but computed once more.
    words = ("snakemake", "--configfile", TINY, "--cores", "2", "--force", *targets)
    clone.run("env", "SCALETRACE_CACHE=off", *words)
    after = {path: read_record(path) for path in jobs}
    assert all(after[path].id == before[path].id for path in jobs)
    again = [path for path in jobs if after[path].seal != before[path].seal]
    assert targets <= {output for path in again for output in jobs[path].outputs.values()}
    report = audit.audit("tiny", jobs=jobs, make_again=False)
    assert report.findings == []
    anew = f"{len(again)} records were written anew since the study was recorded"
    assert any(note.startswith(anew) for note in report.notes)


def test_only_what_a_path_rests_on_is_audited(clone, jobs):
    flip(RESULTS / "evals/d8-l1-s0-32k.json", at=0)
    path = ledger.path_of("tiny", "evaluate", {"run": "d8-l1-s0-32k"})
    assert findings_by_file(jobs, "results/tiny/runs") == {}
    assert findings_by_file(jobs, str(path)).keys() == {"results/tiny/evals/d8-l1-s0-32k.json"}
    assert findings_by_file(jobs, FIGURES / "residuals.pdf").keys() == {
        "results/tiny/evals/d8-l1-s0-32k.json"
    }


def test_a_copy_of_a_figure_is_compared_with_the_recorded_one(clone, jobs, tmp_path, capsys):
    copy = tmp_path / "paper.svg"
    shutil.copy(FIGURES / "residuals.svg", copy)
    assert cli.main(["audit", str(copy)]) == 0
    copy.write_text(copy.read_text().replace("</svg>", "<!-- more --></svg>"))
    assert findings_by_file(jobs, copy)[str(copy)][0].field == "sha256"


def test_without_checkpoints_it_says_what_was_not_read(clone, jobs, capsys):
    for path in RESULTS.rglob("*"):
        if path.suffix in LARGE:
            path.unlink()
    assert cli.main(["audit", "--study", "tiny", "--no-checkpoints"]) == 0
    said = capsys.readouterr().out
    assert "checkpoints, token files and texts" in said
    assert "were not read" in said
    assert all(f[0].found == "missing" for f in findings_by_file(jobs).values())
    flip(RESULTS / "observations.csv")
    assert "results/tiny/observations.csv" in findings_by_file(jobs, large=False)


def test_a_study_that_is_not_recorded_is_audited_as_such(clone, jobs):
    for name in (PIPELINE, LOCK, "provenance/roots/tiny.json"):
        Path(name).unlink()
    report = audit.audit("tiny", jobs=jobs, make_again=False)
    assert report.findings == []
    assert any("finished but not recorded" in note for note in report.notes)
    flip(MODEL)
    assert str(MODEL) in findings_by_file(jobs)


GARBAGE = [b"", b"\x00\xff", b"[" * 50_000, b'{"a": NaN}']


@pytest.mark.parametrize("content", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_any_file_is_a_finding(clone, jobs, content):
    names = [
        *(PIPELINE, LOCK, "provenance/roots/tiny.json"),
        str(ledger.path_of("tiny", "corpus", {})),
        *("results/tiny/observations.csv", "results/tiny/evals/d8-l1-s0-32k.json"),
        f"results/tiny/fits/{graph_fits(jobs)[0]}.json",
        *("results/tiny/figures/residuals.csv", "results/tiny/figures/residuals.pdf"),
        *("results/tiny/figures/loss_vs_params.svg", "results/tiny/figures/loss_vs_params.png"),
    ]
    for name in names:
        before = Path(name).read_bytes()
        Path(name).write_bytes(content)
        report = audit.audit("tiny", jobs=jobs, make_again=False)
        assert report.findings, name
        assert name in audit.to_text(report)
        Path(name).write_bytes(before)


@pytest.mark.parametrize(
    "options",
    [["--study", "none"], ["README.nothing"], ["results/tiny/none.pdf"], ["--study", ".."]],
)
def test_what_has_no_record_is_bad_input(clone, capsys, options):
    assert cli.main(["audit", *options]) == 2
    assert capsys.readouterr().err.startswith("scaletrace audit: ")


def test_raw_text_outside_the_repository_is_not_read_on_a_records_word(clone, jobs):
    path = ledger.path_of("tiny", "corpus", {})
    secret = {"path": "/etc/passwd", "name": "files", "sha256": "0" * 64, "md5": "0" * 32}
    secret |= {"size": 1, "record": None}
    edit_record(path, lambda r: r["identity"]["inputs"].append(secret))
    report = audit.audit("tiny", jobs=jobs, make_again=False)
    assert not any(finding.file == "/etc/passwd" for finding in report.findings)
    assert any("files outside the repository were not read" in note for note in report.notes)


def test_studies_are_audited_one_at_a_time(clone):
    with pytest.raises(BadInput, match="one study at a time"):
        audit.study_of([Path("results/tiny/x"), Path("results/demo/y")])
