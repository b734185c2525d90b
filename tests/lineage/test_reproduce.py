"""What a job that was made again is compared by, and what is not made again at all."""

import json
import shutil
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code
from scaletrace.jobs import fingerprint
from scaletrace.lineage import reproduce
from scaletrace.lineage.ancestry import Ancestry
from tests.lineage import small_study
from tests.lineage.small_study import CODE, EVALUATION, FIGURE, FIT, TABLE, TEXT, text

MODEL, OUTCOME = "results/s/runs/a/model.safetensors", "results/s/runs/a/outcome.json"
PATH = Path("provenance/jobs/s/anneal/run=a.json")
CLOSE, FAR = b"2.5000001", b"2.51"


def train(code=CODE, **circumstances):
    """Add the training of run `a` to the study."""
    text(MODEL, "weights")
    text(OUTCOME, "{}")
    made = {"model": MODEL, "outcome": OUTCOME}
    return small_study.job(
        "anneal", {"run": "a"}, {"tokens": TEXT}, made, code=code, **circumstances
    )


@pytest.fixture
def code(monkeypatch):
    """The code that made the study is that in use."""
    monkeypatch.setattr(fingerprint, "kinds_of", lambda *_: ())
    monkeypatch.setattr(fingerprint, "modules", lambda *_: CODE.modules)
    monkeypatch.setattr(fingerprint, "fingerprint", lambda *_: CODE.fingerprint)


@pytest.fixture
def again(study, code, monkeypatch):
    """A function that makes jobs again where their stages give other files, here or elsewhere."""

    def outcomes(name, given, elsewhere=(), downstream=False):
        def repeat(path, record, scratch):
            made = {output.name: scratch / output.path for output in record.identity.outputs}
            for output in record.identity.outputs:
                made[output.name].parent.mkdir(parents=True, exist_ok=True)
                content = given.get(output.path, Path(output.path).read_bytes())
                made[output.name].write_bytes(content)
            return made

        def on_same_machine(record):
            rule = record.identity.rule
            return rule not in elsewhere, "cpu then A, here B" if rule in elsewhere else "cpu B"

        monkeypatch.setattr(reproduce, "repeat", repeat)
        monkeypatch.setattr(reproduce, "on_same_machine", on_same_machine)
        ancestry = Ancestry("s")
        jobs = reproduce.jobs_of(name, ancestry)
        if downstream:
            jobs = reproduce.with_downstream(jobs, ancestry)
        return list(reproduce.reproduce([jobs], "s"))

    return outcomes


def with_loss(path, loss):
    return {path: Path(path).read_bytes().replace(b"2.5", loss)}


def test_what_names_mean(study):
    train()
    state = "results/s/trunks/d8-s0/64/state.safetensors"
    text(state, "state")
    wildcards = {"size": "d8", "seed": "0", "tokens": "64"}
    small_study.job("pretrain", wildcards, {"tokens": TEXT}, {"state": state})
    ancestry = Ancestry("s")
    for name, rules in (
        ("a", ["anneal", "evaluate"]),
        ("d8-s0/64", ["pretrain"]),
        ("observations", ["observe"]),
        ("power", ["fit"]),
        ("loss_vs_params", ["figures"]),
        (FIT, ["fit"]),
    ):
        assert [job.rule for job in reproduce.jobs_of(name, ancestry)] == rules


def test_a_run_that_was_drawn_is_evaluated_too(study):
    train()
    ancestry = Ancestry("s")
    trained, evaluated = reproduce.jobs_of("a", ancestry)
    assert reproduce.with_evaluation(trained, ancestry) == [trained, evaluated]
    fit = small_study.record("fit", {"fit": "power"})
    assert reproduce.with_evaluation(fit, ancestry) == [fit]


@pytest.mark.parametrize("name", ["b", "../x", "", "s"])
def test_a_name_of_nothing_is_told_what_there_is(study, name):
    train()
    known = "runs: a; table: observations; fits: power; figures: loss_vs_params$"
    with pytest.raises(BadInput, match=f"no such record of study s; known: {known}"):
        reproduce.jobs_of(name, Ancestry("s"))


def test_a_name_of_two_things_is_refused_with_their_files(study):
    twin = "results/s/fits/loss_vs_params.json"
    shutil.copy(FIT, twin)
    made = {"fit": twin}
    small_study.job("fit", {"fit": "loss_vs_params"}, {"observations": TABLE}, made)
    with pytest.raises(BadInput, match=f"means 2 things; name one by its file: .*{twin}"):
        reproduce.jobs_of("loss_vs_params", Ancestry("s"))


def test_what_rests_on_a_job_follows_its_maker(study):
    ancestry = Ancestry("s")
    jobs = reproduce.with_downstream(reproduce.jobs_of("a", ancestry), ancestry)
    assert [job.rule for job in jobs] == ["evaluate", "observe", "fit", "figures"]
    small_study.job("evaluate", {"run": "a"}, {"tokens": FIT}, {"result": EVALUATION})
    ancestry = Ancestry("s")
    with pytest.raises(BadInput, match=r"\.json: its outputs are among what it rests on"):
        reproduce.with_downstream(reproduce.jobs_of("a", ancestry), ancestry)


@pytest.mark.parametrize(
    ("loss", "here", "elsewhere"),
    [
        (b"2.5", "reproduced", "reproduced"),
        (CLOSE, "differs", "agrees"),
        (FAR, "differs", "not comparable"),
    ],
)
def test_a_table_made_again(again, loss, here, elsewhere):
    given = with_loss(TABLE, loss)
    assert [outcome.result for outcome in again("observations", given)] == [here]
    assert [o.result for o in again("observations", given, ["observe"])] == [elsewhere]


def test_a_measurement_of_another_machine_is_never_passed(again):
    (outcome,) = again("a", with_loss(EVALUATION, CLOSE), ["evaluate"])
    assert outcome.result == "not comparable"
    assert "not comparable: cpu then A, here B" in reproduce.to_text(outcome)


def test_what_cannot_be_compared_by_values_does_not_agree(again):
    Path(FIGURE).write_text("no table", encoding="utf-8")
    # The recorded file is another now, so that no value of it is known.
    (outcome,) = again("loss_vs_params", {FIGURE: small_study.figure().encode()}, ["figures"])
    assert outcome.result == "reproduced"
    (outcome,) = again("loss_vs_params", {FIGURE: b"other"}, ["figures"])
    assert outcome.result == "not comparable"


def test_what_rests_on_bytes_of_another_machine_is_not_comparable(again):
    given = with_loss(EVALUATION, FAR) | with_loss(TABLE, FAR)
    evaluation, table, fit, figure = again("a", given, ["evaluate"], downstream=True)
    assert (evaluation.result, table.result) == ("not comparable", "not comparable")
    assert table.where == "rests on evaluate a, which is not comparable"
    assert (fit.result, figure.result) == ("reproduced", "reproduced")
    said = reproduce.summary([evaluation, table, fit, figure])
    assert said == (
        "4 jobs: 2 not comparable, 2 reproduced; the first is evaluate a: not comparable"
    )
    assert reproduce.summary([fit, figure]) == "2 of 2 jobs: reproduced bit for bit"


def test_values_that_differ_are_named(again):
    (outcome,) = again("a", with_loss(EVALUATION, FAR))
    said = reproduce.to_text(outcome).splitlines()
    assert said[0].startswith(f"{EVALUATION}: other, sha256 ")
    assert "  .loss: recorded 2.5, now 2.51" in said
    assert said[-1] == "evaluate a: differs, on the same kind of machine (cpu B)"


def refused(again, match):
    """Expect that no job is made again, not even the first of several."""
    with pytest.raises(BadInput, match=match):
        again("a", {}, downstream=True)


def test_code_that_changed_is_not_run(again):
    modules = {"scaletrace.errors": "1" * 64}
    git = {"commit": "f" * 40, "changed": []}
    train(Code(fingerprint.combined(modules), modules), git=git)
    refused(again, rf"code: scaletrace\.errors changed since; git checkout {'f' * 40}")


def test_inputs_that_are_not_the_recorded_ones(again):
    size = Path(TEXT).stat().st_size
    text(TEXT, "y" * size)
    refused(again, rf"^{TEXT}: sha256: found [0-9a-f]+, the record .* has")
    Path(TEXT).unlink()
    refused(again, rf"^{TEXT}: missing, and the job of .* needs it")


def test_records_that_are_not_what_they_say(again):
    train()
    shutil.copy(PATH, PATH.with_name("run=b.json"))
    refused(again, r"run=b\.json: holds the record of another job")
    PATH.with_name("run=b.json").unlink()
    record = json.loads(PATH.read_text())
    record["identity"]["settings"]["rate"] = 3
    PATH.write_text(json.dumps(record))
    refused(again, rf"{PATH}: id: found [0-9a-f]+; its identity hashes to")


def test_studies_without_sound_records(folder):
    with pytest.raises(BadInput, match="t: no job records in provenance/jobs/t"):
        reproduce.records_of("t")
    with pytest.raises(BadInput, match="a study's name is like"):
        reproduce.records_of("../s")
    text(PATH, "{}")
    small_study.git("init", "--quiet")
    with pytest.raises(BadInput, match=str(PATH)):
        reproduce.records_of("s")
