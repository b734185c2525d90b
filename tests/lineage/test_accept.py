"""What is drawn and compared before edited code is accepted."""

import contextlib
import getpass
import os
import socket
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.acceptance import CodeVersion
from scaletrace.formats.files import write_json
from scaletrace.jobs import fingerprint, git
from scaletrace.jobs.acceptances import Acceptances, folder_of
from scaletrace.lineage import accept
from scaletrace.lineage.accept import Version
from scaletrace.lineage.snakemake import memory
from tests.lineage import small_study
from tests.lineage.small_study import EVALUATION, FIT, TABLE

NOW = "e" * 64
THEN = small_study.CODE.fingerprint


@pytest.fixture
def edited(study, monkeypatch):
    """The small study after an edit of its code; each job gives the recorded bytes again."""
    monkeypatch.setattr(fingerprint, "kinds_of", lambda *_: ())
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *_: NOW)

    @contextlib.contextmanager
    def again(path, record):
        yield {output.name: Path(output.path) for output in record.identity.outputs}

    monkeypatch.setattr(accept, "repeated", again)
    job = small_study.record("fit", {"fit": "power"})
    memory.remember_record(job.record, "s", "run it", THEN)


def test_the_jobs_of_earlier_code_are_versions(edited):
    (version,) = accept._versions("s", "fit")
    job = small_study.record("fit", {"fit": "power"})
    assert (version.then, version.now) == (
        CodeVersion(THEN, 1),
        CodeVersion(NOW, fingerprint.SCHEME),
    )
    assert [path for path, _ in version.jobs] == [job.path]


def test_equal_bytes_are_written_down(edited):
    said = []
    answer = accept.accept("s", "fit", "a loop was renamed", 1, said.append)
    (one,) = answer.accepted
    assert answer.others == []
    assert (one.then.fingerprint, one.now.fingerprint, one.jobs) == (THEN, NOW, 1)
    (output,) = small_study.record("fit", {"fit": "power"}).identity.outputs
    assert one.sample[0].outputs == {FIT: output.sha256}
    assert Acceptances("s").same("fit", THEN, NOW)
    assert said
    with pytest.raises(BadInput):
        accept.accept("s", "fit", "again", 1, said.append)


def test_other_bytes_are_not_accepted(edited):
    (output,) = small_study.record("fit", {"fit": "power"}).identity.outputs
    small_study.edit(FIT, "2.5", "2.6")
    answer = accept.accept("s", "fit", "a loop was renamed", 1, lambda _: None)
    assert answer.accepted == []
    (other,) = answer.others
    assert (other.job, other.path, other.recorded) == ("fit=power", FIT, output.sha256)
    assert not folder_of("s").exists()


@pytest.mark.parametrize(
    ("stage", "because", "sample", "said"),
    [
        ("fits", "x", 1, "found stage 'fits'; allowed are corpus"),
        ("fit", " ", 1, "--because needs words"),
        ("fit", "a\x1b[31m", 1, "--because needs words, in letters that can be printed"),
        ("fit", "a\udcff", 1, "--because needs words, in letters that can be printed"),
        ("fit", "x", 0, "--sample at least 1"),
    ],
)
def test_what_is_asked_for(edited, stage, because, sample, said):
    with pytest.raises(BadInput, match=said):
        accept.accept("s", stage, because, sample)


def test_a_sample_is_of_jobs_whose_inputs_are_here(edited):
    small_study.job("fit", {"fit": "other"}, {"evals": EVALUATION}, {})
    (version,) = accept._versions("s", "fit")
    assert len(accept._drawn(version, 1)) == 1
    assert accept._drawn(version, 5) == accept._drawn(version, 2)
    Path(EVALUATION).unlink()
    ((path, _),) = accept._drawn(version, 1)
    assert path.stem == "fit=power"
    with pytest.raises(BadInput, match=rf"inputs of 1 of 2 jobs are here \({EVALUATION} of "):
        accept._drawn(version, 2)
    assert accept._drawn(Version(version.then, version.now, []), 3) == []
    assert Path(TABLE).exists()


def test_snakemake_is_told_of_what_was_accepted_before(edited, monkeypatch):
    job = small_study.record("fit", {"fit": "power"})
    accept.accept("s", "fit", "a loop was renamed", 1, lambda _: None)
    for code in ("f" * 64, THEN, NOW):
        # Edited again, then back to the recorded code, then to what was accepted first.
        monkeypatch.setattr(fingerprint, "fingerprint", lambda *_, code=code: code)
        answer = accept.accept("s", "fit", "and again", 1, lambda _: None)
        assert [one.now.fingerprint for one in answer.accepted] == ["f" * 64][: code == "f" * 64]
        assert answer.taken == 1
        assert memory.remembered(job.record, FIT, job.path).fingerprint == code
    with pytest.raises(BadInput, match="nothing to accept"):
        accept.accept("s", "fit", "and again", 1)


def test_a_kill_before_snakemake_was_told_is_made_up_for(edited, monkeypatch):
    job = small_study.record("fit", {"fit": "power"})
    with monkeypatch.context() as killed:
        killed.setattr(accept, "_taken", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            accept.accept("s", "fit", "a loop was renamed", 1, lambda _: None)
    assert memory.remembered(job.record, FIT, job.path).fingerprint == THEN
    assert accept.accept("s", "fit", "a loop was renamed", 1).taken == 1
    assert memory.remembered(job.record, FIT, job.path).fingerprint == NOW


@pytest.mark.parametrize("name", ["", "../s", "s/../s", "/etc", "S\n"])
def test_a_study_has_a_name_and_no_path(edited, name):
    with pytest.raises(BadInput, match=r"^--study: found "):
        accept.accept(name, "fit", "x", 1)


def test_a_reason_of_several_lines_becomes_one(edited):
    (one,) = accept.accept("s", "fit", " a loop\n  was\trenamed\n", 1, lambda _: None).accepted
    assert one.because == "a loop was renamed"


def test_an_edit_while_jobs_are_computed_is_not_accepted(edited, monkeypatch):
    def edit(said):
        monkeypatch.setattr(fingerprint, "fingerprint", lambda *_: "f" * 64)

    with pytest.raises(BadInput, match="changed while jobs were computed; nothing was written"):
        accept.accept("s", "fit", "a loop was renamed", 1, edit)
    assert not folder_of("s").exists()


def test_what_another_accepted_meanwhile_is_not_written_over(edited):
    def meanwhile(said):
        if said.endswith("…"):
            accept.accept("s", "fit", "theirs", 1, lambda _: None)

    with pytest.raises(BadInput, match="what is accepted of them changed"):
        accept.accept("s", "fit", "mine", 1, meanwhile)
    (note,) = Acceptances("s").by_path.values()
    assert note.because == "theirs"


def test_a_job_of_another_machine_is_told_of(edited):
    said = []
    small_study.edit(FIT, "2.5", "2.6")
    accept.accept("s", "fit", "a loop was renamed", 1, said.append)
    assert said[-1].startswith("fit fit=power: differs; it was made on another machine (")


def test_who_accepts_has_a_name_of_printed_letters(monkeypatch):
    monkeypatch.setattr(git, "text", lambda *_: "A\x1bB\udcff\n")
    assert accept._who() == "A?B? <A?B?>"

    def nobody(*_):
        raise OSError

    monkeypatch.setattr(git, "text", nobody)
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert accept._who() == f"user {os.getuid()}@{socket.gethostname()}"


@pytest.mark.parametrize("rule", ["nosuch", "evaluate"])
def test_a_record_of_another_job_is_refused(edited, rule):
    path = small_study.record("fit", {"fit": "power"}).path
    job = small_study.job(rule, {"fit": "power"}, {"observations": TABLE}, {"fit": FIT})
    write_json(path, job.raw)
    with pytest.raises(BadInput, match=r"fit=power\.json: holds the record of another job"):
        accept.accept("s", "fit", "x", 1)


def test_jobs_that_todays_code_cannot_run_are_left_out(edited, monkeypatch):
    gone = small_study.job("fit", {"fit": "x"}, {"observations": TABLE}, {"fit": FIT}, {"law": "x"})

    def kinds(stage, settings):
        if settings == gone.identity.settings:
            raise BadInput("settings.law: no such law")
        return ()

    monkeypatch.setattr(fingerprint, "kinds_of", kinds)
    (one,) = accept.accept("s", "fit", "a loop was renamed", 9, lambda _: None).accepted
    assert (one.jobs, len(one.sample)) == (1, 1)
