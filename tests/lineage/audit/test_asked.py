"""What the configuration asks for now, against what was done."""

import dataclasses
from pathlib import Path

import pytest

from scaletrace.jobs import libraries
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.audit import asked
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG

EVALUATE = Path("provenance/jobs/s/evaluate/run=a.json")
CORPUS = Path("provenance/jobs/s/corpus/corpus.json")


@pytest.fixture
def jobs(study):
    """The graph of the small study, which asks for what was done."""
    return {
        job.path: AskedJob(
            job.rule,
            job.identity.code.fingerprint,
            job.identity.wildcards,
            {file.name: [file.path] for file in job.identity.inputs},
            {file.name: file.path for file in job.identity.outputs},
            job.identity.settings,
            job.path,
        )
        for job in Ancestry("s").jobs
    }


def check(jobs, /, **options):
    scope = small_study.scope(**options)
    found = [
        (one.file, one.field, one.expected, one.found)
        for one in asked.check(scope, Path(CONFIG), jobs)
    ]
    return found, scope.notes


def changed(jobs, path, **changes):
    return {**jobs, path: dataclasses.replace(jobs[path], **changes)}


def test_packages_that_are_not_installed_rest_on_the_record(jobs, monkeypatch):
    monkeypatch.setattr(libraries, "has", lambda name: name != "networkx")
    found, notes = check(jobs)
    assert found == []
    assert notes == [
        "networkx: not installed here; that these are the versions that the text was read from "
        "rests on its record"
    ]


def test_what_was_done_is_what_is_asked_for(jobs):
    assert check(jobs) == ([], [])


def test_settings_inputs_and_outputs_that_differ(jobs):
    assert check(changed(jobs, EVALUATE, settings={"rate": 0.2, "new": 1}))[0] == [
        (CONFIG, "settings.new", "None", "1"),
        (CONFIG, "settings.rate", "0.1", "0.2"),
    ]
    assert check(changed(jobs, EVALUATE, inputs={"other": [small_study.TEXT]}))[0] == [
        (CONFIG, f"inputs: {small_study.TEXT}", "tokens", "other")
    ]
    assert check(changed(jobs, EVALUATE, outputs={}))[0] == [
        (CONFIG, f"outputs: {small_study.EVALUATION}", "result", "None")
    ]


def test_a_package_of_another_version_is_a_note(jobs):
    found, notes = check(changed(jobs, CORPUS, settings={"packages": {"networkx": "3.5"}}))
    assert found == []
    assert notes == ["networkx 3.4 was read, 3.5 is installed here"]


def test_code_that_changed_is_a_note(jobs):
    found, notes = check(changed(jobs, EVALUATE, fingerprint="1" * 64))
    assert found == []
    assert notes[0].startswith("the code of evaluate here is not that which made the results")


def test_jobs_without_record_and_records_without_job(jobs):
    new = Path("provenance/jobs/s/evaluate/run=b.json")
    job = dataclasses.replace(jobs[EVALUATE], wildcards={"run": "b"}, record=new)
    without = {path: job for path, job in jobs.items() if path != CORPUS}
    found, notes = check({**without, new: job})
    assert found == [(str(new), "file", "a record of evaluate b", "missing")]
    assert notes == [f"1 records are of jobs that the configuration does not ask for: {CORPUS}"]
    # Where a part of the study is audited, the rest is nobody's concern.
    part = {"whole": False, "jobs": [small_study.record()]}
    assert check({**changed(without, EVALUATE, settings={}), new: job}, **part) == ([], [])
