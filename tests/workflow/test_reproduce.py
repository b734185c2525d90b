"""`scaletrace reproduce` trains again, for real, from recorded inputs."""

import json
from pathlib import Path

import pytest

from scaletrace import cli
from scaletrace.errors import BadInput
from scaletrace.formats.files import hashes
from scaletrace.formats.record import identifier
from scaletrace.jobs import ledger
from scaletrace.lineage.reproduce import reproduce

RUN, SEGMENT = "d8-l1-s0-32k", "d8-l1-s0/24960"
TOLERANCE = 0.03


def files(folder):
    return {
        path: path.read_bytes()
        for top in ("results", "provenance/jobs")
        for path in (folder / top).rglob("*")
        if path.is_file()
    }


def rewrite(path, change):
    """Change a record and give it the id that fits: what only a repetition can find."""
    record = json.loads(path.read_text())
    change(record)
    record["id"] = identifier(record["identity"])
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("name", [RUN, SEGMENT])
def test_the_same_weights_bit_for_bit_and_nothing_touched(copy, capsys, name):
    before = files(copy)
    assert cli.main(["reproduce", name, "--study", "tiny"]) == 0
    said = capsys.readouterr().out
    assert "step " in said
    assert said.endswith("reproduced bit for bit\n")
    assert files(copy) == before


def test_weights_that_this_training_does_not_give_are_found(copy):
    path = ledger.path_of("tiny", "anneal", {"run": RUN})

    def forge(record):
        (model,) = [e for e in record["identity"]["outputs"] if e["name"] == "model"]
        model["sha256"] = "0" * 64

    rewrite(path, forge)
    outcome = reproduce(RUN, "tiny", TOLERANCE)
    assert outcome.same_machine
    assert not outcome.identical
    assert not outcome.reproduced
    different = [p for p, pair in outcome.outputs.items() if pair["recorded"] != pair["found"]]
    assert different == [f"results/tiny/runs/{RUN}/model.safetensors"]
    # Equal losses are no excuse where the bits must be equal.
    assert outcome.loss is not None
    assert outcome.loss[0] == outcome.loss[1]


@pytest.mark.parametrize(
    ("name", "value", "difference", "reproduced"),
    [("cpu", "Another Processor 9000", 0.01, True), ("cpu_features", "avx avx7", 0.1, False)],
)
def test_on_another_processor_the_loss_decides(copy, name, value, difference, reproduced):
    curve = Path(f"results/tiny/runs/{RUN}/curve.csv")
    *lines, last = curve.read_text().splitlines()
    step, tokens, loss, rate = last.split(",")
    last = ",".join([step, tokens, repr(float(loss) + difference), rate])
    curve.write_text("\n".join([*lines, last]) + "\n")

    def elsewhere(record):
        record["circumstances"][name] = value
        (entry,) = [e for e in record["identity"]["outputs"] if e["name"] == "curve"]
        entry.update(hashes(curve))

    rewrite(ledger.path_of("tiny", "anneal", {"run": RUN}), elsewhere)
    outcome = reproduce(RUN, "tiny", TOLERANCE)
    assert not outcome.same_machine
    assert f"{name} then {value}" in outcome.machine
    assert outcome.reproduced is reproduced


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("model", {}), ("model", {"family": "decoder", "heads": 0}), ("seed", "x")),
        *(("learning_rate", "x"), ("batch_tokens", 0), ("to_step", 10**400), ("compute", [])),
    ],
    ids=lambda value: str(value)[:20],
)
def test_hostile_settings_are_a_sentence_each(copy, name, value):
    path = ledger.path_of("tiny", "anneal", {"run": RUN})

    def hostile(record):
        held = record["identity"]["settings"]
        held[name] = {**held[name], **value} if value and name == "model" else value

    rewrite(path, hostile)
    with pytest.raises(BadInput) as caught:
        reproduce(RUN, "tiny", TOLERANCE)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(("settings.", "training.", str(path))) for line in lines)


def test_what_cannot_be_repeated_is_one_sentence(copy):
    for name, message in (("d9-l9-s0-32k", "no such record"), ("../../etc", "give SIZE")):
        with pytest.raises(BadInput, match=message):
            reproduce(name, "tiny", TOLERANCE)
    tokens = Path("results/tiny/tokens/train.bin")
    content = tokens.read_bytes()
    tokens.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BadInput, match=r"tokens/train.bin: sha256: found"):
        reproduce(RUN, "tiny", TOLERANCE)
    tokens.unlink()
    with pytest.raises(BadInput, match="run `scaletrace restore`"):
        reproduce(RUN, "tiny", TOLERANCE)
    path = ledger.path_of("tiny", "anneal", {"run": RUN})

    def older(record):
        record["identity"]["code"]["fingerprint"] = "0" * 64
        record["identity"]["code"]["modules"]["scaletrace.training.segment"] = "0" * 64

    rewrite(path, older)
    with pytest.raises(BadInput, match=r"scaletrace\.training\.segment changed since; git"):
        reproduce(RUN, "tiny", TOLERANCE)
