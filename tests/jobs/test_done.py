"""Which jobs are done, judged by records and files."""

import json
from pathlib import Path

import pytest

from scaletrace import contract
from scaletrace.formats.record import Code, Identity, RecordedFile
from scaletrace.jobs import fingerprint, ledger
from scaletrace.jobs.done import Done, glance
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan

TINY = Path(__file__).parents[2] / "config/tiny.yaml"
CODE = "f" * 64


@pytest.fixture(scope="module")
def plan():
    return Plan(load(TINY))


@pytest.fixture
def jobs(plan, folder, monkeypatch):
    """The first jobs of a study, of which text and vocabulary are done."""
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *_: CODE)
    graph = Graph(Estimates(plan, ASSUMED["cpu"]), {"networkx": "1"})
    jobs = [graph.job(rule) for rule in ("corpus", "vocab", "tokenize")]
    for job in jobs[:2]:
        done(job)
    return jobs


def done(job, code=CODE, settings=None, made_by=None):
    """Write the outputs of a job, and its record."""
    for path in job.output_files().values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(job.rule.name, encoding="utf-8")
    read = [
        RecordedFile.at(name, str(path))
        for name, paths in job.input_files().items()
        for path in paths
    ]
    identity = Identity(
        job.rule.name,
        job.wildcards,
        settings or json.loads(json.dumps(contract.plain(job.settings()))),
        Code(code, {}),
        tuple(file.made_by(made_by or ledger.producer("tiny", file)) for file in read),
        tuple(RecordedFile.at(name, str(path)) for name, path in job.output_files().items()),
    )
    ledger.write("tiny", identity, {"start": 1.0, "seconds": 2.0})


def looked(plan, jobs):
    found = Done(plan)
    found.look(jobs)
    return [*found.circumstances]


def test_what_is_recorded_as_planned_is_done(plan, jobs):
    assert looked(plan, jobs) == ["corpus", "vocab"]
    done(jobs[2])
    assert looked(plan, jobs) == ["corpus", "vocab", "tokenize"]


def test_other_settings_or_code_are_not_done(plan, jobs):
    done(jobs[1], settings={"kind": "other"})
    assert looked(plan, jobs) == ["corpus"]
    done(jobs[1], code="0" * 64)
    assert looked(plan, jobs) == ["corpus"]


def test_outputs_must_be_there(plan, jobs):
    jobs[1].result.unlink()
    assert looked(plan, jobs) == ["corpus"]


def test_what_rests_on_something_older_is_not_done(plan, jobs):
    done(jobs[1], made_by="0" * 64)
    assert looked(plan, jobs) == ["corpus"]
    # Nothing is done that rests on what is not.
    jobs[0].result.unlink()
    assert looked(plan, jobs) == []


def test_a_record_that_cannot_be_read_is_none(jobs):
    assert glance("tiny", "corpus", {}) is not None
    assert glance("tiny", "tokenize", {}) is None
    path = ledger.path_of("tiny", "corpus", {})
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"seconds": 2.0', '"seconds": "2"'), encoding="utf-8")
    assert glance("tiny", "corpus", {}) is None


def test_a_large_file_that_is_gone_is_made_again_where_a_job_needs_it(plan, jobs):
    done(jobs[2])
    jobs[0].outputs.train.unlink()
    assert looked(plan, jobs) == ["corpus", "vocab", "tokenize"]
    jobs[2].result.unlink()
    assert looked(plan, jobs) == ["vocab"]
