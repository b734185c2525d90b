"""The workflow's graph, read from what Snakemake prints, and joined with the records."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.jobs import command
from scaletrace.lineage.snakemake import graph
from scaletrace.lineage.snakemake.graph import Output
from tests.lineage import small_study
from tests.lineage.small_study import FIT, TABLE

TINY = Path(__file__).parents[3] / "config/tiny.yaml"
SUMMARY = """\
output_file\tdate\trule\tlog-file(s)\tstatus\tplan
results/s/a.csv\tFri\tobserve\t-\tok\tno update
results/s/b.json\t-\tfit\tlogs/x.log\tmissing\tupdate pending
"""


@pytest.fixture
def printed(monkeypatch):
    """A function that lets Snakemake print a text, and returns the words that it is called with."""

    def prints(text):
        called = []
        monkeypatch.setattr(graph, "_snakemake", lambda *words, **_: called.append(words) or text)
        return called

    return prints


def test_outputs_are_read_from_the_summary(printed):
    called = printed(SUMMARY)
    outputs = graph.outputs(Path("config/s.yaml"))
    assert outputs == [
        Output("results/s/a.csv", "observe", "ok", "no update"),
        Output("results/s/b.json", "fit", "missing", "update pending"),
    ]
    assert graph.unfinished(outputs) == outputs[1:]
    assert called == [(Path("config/s.yaml"), "--summary")]


def test_jobs_are_read_from_their_commands(folder, printed):
    described = command.describe("tiny", {"run": "a"}, {"model": "m", "tokens": ["t"]}, {"r": "e"})
    line = (
        f"{command.PROGRAM}evaluate@{'f' * 64} --study tiny --job '{described}' --settings '{{}}'"
    )
    printed(f"Building DAG of jobs...\n\n        OMP_NUM_THREADS=1 {line}\n")
    (path,), (job,) = zip(*graph.jobs(TINY).items(), strict=True)
    assert path == job.record == Path("provenance/jobs/tiny/evaluate/run=a.json")
    assert (job.rule, job.fingerprint) == ("evaluate", "f" * 64)
    assert job.inputs == {"model": ["m"], "tokens": ["t"]}
    assert (job.outputs, job.settings) == ({"r": "e"}, {})


def test_the_records_of_outputs(study):
    outputs = [Output(path, "", "ok", "no update") for path in (FIT, TABLE)]
    outputs.append(Output("results/s/timings.csv", "timings", "ok", "no update"))
    assert [job.name for job in graph.recorded_jobs("s", outputs)] == ["fit power", "observe"]


def test_an_output_without_record_is_named(study):
    small_study.record().path.unlink()
    with pytest.raises(BadInput, match=f"^{TABLE}: no job record says how it was made"):
        graph.recorded_jobs("s", [Output(TABLE, "observe", "ok", "no update")])


def test_snakemakes_own_words_are_passed_on(folder, monkeypatch):
    called = []

    def run(words, **options):
        called.append(words)
        return subprocess.CompletedProcess(words, 1, "", " rule x: missing\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BadInput, match=r"^rule x: missing$"):
        graph._snakemake(Path("s.yaml"), "--summary")
    # Nothing in the folder is run in the place of a library.
    assert called == [
        [sys.executable, "-P", "-m", "snakemake", "--configfile", "s.yaml", "--summary"]
    ]


@pytest.mark.parametrize("levels", [0, 1])
def test_a_view_shows_the_repository_and_takes_what_is_written(folder, levels):
    small_study.text("repo/Snakefile", "rule\n")
    small_study.text("repo/work/mine", "x")
    small_study.text("text.txt", "x")
    os.chdir("repo")
    with graph._view(levels) as view:
        assert (view / "Snakefile").read_text() == "rule\n"
        assert not (view / "work").exists()
        (view / "work").mkdir()
        assert (view / "../text.txt").exists() == (levels == 1)
    assert not view.exists()
    assert [path.name for path in Path("work").iterdir()] == ["mine"]
