"""Where records lie, and which of them made a file."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code, Identity, RecordedFile, read_record
from scaletrace.jobs import ledger

TABLE = "results/s/observations.csv"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table with the record of the job that made it."""
    monkeypatch.chdir(tmp_path)
    Path(TABLE).parent.mkdir(parents=True)
    Path(TABLE).write_text("run,loss\n", encoding="utf-8")
    file = RecordedFile.at("observations", TABLE)
    identity = Identity("observe", {}, {"runs": []}, Code("f" * 64, {}), (), (file,))
    return ledger.write("s", identity, {"start": 1.0, "seconds": 2.0})


def test_places():
    assert ledger.path_of("s", "corpus", {}) == Path("provenance/jobs/s/corpus/corpus.json")
    assert ledger.path_of("s", "pretrain", {"tokens": "9", "seed": "0", "size": "d8"}) == Path(
        "provenance/jobs/s/pretrain/seed=0,size=d8,tokens=9.json"
    )
    assert ledger.environment_path("abc") == Path("provenance/env/abc.json")


def test_a_written_record_is_read_and_listed(table):
    path = ledger.path_of("s", "observe", {})
    assert read_record(path) == table
    assert table.identity.outputs[0].size == 9
    assert ledger.paths("s") == [path]
    assert ledger.paths("other") == []


def test_records_are_listed_by_rule_and_wildcards(table):
    for run in ("b", "a"):
        identity = Identity("anneal", {"run": run}, {}, Code("f" * 64, {}), (), ())
        ledger.write("s", identity, {})
    assert [path.name for path in ledger.paths("s")] == ["run=a.json", "run=b.json", "observe.json"]


def test_an_input_was_made_by_the_job_of_a_record(table):
    assert ledger.producer("s", RecordedFile.at("observations", TABLE)) == table.id
    # The note of where the record lies is a cache.
    (note,) = Path("work/s/producers").iterdir()
    assert note.read_text(encoding="utf-8") == "provenance/jobs/s/observe/observe.json"
    note.unlink()
    assert ledger.producer("s", RecordedFile.at("observations", TABLE)) == table.id


def test_raw_text_was_made_by_no_job(table, tmp_path):
    path = tmp_path / "raw.txt"
    path.touch()
    assert ledger.producer("s", RecordedFile.at("files", str(path))) is None


def test_an_input_that_was_edited_is_refused(table):
    Path(TABLE).write_text("run,loss\nx,1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=f"{TABLE}: found sha256 .* not what its job wrote"):
        ledger.producer("s", RecordedFile.at("observations", TABLE))
