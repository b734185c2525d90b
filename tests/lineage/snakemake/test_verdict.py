"""Snakemake's verdict on outputs, read from what it prints."""

import subprocess
from pathlib import Path

import pytest

from scaletrace import python_command
from scaletrace.errors import BadInput
from scaletrace.lineage.snakemake import verdict
from scaletrace.lineage.snakemake.verdict import Output

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
        monkeypatch.setattr(verdict, "_snakemake", lambda *words, **_: called.append(words) or text)
        return called

    return prints


def test_outputs_are_read_from_the_summary(printed):
    called = printed(SUMMARY)
    outputs = verdict.outputs(Path("config/s.yaml"))
    assert outputs == [
        Output("results/s/a.csv", "observe", "ok", "no update"),
        Output("results/s/b.json", "fit", "missing", "update pending"),
    ]
    assert verdict.unfinished(outputs) == outputs[1:]
    assert called == [(Path("config/s.yaml"), "--summary")]


def test_snakemakes_own_words_are_passed_on(folder, monkeypatch):
    called = []

    def run(words, **options):
        called.append(words)
        return subprocess.CompletedProcess(words, 1, "", " rule x: missing\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BadInput, match=r"^rule x: missing$"):
        verdict._snakemake(Path("s.yaml"), "--summary")
    assert called == [python_command.words("snakemake", "--configfile", "s.yaml", "--summary")]
