"""What jobs note of what was tried, whatever becomes of them."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from scaletrace.formats import files
from scaletrace.formats.evaluation import EvaluatedRun, write_evaluation
from scaletrace.formats.history import Evaluated, Failed, Fitted, Used
from scaletrace.formats.record import Code, Identity, RecordedFile
from scaletrace.jobs import attempts, history
from scaletrace.jobs.history import History
from tests.jobs.test_job import corpus, corpus_command, forget, job, record_of, vocab

CONFIG = Path("config/s.yaml")


@pytest.fixture(autouse=True)
def _alone(folder, monkeypatch):
    """No study file is announced but by the test itself."""
    monkeypatch.delenv(history.VARIABLE, raising=False)
    Path("text").mkdir()
    for number in range(40):
        Path(f"text/{number}.txt").write_text(f"Document {number}. " * 20, encoding="utf-8")


def study_file(content="study: s\n"):
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(content, encoding="utf-8")
    return hashlib.sha256(content.encode()).hexdigest()


def evaluation(loss=2.5, run="a"):
    """The identity of a finished evaluation."""
    path = Path(f"results/s/evals/{run}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_evaluation(path, EvaluatedRun("ok", 80, 20, loss))
    made = (RecordedFile.at("result", str(path)),)
    return Identity("evaluate", {"run": run}, {}, Code("c", {}), (), made)


def finished(identity, when=1.0):
    history.finished("s", identity, "b" * 64, None, None, when)


def test_a_job_keeps_the_study_file_that_it_runs_under(folder):
    sha256 = study_file()
    assert corpus().returncode == 0
    kept = History("s")
    assert [event.study_file for event in kept.of(Used)] == [sha256]
    assert kept.studies[sha256].read_bytes() == CONFIG.read_bytes()
    # Text measures nothing.
    assert list(map(type, kept.events.values())) == [Used]
    assert vocab().returncode == 0
    assert History("s").paths == kept.paths
    study_file("study: s\n# edited\n")
    forget()
    assert corpus().returncode == 0
    assert len(History("s").studies) == 2


def test_the_study_file_is_that_of_the_invocation_whatever_is_edited_meanwhile(folder, monkeypatch):
    sha256 = study_file()
    monkeypatch.setenv(history.VARIABLE, "")
    history.announce(CONFIG, "s")
    study_file("study: s\nseeds: [1]\n")
    assert history.begins("s", 9.0) == sha256
    assert History("s").studies.keys() == {sha256}
    # Another study's is none of its own, and an edited copy none at all.
    assert history.begins("t", 9.0) is None
    Path(f"work/s/studies/{sha256}.yaml").write_text("study: x\n", encoding="utf-8")
    assert history.begins("s", 9.0) is None


def test_an_evaluation_leaves_its_numbers_once(folder):
    finished(evaluation())
    finished(evaluation(), when=2.0)
    (event,) = History("s").of(Evaluated)
    assert (event.run, event.evaluation.loss, event.when) == ("a", 2.5, 1.0)
    finished(evaluation(loss=2.4), when=3.0)
    assert [event.evaluation.loss for event in History("s").of(Evaluated)] == [2.5, 2.4]


def test_a_fit_leaves_its_parameters_and_its_table(folder):
    path = Path("results/s/fits/power.json")
    files.write_json(path, {"params": {"alpha": 0.1}})
    table = RecordedFile.at("observations", str(path)).made_by(None)
    made = (RecordedFile.at("fit", str(path)),)
    settings = {"law": "power_n"}
    finished(Identity("fit", {"fit": "power"}, settings, Code("c", {}), (table,), made))
    (event,) = History("s").of(Fitted)
    assert (event.fit, event.law, event.params) == ("power", "power_n", {"alpha": 0.1})
    assert event.observations == table.sha256


def test_a_process_that_fails_says_why_and_one_that_was_killed_is_told_of(folder):
    words = ("s", "anneal", {"run": "a"}, None)
    history.failed(*words, "RuntimeError: no memory\nmore")
    history.failed(*words, "RuntimeError: no memory")
    history.failed("s", "corpus", {}, None, "RuntimeError: no memory")
    assert [event.reason for event in History("s").of(Failed)] == ["RuntimeError: no memory"]


def fit(n=(10, 20, 40, 80, 160, 320)):
    """The job that fits a table of runs of these sizes."""
    rows = [f"r{n},d{n},decoder,0,1M,{n},1000,{2 + 3 * n**-0.3},0.01,ok" for n in n]
    header = "run,size,family,seed,budget,n_non_embedding,n_tokens,loss,loss_se,status"
    path = Path("results/s/observations.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    settings = {"law": "power_n", "budget": None, "n": "n_non_embedding", "resamples": 100}
    words = {"observations": [str(path)]}, {"fit": "results/s/fits/power_n.json"}
    return job("fit", *words, settings, wildcards={"fit": "power_n"})


def test_a_killed_attempt_is_noted_by_the_next_and_a_finished_one_never(folder):
    done = fit()
    assert done.returncode == 0, done.stderr
    assert fit().returncode == 0
    history_of = History("s")
    assert (len(history_of.of(Fitted)), history_of.of(Failed)) == (1, [])
    # As a process leaves it that was killed: it began, and neither finished nor said why.
    for path in Path("work/s").glob(f"*/{attempts.FINISHED}"):
        path.unlink()
    assert fit().returncode == 0
    (event,) = History("s").of(Failed)
    assert (event.rule, event.wildcards, event.reason) == (
        "fit",
        {"fit": "power_n"},
        attempts.SILENT,
    )


def test_input_that_a_person_has_to_mend_is_no_try(folder):
    assert fit(n=(10, 20)).returncode == 2
    assert History("s").events == {}


def test_a_result_is_worth_more_than_its_mention(folder, capsys):
    study_file()
    # In the place of the folder, where nothing can be written any more.
    Path("provenance").mkdir()
    Path("provenance/history").write_text("", encoding="utf-8")
    done = subprocess.run(corpus_command(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "provenance/history: not written (" in done.stdout
    assert record_of("corpus").identity.outputs
    finished(evaluation())
    assert "scaletrace record adds" in capsys.readouterr().out


def test_what_lies_there_besides_is_named(folder):
    study_file()
    history.begins("s", 9.0)
    place = history.folder_of("s")
    (place / "notes.txt").write_text("x", encoding="utf-8")
    (place / "studies/x.yaml").write_text("study: s\n", encoding="utf-8")
    (place / ".draft").write_text("", encoding="utf-8")
    found = History("s")
    assert {path.name for path in found.unreadable} == {"notes.txt", "x.yaml"}
    assert len(found.paths) == 2
