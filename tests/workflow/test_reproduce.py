"""`scaletrace reproduce` trains, evaluates, fits and draws again, from recorded inputs."""

import json
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.formats import files
from scaletrace.formats.record import identifier, seal_of
from scaletrace.jobs import ledger

RUN, SEGMENT = "d8-l1-s0-32k", "d8-l1-s0/24960"
EVALUATION = f"results/tiny/evals/{RUN}.json"
TRAINED = ledger.path_of("tiny", "anneal", {"run": RUN})
EVALUATED = ledger.path_of("tiny", "evaluate", {"run": RUN})


def contents():
    return {
        path: path.read_bytes()
        for top in ("results", "provenance")
        for path in Path(top).rglob("*")
        if path.is_file()
    }


def reproduce(capsys, *words):
    """Run the command; return its exit code, the result of each job, and all of its JSON."""
    code = cli.main(["reproduce", *words, "--study", "tiny", "--json"])
    said = json.loads(capsys.readouterr().out)
    return code, {job["job"]: job["result"] for job in said["jobs"]}, said


def forge(path, change):
    """Change a record and give it the id and seal that fit: what only a repetition can find."""
    record = json.loads(path.read_text())
    change(record)
    record["id"] = identifier(record["identity"])
    record["seal"] = seal_of(record)
    files.write_json(path, record)


def other_weights(record):
    (model,) = [e for e in record["identity"]["outputs"] if e["name"] == "model"]
    model["sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("name", "job"),
    [
        (SEGMENT, "pretrain seed=0 size=d8-l1 tokens=24960"),
        ("observations", "observe"),
        ("power_n-32k", "fit power_n-32k"),
        ("loss_vs_params", "figures loss_vs_params"),
    ],
)
def test_the_same_bits_and_nothing_touched(copy, capfd, name, job):
    before = contents()
    assert cli.main(["reproduce", name, "--study", "tiny"]) == 0
    said = capfd.readouterr()
    assert said.out.splitlines()[-1] == f"{job}: reproduced bit for bit"
    assert ("step " in said.err) == (name == SEGMENT)
    assert contents() == before


@pytest.mark.long
def test_all_that_rests_on_a_run_is_made_from_what_was_made_now(copy, capsys):
    code, results, _ = reproduce(capsys, RUN, "--downstream")
    assert code == 0
    assert set(results.values()) == {"reproduced"}
    rules = [job.partition(" ")[0] for job in results]
    assert rules[:3] == ["anneal", "evaluate", "observe"]
    assert set(rules[3:]) == {"fit", "figures"}


@pytest.mark.long
def test_a_sample_says_what_it_proves(damaged, capsys):
    words = ["reproduce", "--study", "tiny", "--sample", "2", "--seed", "7"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert said.count("reproduced bit for bit\n") >= 3
    assert "if 1 or more of the 15 trainings were forged, a sample like this would have " in said
    assert "with probability at most 0.867" in said
    assert "is 12 of 15" in said


def test_an_invented_evaluation_is_caught(copy, capsys):
    invented = json.loads(Path(EVALUATION).read_text())
    invented["loss"] -= 0.1
    files.write_json(Path(EVALUATION), invented)

    def consistent(record):
        record["identity"]["outputs"][0].update(files.hashes(Path(EVALUATION)))

    forge(EVALUATED, consistent)
    code, results, said = reproduce(capsys, RUN)
    assert code == 1
    assert results == {f"anneal {RUN}": "reproduced", f"evaluate {RUN}": "differs"}
    recorded, now = said["jobs"][1]["outputs"][0]["apart"][".loss"]
    assert float(now) - float(recorded) == pytest.approx(0.1)


@pytest.mark.long
def test_weights_that_this_training_does_not_give_are_caught(copy, capsys):
    forge(TRAINED, other_weights)
    code, results, _ = reproduce(capsys, RUN)
    assert code == 1
    assert results == {f"anneal {RUN}": "differs", f"evaluate {RUN}": "reproduced"}


def test_other_bytes_of_another_processor_are_not_comparable(copy, capsys):
    def elsewhere(record):
        record["circumstances"]["cpu"] = "Another Processor 9000"
        other_weights(record)

    forge(TRAINED, elsewhere)
    code, results, said = reproduce(capsys, RUN)
    assert code == 1
    assert results[f"anneal {RUN}"] == "not comparable"
    assert "cpu then Another Processor 9000, here" in said["jobs"][0]["where"]


@pytest.mark.parametrize(
    ("name", "value"), [("model", {"family": "decoder", "heads": 0}), ("seed", "x")]
)
def test_hostile_settings_are_a_sentence_each(copy, capsys, name, value):
    def hostile(record):
        held = record["identity"]["settings"]
        held[name] = {**held[name], **value} if name == "model" else value

    forge(TRAINED, hostile)
    assert cli.main(["reproduce", RUN, "--study", "tiny"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(("scaletrace reproduce: settings.", f"scaletrace reproduce: {TRAINED}"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a name, or --sample and --seed"),
        ([RUN, "--sample", "2", "--seed", "7"], "give a name, or --sample and --seed"),
        (["--sample", "2"], "give a name, or --sample and --seed"),
        (["--sample", "2", "--seed", "7", "--downstream"], "--downstream goes with a name"),
        (["--sample", "2", "--seed", "7"], "a sample is drawn by the root of a study"),
        (["d9-l9-s0-32k"], "no such record of study tiny; known: corpus: corpus; "),
    ],
)
def test_what_cannot_be_asked(copy, capsys, words, said):
    assert cli.main(["reproduce", *words, "--study", "tiny"]) == 2
    assert said in capsys.readouterr().err
