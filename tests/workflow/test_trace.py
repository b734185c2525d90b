"""`scaletrace trace` on a finished study."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import parse_record, read_record
from scaletrace.jobs import ledger
from scaletrace.lineage import trace

FIGURES = Path("results/tiny/figures")


@pytest.fixture
def inside(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    return finished.folder


def rows(name):
    with (FIGURES / f"{name}.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def runs_behind(found):
    return {job.run for job in found.parents if job.rule == "evaluate"}


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png", "csv"])
def test_a_copy_elsewhere_leads_back_to_every_run_and_the_text(inside, tmp_path, suffix):
    paper = tmp_path / f"Figure 3.{suffix}"
    shutil.copy(FIGURES / f"loss_vs_params.{suffix}", paper)
    found = trace.trace(paper)
    with Path("results/tiny/observations.csv").open(encoding="utf-8") as stream:
        runs = {row["run"] for row in csv.DictReader(stream)}
    assert runs_behind(found) == runs
    rules = {job.rule for job in found.parents}
    assert rules == {
        *("figures", "fit", "observe", "evaluate", "anneal", "pretrain"),
        *("tokenize", "vocab", "corpus"),
    }
    assert found.notes == []


def test_the_tree_shows_each_job_once_with_hashes_and_circumstances(inside):
    found = trace.trace(FIGURES / "loss_vs_params.png")
    text = trace.to_text(found)
    for job in found.parents:
        assert text.count(f"[record {job.record.id[:12]}, ") == 1
        for output in job.identity.outputs:
            assert f"{output.path}  sha256 {output.sha256[:16]}" in text
    assert "from package networkx" in text
    commit = found.root.record.circumstances.git.commit
    assert commit
    assert commit[:12] in text


def test_json_names_parents_by_record_id(inside, capsys):
    assert cli.main(["trace", str(FIGURES / "residuals.svg"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["figure"]["figure"] == "residuals"
    jobs = said["jobs"]
    assert said["root"] in jobs
    for job in jobs.values():
        assert set(job["parents"]) <= jobs.keys()
        assert read_record(Path(job["record"])).raw["identity"]["outputs"] == job["outputs"]
    (corpus,) = (job for job in jobs.values() if job["job"] == "corpus")
    assert corpus["raw"][0]["package"] == "networkx"
    assert corpus["when"].startswith("2")


def test_attempts_that_failed_stand_beside_the_job_with_their_reasons(copy):
    path = Path("provenance/jobs/tiny/anneal/run=d8-l1-s0-48k.json")
    record = read_record(path).raw
    said = record["circumstances"]
    attempt = said["attempts"][0]
    stopped = {"node": "n1", "slurm_job": "71", "start": 1.0, "problem": "stopped by signal 15"}
    said |= {"slurm_job": "72", "attempts": [attempt | stopped, attempt | {"slurm_job": "72"}]}
    path.write_text(json.dumps(record), encoding="utf-8")
    text = trace.to_text(trace.trace(FIGURES / "loss_vs_params.png"))
    (job,) = [line for line in text.splitlines() if "anneal d8-l1-s0-48k  [record" in line]
    assert ", SLURM 72, " in job
    assert text.count("after attempt ") == 1
    assert "after attempt 1 on n1, SLURM 71: stopped by signal 15" in text
    for attempts in (None, [1, 2], [{"node": {}}, {}]):
        said["attempts"] = attempts
        path.write_text(json.dumps(record), encoding="utf-8")
        assert trace.to_text(trace.trace(FIGURES / "loss_vs_params.png"))


def test_a_series_of_points_rests_on_its_own_runs(inside):
    series = rows("loss_vs_params")[0]["series"]
    found = trace.trace(FIGURES / "loss_vs_params.pdf", series=series)
    runs = {row["run"] for row in rows("loss_vs_params") if row["series"] == series} - {""}
    assert 0 < len(runs) < 10
    assert runs_behind(found) == runs
    assert {job.run for job in found.parents if job.rule == "anneal"} == runs


def test_a_fitted_curve_rests_on_the_runs_of_its_fit(inside):
    name, row = next(
        (name, row)
        for name in ("loss_vs_params", "loss_vs_tokens")
        for row in rows(name)
        if row["kind"] == "curve"
    )
    found = trace.trace(FIGURES / f"{name}.pdf", series=row["series"])
    fit = json.loads(Path(row["source"]).read_text())
    assert runs_behind(found) == {residual["run"] for residual in fit["residuals"]}
    assert [job.name for job in found.parents if job.rule == "fit"] == [
        f"fit {Path(row['source']).stem}"
    ]


def test_a_point_rests_on_one_run_and_its_trunk(inside):
    point = next(row for row in rows("loss_vs_params") if row["run"] == "d16-l1-s0-48k")
    found = trace.trace(
        FIGURES / "loss_vs_params.pdf", point={"N": float(point["x"]) * 1.001, "D": 48e3}
    )
    assert runs_behind(found) == {"d16-l1-s0-48k"}
    trunks = {job.identity.wildcards["size"] for job in found.parents if job.rule == "pretrain"}
    assert trunks == {"d16-l1"}


def test_a_line_of_training_rests_on_that_training_alone(inside):
    found = trace.trace(FIGURES / "training_curves.pdf", series="d8-l1-s0-32k")
    names = {job.name for job in found.parents if job.rule in {"anneal", "observe", "evaluate"}}
    assert names == {"anneal d8-l1-s0-32k"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--series", "64k"], "--series: found '64k'; this figure has "),
        (["--point", "N=12345,D=48000"], "--point: no run at N=12345, D=48000; there are "),
    ],
)
def test_a_part_that_is_not_there_is_answered_with_those_that_are(inside, capsys, options, message):
    assert cli.main(["trace", str(FIGURES / "loss_vs_params.pdf"), *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("point", ["N=1,N=2", "M=1", "N=many"])
def test_a_point_that_is_none_is_bad_input(capsys, point):
    with pytest.raises(SystemExit) as ended:
        cli.main(["trace", str(FIGURES / "loss_vs_params.pdf"), "--point", point])
    assert ended.value.code == 2
    assert f"--point: found '{point.split(',')[-1]}'; " in capsys.readouterr().err


def test_a_picture_that_was_edited_still_traces_and_is_told_apart(inside, tmp_path):
    picture = tmp_path / "edited.svg"
    text = (FIGURES / "residuals.svg").read_text(encoding="utf-8")
    picture.write_text(text.replace("</svg>", "<!-- retouched --></svg>"), encoding="utf-8")
    (note,) = trace.trace(picture).notes
    assert "not the recorded file byte for byte" in note


def test_a_figure_of_another_state_of_the_study_is_named_as_such(copy):
    path = ledger.path_of("tiny", "figures", {"figure": "residuals"})
    path.unlink()
    with pytest.raises(BadInput, match=r"is residuals of study tiny .*no record of it"):
        trace.trace(FIGURES / "residuals.png")


def test_a_figure_that_names_a_folder_outside_is_refused(copy, tmp_path):
    text = (FIGURES / "residuals.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    hostile = tmp_path / "hostile.csv"
    hostile.write_text(
        "\n".join([lines[0], *(line.replace("tiny", "../../etc", 1) for line in lines[1:])]) + "\n"
    )
    with pytest.raises(BadInput, match="a study's name is like"):
        trace.trace(hostile)


HOSTILE = [
    "[]",
    "null",
    "[" * 100_000,
    '{"id": 1}',
    '{"id": "' + "0" * 64 + '", "identity": {"rule": ["x"]}, "circumstances": {}}',
    "\x00",
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_record_is_a_message(copy, capsys, content):
    ledger.path_of("tiny", "fit", {"fit": "x"}).write_text(content)
    assert cli.main(["trace", str(FIGURES / "residuals.png")]) == 0
    assert "no readable job record" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["/etc/passwd", "results/../../x", "results/\x1b[2J", "src/x.py"])
def test_a_record_that_claims_a_file_outside_results_is_no_record(copy, path):
    place = ledger.path_of("tiny", "corpus", {})
    record = json.loads(place.read_text())
    record["identity"]["outputs"][0]["path"] = path
    place.write_text(json.dumps(record))
    with pytest.raises(BadInput, match="outputs: found"):
        parse_record(place)


@pytest.mark.parametrize("options", [["--series", "x"], ["--point", "D=32000"]])
def test_a_table_without_series_is_a_message(copy, capsys, options):
    """Hostile, but consistent: the record names the table's hash, the table its sources."""
    table = FIGURES / "residuals.csv"
    names = ["study", "figure", "source", "source_sha256"]
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows("residuals"))]
    table.write_text("\n".join(lines) + "\n")
    place = ledger.path_of("tiny", "figures", {"figure": "residuals"})
    record = json.loads(place.read_text())
    (entry,) = [e for e in record["identity"]["outputs"] if e["name"] == "csv"]
    entry |= files.hashes(table)
    place.write_text(json.dumps(record))
    assert cli.main(["trace", str(table), *options]) == 2
    assert "has no column series" in capsys.readouterr().err


def test_names_from_records_do_not_steer_the_terminal(copy):
    place = ledger.path_of("tiny", "corpus", {})
    record = json.loads(place.read_text())
    record["circumstances"]["host"] = "\x1b[2Jvm"
    record["circumstances"]["start"] = "yesterday"
    place.write_text(json.dumps(record))
    text = trace.to_text(trace.trace(FIGURES / "residuals.png"))
    assert "\x1b" not in text
    assert "?[2Jvm" in text


def test_a_reader_that_has_seen_enough_is_no_error(finished):
    command = f"scaletrace trace {FIGURES / 'loss_vs_params.pdf'} | head -n 1"
    done = finished.run("bash", "-c", f"set -o pipefail; {command}")
    assert done.stdout == "loss_vs_params of study tiny\n"
    assert done.stderr == ""
