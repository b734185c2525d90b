"""Rules that are not those of the recorded commits, or not known at all."""

import dataclasses
from pathlib import Path

import scaletrace
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.audit import workflow_files
from tests.lineage import small_study
from tests.lineage.small_study import FIT, TABLE, text


def check(jobs=None):
    scope = small_study.scope(jobs=jobs)
    assert list(workflow_files.check(scope)) == []
    where, *notes = scope.notes
    assert where == "the code that audits lies outside of the repository that it judges"
    return notes, scope.unverified


def recorded_at(commit):
    git = {"commit": commit, "changed": []}
    small_study.job("fit", {"fit": "power"}, {"observations": TABLE}, {"fit": FIT}, git=git)


def test_the_recorded_workflow_is_nothing_to_tell(study):
    text(".gitignore", "work/\n")
    text("Snakefile", "rule all:\n")
    text("rules/text.smk", "rule corpus:\n")
    recorded_at(small_study.commit())
    assert check() == ([], [])


def test_an_edited_rule_is_told(study):
    text(".gitignore", "work/\n")
    text("Snakefile", "rule all:\n")
    text("rules/text.smk", "rule corpus:\n")
    recorded_at(small_study.commit())
    text("rules/text.smk", "rule other:\n")
    ((note,), unverified) = check()
    assert note.startswith("rules/text.smk: not as in the commits that made the results")
    assert unverified == []


def test_a_commit_of_anybodys_naming_is_not_asked_for(study):
    text(".gitignore", "work/\n")
    text("Snakefile", "rule all:\n")
    recorded_at("HEAD\nmore")
    assert check() == ([], [])


def test_a_rule_that_is_not_known_is_not_verified(study):
    (job, *_) = Ancestry("s").jobs
    identity = dataclasses.replace(job.record.identity, rule="train")
    other = dataclasses.replace(job, record=dataclasses.replace(job.record, identity=identity))
    assert check([other]) == ([], ["1 jobs of rule train"])


def test_code_inside_what_it_judges_is_told(study, monkeypatch):
    monkeypatch.setattr(scaletrace, "__file__", str(Path("src/scaletrace/__init__.py").absolute()))
    scope = small_study.scope()
    assert list(workflow_files.check(scope)) == []
    assert scope.notes[0].startswith("the code that audits lies in the repository that it judges")


def test_a_kept_result_that_git_brings_is_a_finding(study):
    text("work/cache/ab/c/entry.json", "{}")
    small_study.git("init", "--quiet")
    small_study.git("add", "--force", "work/cache")
    (finding,) = workflow_files.check(small_study.scope())
    assert (finding.file, finding.field) == ("work/cache/ab/c/entry.json", "file")
