"""What lies among results and in the pipeline that no recorded job made."""

from pathlib import Path

import pytest

from scaletrace.jobs import timings
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.audit import covered
from scaletrace.lineage.dvc import pipeline
from scaletrace.study.keep import Keep
from scaletrace.study.rules import timings_path
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, FIT, TABLE, TEXT, edit, text

YAML = "provenance/dvc/s/dvc.yaml"
METRICS = "provenance/metrics/s/power.json"


@pytest.fixture
def recorded(study):
    """A study as `scaletrace record` leaves it, with a history."""
    record()


def record():
    small_study.tell()
    jobs = Ancestry("s").jobs
    text(YAML, pipeline.text(pipeline.compiled(jobs, "s", Path(CONFIG), {TABLE}, Keep())))
    text(METRICS, '{"E": 2.0}')
    with timings_path("s").open("w") as stream:
        timings.write("s", stream)
    small_study.write_root()


def check(left=(), **options):
    scope = small_study.scope(**options)
    scope.left = frozenset(map(Path, left))
    return [(one.file, one.field) for one in covered.check(scope, Path(CONFIG))], scope.notes


def test_a_recorded_study_has_no_findings(recorded):
    for name in ("logs/fit/power.log", "runs/.draft-0123/model.safetensors", ".gitignore"):
        text(f"results/s/{name}", "x")
    assert check() == ([], [])


def test_files_that_no_job_made_are_named(recorded):
    strangers = ["results/s/evals/b.json", "results/s/paper.pdf", "results/s/runs/logs/x"]
    for name in strangers:
        text(name, "x")
    assert check()[0] == [(name, "file") for name in sorted(strangers, key=_walked)]
    assert check(whole=False) == ([], [])


def _walked(name):
    return name.count("/") > 2, name


def test_no_more_files_are_named_than_anybody_reads(recorded):
    for number in range(covered.MOST + 5):
        text(f"results/s/more/{number}", "x")
    assert len(check()[0]) == covered.MOST


def test_a_folder_that_is_a_link_is_told_of(recorded):
    text("disk/x", "x")
    Path("results/s/trunks").symlink_to(Path("disk").absolute())
    assert check() == (
        [],
        ["results/s/trunks: a link, in which no other files were looked for"],
    )


def test_what_is_left_of_a_dropped_job_is_what_its_record_says(recorded):
    left = ["provenance/jobs/s/fit/fit=power.json", "provenance/jobs/s/corpus/corpus.json"]
    assert check(left=left) == ([], [])
    edit(FIT, "2.5", "2.6")
    edit(TEXT, "one", "two")
    assert {*check(left=left)[0]} == {(FIT, "sha256"), (TEXT, "sha256")}
    # Large files are read where they are asked for.
    assert check(left=left, large=False)[0] == [(FIT, "sha256")]


def test_timings_are_those_of_the_records(recorded):
    path = str(timings_path("s"))
    content = Path(path).read_text()
    edit(path, "evaluate,run=a,5.0", "evaluate,run=a,4.0")
    assert check() == ([(path, "evaluate run=a: seconds")], [])
    Path(path).write_bytes(b"rule\xff")
    assert check()[0] == [(path, "")]
    text(path, content + content.splitlines()[1] + "\n")
    assert check()[0] == [(path, "form")]
    Path(path).unlink()
    assert check()[0] == [(path, "file")]


def test_a_row_of_a_job_without_record_is_found_and_a_rerun_is_none(recorded):
    path = str(timings_path("s"))
    content = Path(path).read_text()
    row = next(line for line in content.splitlines() if line.startswith("evaluate"))
    text(path, content + row.replace("run=a", "run=b") + "\n")
    assert check()[0][0][0] == path
    text(path, content)
    made = {"observations": TABLE}
    small_study.job("observe", {}, {"evals": small_study.EVALUATION}, made, seconds=9.0)
    assert check() == ([], [])


def test_timings_of_earlier_releases_may_be_those_before_a_rerun(study):
    record()
    for path in Path("provenance/history/s").iterdir():
        path.unlink()
    small_study.write_root()
    edit(timings_path("s"), "evaluate,run=a,5.0", "evaluate,run=a,4.0")
    found, (note,) = check()
    assert found == []
    assert "1 values are not those of the records, as earlier releases left them" in note


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("metrics:\n", "metrics:\n- ../../../results/s/mine.json\n", "metrics[0]"),
        ("plots:\n", "plots:\n- ../../../results/s/mine.svg\n", "plots[0]"),
        ("metrics:\n", "params:\n- mine.yaml\nmetrics:\n", "params[0]"),
        ("metrics:\n", "artifacts:\n  model:\n    path: x\nmetrics:\n", "artifacts.model.path"),
        ("s training", "t training", "plots[0].s training.title"),
    ],
)
def test_what_a_pipeline_shows_is_what_it_compiles_to(recorded, old, new, field):
    edit(YAML, old, new)
    assert (YAML, field) in check()[0]


def test_parameters_of_no_fit_are_named(recorded):
    text("provenance/metrics/s/best.json", '{"alpha": 0.5}')
    assert check()[0] == [("provenance/metrics/s/best.json", "file")]


def test_a_second_study_file_of_the_name_is_named(recorded):
    text("config/old/other.yml", "study: s\n")
    text("config/t.yaml", "study: t\n")
    text("config/broken.yaml", "study: [\n")
    assert check()[0] == [("config/old/other.yml", "study")]


def test_an_authors_own_pipeline_is_told_of_where_it_names_results(recorded):
    text("dvc.yaml", "stages: {}\n")
    assert check() == ([], [])
    text("dvc.yaml", "metrics:\n- results/s/evals/a.json\n")
    (note,) = check()[1]
    assert note.startswith("dvc.yaml: names files under results/s/, ")


def test_a_study_that_was_never_recorded_has_its_files_looked_at(study):
    text("results/s/b.json", "x")
    assert check()[0] == [("results/s/b.json", "file")]
    assert not root.path_of("s").exists()
