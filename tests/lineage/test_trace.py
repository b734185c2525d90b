"""From a figure, or a part of one, back to the raw text."""

import json
from pathlib import Path

import pytest

from scaletrace.drawing.rows import Row, to_csv
from scaletrace.errors import BadInput
from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.evaluation import EvaluatedRun, write_evaluation
from scaletrace.formats.observations import write_observations
from scaletrace.formats.source import SourceFile
from scaletrace.jobs import acceptances
from scaletrace.lineage import trace as lineage
from scaletrace.lineage.trace import to_json, to_text, trace
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIGURE, FIT, RAW, TABLE, files_sha256, text


def names(traced):
    return sorted(job.name for job in traced.parents)


@pytest.fixture
def two_runs(study):
    """The small study with a second run, and a curve of the fit beside the points."""
    path = EVALUATION.replace("a.json", "b.json")
    write_evaluation(Path(path), EvaluatedRun("ok", 80, 20, 2.25, 0.25, 1.5, 9.0))
    small_study.job("evaluate", {"run": "b"}, {"tokens": small_study.TEXT}, {"result": path})
    row = small_study.ROW
    other = row | {"run": "b", "loss": 2.25, "n_non_embedding": 400}
    write_observations(Path(TABLE), [row, other])
    made = {"observations": TABLE}
    small_study.job("observe", {}, {"evals": EVALUATION, "other": path}, made)
    small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})
    table, fit = (SourceFile(name, files_sha256(name)) for name in (TABLE, FIT))
    rows = [
        Row("1M", "point", table, 100.0, 2.5, run="a"),
        Row("2M", "point", table, 400.0, 2.25, run="b"),
        Row("law", "curve", fit, 100.0, 2.5),
    ]
    text(FIGURE, to_csv("s", "loss_vs_params", rows))
    settings = {"figure": "loss_vs_params", "conventions": {"n": "non_embedding"}}
    read = {"observations": TABLE, "fits": FIT}
    small_study.job("figures", {"figure": "loss_vs_params"}, read, {"csv": FIGURE}, settings)


def test_a_figure_rests_on_everything(two_runs):
    traced = trace(Path(FIGURE))
    assert (traced.root.name, traced.notes) == ("figures loss_vs_params", [])
    assert names(traced) == [
        "corpus",
        "evaluate a",
        "evaluate b",
        "figures loss_vs_params",
        "fit power",
        "observe",
    ]


def test_a_series_rests_on_its_own_runs(two_runs):
    figure = ["corpus", "evaluate b", "figures loss_vs_params", "observe"]
    assert names(trace(Path(FIGURE), series="2M")) == figure
    # The curve rests on the runs that the law was fitted to: a alone.
    assert names(trace(Path(FIGURE), series="law")) == [
        "corpus",
        "evaluate a",
        "figures loss_vs_params",
        "fit power",
        "observe",
    ]


def test_a_point_is_chosen_by_three_digits(two_runs):
    found = names(trace(Path(FIGURE), point={"N": 401.0, "D": 1000.0}))
    assert found == ["corpus", "evaluate b", "figures loss_vs_params", "observe"]
    with pytest.raises(BadInput, match=r"--point: no run at N=410; there are N=100; N=400"):
        trace(Path(FIGURE), point={"N": 410.0})
    with pytest.raises(BadInput, match="--series: found '3M'; this figure has 1M, 2M, law"):
        trace(Path(FIGURE), series="3M")


def test_a_copy_is_traced_and_an_edited_one_refused(study):
    copy = Path("copy.csv")
    copy.write_bytes(Path(FIGURE).read_bytes())
    assert trace(copy).root.name == "figures loss_vs_params"
    small_study.edit(copy, "2.5", "2.4")
    with pytest.raises(BadInput, match=r"^copy\.csv: is loss_vs_params of study s with csv_sha256"):
        trace(copy)


def test_a_record_that_cannot_be_read_is_noted(study):
    text("provenance/jobs/s/fit/broken.json", "{")
    (note,) = trace(Path(FIGURE)).notes
    assert note.startswith("provenance/jobs/s/fit/broken.json: no readable job record")


def test_a_trace_for_people(study):
    lines = to_text(trace(Path(FIGURE))).splitlines()
    job = small_study.record()
    assert lines[0] == "loss_vs_params of study s"
    figure = small_study.record("figures", {"figure": "loss_vs_params"})
    when = "1970-01-01T00:16:40+00:00, here, no commit"
    assert lines[2] == f"└─ figures loss_vs_params  [record {figure.record.id[:12]}, {when}]"
    assert f"   │  {FIGURE}  sha256 {files_sha256(FIGURE)[:16]}" in lines
    # What several jobs rest on is shown once.
    assert sum(f"observe  [record {job.record.id[:12]}" in line for line in lines) == 1
    assert sum(line.endswith("observe (above)") for line in lines) == 1
    raw = files_sha256(RAW)[:16]
    assert sum(line.strip(" │") == f"from file {RAW}  sha256 {raw}" for line in lines) == 1
    assert sum(line.strip(" │") == "from package networkx 3.4" for line in lines) == 1


def test_a_trace_for_programs(study):
    told = to_json(trace(Path(FIGURE)))
    json.dumps(told)
    observe, corpus = small_study.record().record.id, small_study.record("corpus").record.id
    assert told["jobs"][observe]["job"] == "observe"
    evaluate = small_study.record("evaluate", {"run": "a"}).record.id
    assert told["jobs"][observe]["parents"] == [evaluate]
    assert told["jobs"][corpus]["raw"] == [
        {"package": "networkx", "version": "3.4"},
        {"file": RAW, "sha256": files_sha256(RAW), "size": 8},
    ]


@pytest.mark.parametrize(
    ("start", "when"), [(None, None), (0, "1970-01-01T00:00:00+00:00"), (1e300, None)]
)
def test_times(start, when):
    assert lineage._when(start) == when


def test_no_name_steers_a_terminal(study):
    small_study.job("corpus", {"x": "\x1b[31m"}, {}, {"train": small_study.TEXT})
    Path("provenance/jobs/s/corpus/corpus.json").unlink()
    assert "\x1b" not in to_text(trace(Path(FIGURE)))


def test_all_that_was_accepted_of_the_jobs_code_is_told(study):
    codes = [CodeVersion(code) for code in (small_study.CODE.fingerprint, "b" * 64, "c" * 64)]
    why = {"because": "so", "by": "me", "when": 1.0, "host": "h", "commit": None, "changed": []}
    for stage, then, now in (("fit", 0, 1), ("fit", 1, 2), ("tune", 0, 1)):
        sample = [RunAgain(f"provenance/jobs/s/{stage}/x.json", "1" * 64, {})]
        note = Acceptance("s", stage, codes[then], codes[now], **why, jobs=1, sample=sample)
        write_acceptance(acceptances.path_of(note), note)
    begins = {note.partition(" was")[0] for note in trace(Path(FIGURE)).notes}
    assert begins == {f"fit: code {code.fingerprint[:12]}" for code in codes[:2]}
