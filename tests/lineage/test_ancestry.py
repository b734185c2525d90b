"""The graph of job records: a text, a table made from it, two figures made from the table."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code, Identity, RecordedFile
from scaletrace.jobs import ledger
from scaletrace.lineage.ancestry import Ancestry


def file(path):
    return RecordedFile(Path(path).stem, path, "a" * 64, "b" * 32, 1)


def write(rule, wildcards, read, made):
    inputs = tuple(file(path).made_by(None) for path in read)
    code = Code("c" * 64, {})
    ledger.write("s", Identity(rule, wildcards, {}, code, inputs, tuple(map(file, made))), {})


@pytest.fixture
def ancestry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("corpus", {}, ["raw.txt"], ["results/s/text"])
    write("evaluate", {"run": "d8-s0"}, ["results/s/text"], ["results/s/loss"])
    write("figures", {"figure": "x"}, ["results/s/loss", "results/s/text"], ["results/s/x.svg"])
    write("figures", {"figure": "y"}, ["results/s/loss"], ["results/s/y.svg"])
    write("pretrain", {"size": "d8", "seed": "0"}, [], [])
    Path("provenance/jobs/s/corpus/broken.json").write_text("{", encoding="utf-8")
    return Ancestry("s")


def names(jobs):
    return sorted(job.name for job in jobs)


def job(ancestry, name):
    return next(job for job in ancestry.jobs if job.name == name)


def test_jobs_are_named_as_people_do(ancestry):
    assert names(ancestry.jobs) == [
        "corpus",
        "evaluate d8-s0",
        "figures x",
        "figures y",
        "pretrain seed=0 size=d8",
    ]
    assert job(ancestry, "evaluate d8-s0").run == "d8-s0"
    assert job(ancestry, "figures x").run is None


def test_what_is_no_record_is_told_apart(ancestry):
    path = Path("provenance/jobs/s/corpus/broken.json")
    assert ancestry.unreadable.keys() == {path}
    assert ancestry.unreadable[path].startswith(f"{path}: no readable job record")


def test_parents_and_children(ancestry):
    assert ancestry.makers["results/s/loss"].rule == "evaluate"
    assert "raw.txt" not in ancestry.makers
    assert names(ancestry.parents(job(ancestry, "figures x"))) == ["corpus", "evaluate d8-s0"]
    assert names(ancestry.children(job(ancestry, "evaluate d8-s0"))) == ["figures x", "figures y"]
    assert names(ancestry.readers["results/s/text"]) == ["evaluate d8-s0", "figures x"]


def test_what_rests_on_what(ancestry):
    assert names(ancestry.upstream([job(ancestry, "figures y")])) == [
        "corpus",
        "evaluate d8-s0",
        "figures y",
    ]
    assert names(ancestry.downstream(["results/s/loss"])) == ["figures x", "figures y"]
    assert names(ancestry.downstream(["raw.txt"])) == [
        "corpus",
        "evaluate d8-s0",
        "figures x",
        "figures y",
    ]


def test_records_may_come_from_elsewhere(ancestry):
    contents = {job.path: job.path.read_bytes() for job in ancestry.jobs[:2]}
    assert names(Ancestry("s", contents).jobs) == names(ancestry.jobs[:2])


def test_a_name_that_is_no_studys_is_refused():
    with pytest.raises(BadInput, match=r"study: found '\.\./s'"):
        Ancestry("../s")
