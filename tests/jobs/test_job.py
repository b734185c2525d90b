"""The job wrapper around a real stage: records, refusals, and outputs that are whole or absent."""

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from numpy._core._multiarray_umath import __cpu_features__

from scaletrace import python_command
from scaletrace.fitting import table_fit
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.record import Code, read_record
from scaletrace.job import main as job_main
from scaletrace.jobs import (
    acceptances,
    attempts,
    command,
    job_note,
    ledger,
    run_cache,
    surroundings,
)
from scaletrace.jobs.fingerprint import fingerprint, kinds_of
from scaletrace.jobs.lease import lease


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text").mkdir()
    for number in range(40):
        Path(f"text/{number}.txt").write_text(f"Document {number}. " * 20, encoding="utf-8")
    return tmp_path


SETTINGS = {"source": "files", "document": "file", "valid": 0.2, "test": 0.2}
OUTPUTS = {
    "train": "results/s/corpus/train.jsonl",
    "valid": "results/s/corpus/valid.jsonl",
    "test": "results/s/corpus/test.jsonl",
    "manifest": "results/s/corpus/manifest.json",
}


def command_of(stage, inputs, outputs, settings, code=None, wildcards=None):
    files = {"wildcards": wildcards or {}, "inputs": inputs, "outputs": outputs}
    code = code or fingerprint(stage, kinds_of(stage, settings))
    return [
        *python_command.words("scaletrace.job", f"{stage}@{code}"),
        *("--study", "s", "--threads", "1"),
        *("--job", json.dumps(files), "--settings", json.dumps(settings)),
    ]


def job(*words, **details):
    return subprocess.run(command_of(*words, **details), capture_output=True, text=True)


def corpus_command(**changes):
    texts = sorted(str(path) for path in Path("text").glob("*.txt"))
    return command_of("corpus", {"files": texts}, OUTPUTS, SETTINGS | changes)


def corpus(**changes):
    return subprocess.run(corpus_command(**changes), capture_output=True, text=True)


def vocab(**changes):
    outputs = {"vocabulary": "results/s/vocab/vocabulary.json"}
    settings = {"kind": "bytes", "size": 257} | changes
    return job("vocab", {"train": [OUTPUTS["train"]]}, outputs, settings)


def record_of(rule):
    return read_record(ledger.path_of("s", rule, {}))


def forget():
    """Leave nothing of finished jobs but their results."""
    attempts.forget("s")
    shutil.rmtree(run_cache.DEFAULT)


def test_a_job_leaves_outputs_record_and_nothing_else(folder):
    done = corpus()
    assert done.returncode == 0, done.stderr
    made = sorted(
        str(path.relative_to(folder)) for path in folder.glob("results/**/*") if path.is_file()
    )
    assert made == sorted(OUTPUTS.values())
    record = record_of("corpus")
    assert {output.path for output in record.identity.outputs} == set(OUTPUTS.values())
    assert len(record.identity.inputs) == 40
    assert record.identity.settings == SETTINGS
    assert ledger.environment_path(record.circumstances.environment).is_file()
    forget()
    assert {path.parent.name for path in Path("work/s").rglob("*") if path.is_file()} == {
        "producers"
    }


def test_the_same_job_again_has_the_same_id_and_another_time(folder):
    corpus()
    first = record_of("corpus")
    forget()
    corpus()
    second = record_of("corpus")
    assert second.id == first.id
    assert second.circumstances.start != first.circumstances.start


def test_code_that_was_accepted_leaves_the_record_of_the_same_bytes(folder):
    corpus()
    path = ledger.path_of("s", "corpus", {})
    identity = record_of("corpus").identity
    earlier = dataclasses.replace(identity, code=Code("a" * 64, {}))
    first = ledger.write("s", earlier, record_of("corpus").circumstances.raw)
    sample = [RunAgain(str(path), first.id, {})]
    versions = CodeVersion("a" * 64), CodeVersion(identity.code.fingerprint, 2)
    words = ("so", "me", 1.0, "h", None, [])
    note = Acceptance("s", "corpus", *versions, *words, 1, sample)
    write_acceptance(acceptances.path_of(note), note)
    assert "their record stands" in corpus().stdout
    assert record_of("corpus") == first
    assert corpus(valid=0.3).returncode == 0
    assert record_of("corpus").identity.code == identity.code


def test_outputs_that_the_workflow_lost_are_put_back_and_not_computed_again(folder):
    corpus()
    first = record_of("corpus")
    for path in OUTPUTS.values():
        Path(path).unlink()
    done = corpus()
    assert "nothing is computed again" in done.stdout
    second = record_of("corpus")
    assert second.identity == first.identity
    assert second.circumstances.start == first.circumstances.start
    assert len(second.circumstances.attempts) == 2


def test_another_study_takes_what_was_computed_and_says_whose_it_is(folder):
    corpus()
    command = corpus_command()
    command[command.index("--study") + 1] = "t"
    place = command.index("--job") + 1
    command[place] = command[place].replace("results/s/", "results/t/")
    done = subprocess.run(command, capture_output=True, text=True)
    assert "has computed the same in study s; nothing is computed again" in done.stdout
    first, second = record_of("corpus"), read_record(ledger.path_of("t", "corpus", {}))
    reused = second.circumstances.raw["reused"]
    assert (reused["study"], second.circumstances.start) == ("s", first.circumstances.start)
    assert "reused" not in first.circumstances.raw
    assert [file.sha256 for file in first.identity.outputs] == [
        file.sha256 for file in second.identity.outputs
    ]


def test_a_record_tells_which_hashes_were_remembered(folder):
    with Path("text/0.txt").open("a", encoding="utf-8") as stream:
        stream.write("A long one. " * 100_000)
    corpus()
    assert record_of("corpus").circumstances.raw["remembered"] == []
    corpus(valid=0.3)
    assert record_of("corpus").circumstances.raw["remembered"] == ["text/0.txt"]


def test_a_kept_result_that_was_changed_is_not_put_back(folder):
    corpus()
    before = Path(OUTPUTS["train"]).read_bytes()
    with Path(OUTPUTS["train"]).open("ab") as stream:
        stream.write(b"slipped in")
    done = corpus()
    assert done.returncode == 0, done.stderr
    assert "nothing is computed again" not in done.stdout
    assert Path(OUTPUTS["train"]).read_bytes() == before


def test_an_input_names_the_record_of_the_job_that_made_it(folder):
    corpus()
    assert vocab().returncode == 0
    (file,) = record_of("vocab").identity.inputs
    assert file.record == record_of("corpus").id


def test_the_producer_is_found_without_the_cache(folder):
    corpus()
    for pointer in Path("work/s/producers").iterdir():
        pointer.unlink()
    assert vocab().returncode == 0
    (file,) = record_of("vocab").identity.inputs
    assert file.record == record_of("corpus").id


def test_an_input_edited_by_hand_is_refused(folder):
    corpus()
    with Path(OUTPUTS["train"]).open("a", encoding="utf-8") as stream:
        stream.write('{"source": "me", "text": "slipped in"}\n')
    done = vocab()
    assert done.returncode == 2
    assert "results/s/corpus/train.jsonl: found sha256" in done.stderr
    assert "is not what its job wrote" in done.stderr
    assert not Path("results/s/vocab/vocabulary.json").exists()


def test_code_that_changed_while_the_job_waited_is_refused(folder):
    texts = sorted(str(path) for path in Path("text").glob("*.txt"))
    done = job("corpus", {"files": texts}, OUTPUTS, SETTINGS, code="0" * 64)
    assert done.returncode == 2
    assert "start snakemake again" in done.stderr
    assert not Path("results").exists()


def begun(**changes):
    """A corpus job in a process of its own that has named its working folder in its note."""
    process = subprocess.Popen(corpus_command(**changes), stderr=subprocess.PIPE, text=True)
    note = {}
    while note.get("pid") != process.pid or not note["folder"]:
        assert process.poll() is None
        note = job_note.read("s", "corpus", {}) or {}
    return process, note


def said_at_last(process):
    said = process.communicate()[1]
    return process.returncode, said


@pytest.fixture
def works(folder):
    """The working folders of a corpus job before and after it was changed, in use by nobody."""
    found = []
    for valid in (0.3, 0.4):
        assert corpus(valid=valid).returncode == 0
        found.append(Path("work/s", str(record_of("corpus").circumstances.work)))
    forget()
    return found


def test_a_job_that_outlived_its_snakemake_spares_the_result_of_the_changed_one(works):
    with lease(works[0]):
        older, _ = begun(valid=0.3)
        assert corpus(valid=0.2).returncode == 0
    newest, train = record_of("corpus"), Path(OUTPUTS["train"]).read_bytes()
    code, said = said_at_last(older)
    assert (code, "was started anew" in said) == (2, True), said
    assert record_of("corpus") == newest
    assert Path(OUTPUTS["train"]).read_bytes() == train
    assert job_note.read("s", "corpus", {}) is None


def test_a_job_that_outlived_its_snakemake_gives_way_to_the_changed_one(works):
    with lease(works[1]):
        with lease(works[0]):
            older, _ = begun(valid=0.3)
            newer, note = begun(valid=0.4)
        code, said = said_at_last(older)
        assert (code, "was started anew" in said) == (2, True), said
        assert job_note.read("s", "corpus", {}) == note
    code, said = said_at_last(newer)
    assert code == 0, said
    assert record_of("corpus").identity.settings["valid"] == 0.4


def test_bad_input_is_one_message_and_leaves_nothing(folder):
    Path("text/7.txt").write_bytes(b"good\xff")
    done = corpus()
    assert done.returncode == 2
    assert "text/7.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in Path("results").rglob("*") if path.is_file()]
    assert not Path("provenance/jobs").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(folder):
    Path("results").write_text("in the way", encoding="utf-8")
    done = corpus()
    assert done.returncode == 1
    assert "results" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_edited_record_is_refused(folder):
    corpus()
    path = ledger.path_of("s", "corpus", {})
    path.write_text(path.read_text().replace('"valid": 0.2', '"valid": 0.3'), encoding="utf-8")
    done = vocab()
    assert done.returncode == 2
    assert f"{path}: id: found" in done.stderr


def test_a_description_too_long_for_a_command_line_comes_from_a_file(folder, monkeypatch):
    monkeypatch.setattr(command, "LONGEST_ARGUMENT", 10)
    word = command.argument("s", {"runs": ["x" * 100]})
    assert word.startswith("@work/s/arguments/")
    assert json.loads(Path(word[1:]).read_text()) == {"runs": ["x" * 100]}


def test_a_job_says_what_it_took_and_leaves_no_note(folder):
    assert corpus().returncode == 0
    circumstances = record_of("corpus").circumstances.raw
    assert 0 < circumstances["cpu_seconds"] < 60
    assert 10 < circumstances["peak_memory_mb"] < 2000
    # No torch in this stage, and no SLURM around it.
    assert circumstances["matrix"] is None
    assert circumstances["requested"] is None
    assert job_note.read("s", "corpus", {}) is None


def test_a_failed_job_leaves_a_note_with_the_reason(folder):
    assert corpus().returncode == 0
    assert vocab(kind="bpe", size=100_000).returncode == 2
    note = job_note.read("s", "vocab", {})
    assert note is not None
    assert "vocabulary.size: 100000" in note["problem"]
    assert note["end"] >= note["start"]
    assert Path(note["folder"]).is_dir()
    assert vocab().returncode == 0
    assert job_note.read("s", "vocab", {}) is None


def test_a_record_says_why_earlier_attempts_failed(folder, monkeypatch):
    Path("results").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert corpus().returncode == 1
    Path("results").unlink()
    monkeypatch.setenv("SLURM_JOB_ID", "72")
    assert corpus().returncode == 0
    circumstances = record_of("corpus").circumstances
    first, second = circumstances.attempts
    assert (first.node, first.slurm_job) == ("n1", "71")
    assert "results" in str(first.problem)
    assert first.start < circumstances.raw["attempts"][0]["end"] < second.start
    assert second.slurm_job == circumstances.slurm_job == "72"
    assert second.problem is None
    (failed,) = attempts.overcome(circumstances)
    assert (failed.attempt, failed.slurm_job) == (1, "71")
    # One that only puts the result in place again makes no failure of the one that computed it.
    Path(OUTPUTS["train"]).unlink()
    assert corpus().returncode == 0
    circumstances = record_of("corpus").circumstances
    assert len(circumstances.attempts) == 3
    assert attempts.overcome(circumstances) == (failed,)


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="asks Linux about the processor")
def test_the_processor_has_the_instruction_sets_that_numpy_finds(folder):
    features = (surroundings.here()["cpu_features"] or "").split()
    for name in ("AVX2", "AVX512F", "AVX512VL"):
        assert (name.lower() in features) is bool(__cpu_features__.get(name))


def test_a_fit_that_does_not_converge_is_one_message(folder, monkeypatch, capsys):
    columns = ("run", "size", "n_non_embedding", "n_tokens", "flops_exact", "loss", "status")
    rows = [
        columns,
        *((f"r{n}", f"d{n}", n, 1000, n * 6000, 4.0 - 0.1 * n, "ok") for n in range(1, 7)),
    ]
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    Path("observations.csv").write_text(text, encoding="utf-8")

    def analyse(*words):
        raise NotConvergedError("power_n: none of 16 starts converged")

    monkeypatch.setattr(table_fit, "analyse", analyse)
    files = {
        "wildcards": {"fit": "power_n"},
        "inputs": {"observations": ["observations.csv"]},
        "outputs": {"fit": "results/s/fits/power_n.json"},
    }
    settings = {
        **{"law": "power_n", "budget": None, "n": "n_non_embedding", "d": "n_tokens"},
        **{"flops": "flops_exact", "loss": "loss", "cluster": "size"},
    }
    words = ["--study", "s", "--threads", "1", "--job", json.dumps(files)]
    code = fingerprint("fit", ("scaletrace.laws.power_n",))
    code = job_main([f"fit@{code}", *words, "--settings", json.dumps(settings)])
    assert code == 2
    assert capsys.readouterr().err == (
        "fit: observations.csv: power_n: none of 16 starts converged\n"
    )
    assert not Path("results/s/fits/power_n.json").exists()
    assert not Path("provenance/jobs").exists()
