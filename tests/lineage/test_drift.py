"""What a study would do now, against what its records say."""

from pathlib import Path

from scaletrace.formats.record import Code, Identity, RecordedFile, new_record
from scaletrace.jobs import fingerprint
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage import drift

SETTINGS = {"kind": "bytes", "size": 257}
MODULES = fingerprint.modules("vocab", fingerprint.kinds_of("vocab", SETTINGS))


KNOWN = Acceptances("s")


def asked(name="vocab", **changes):
    job = {
        "rule": "vocab",
        "fingerprint": fingerprint.combined(MODULES),
        "wildcards": {},
        "inputs": {"train": ["results/s/train"]},
        "outputs": {"vocabulary": "results/s/vocabulary.json"},
        "settings": SETTINGS,
        "record": Path(f"{name}.json"),
    }
    return AskedJob(**{**job, **changes})


def recorded(modules=MODULES, scheme=fingerprint.SCHEME, **settings):
    identity = Identity(
        rule="vocab",
        wildcards={},
        settings={**SETTINGS, **settings},
        code=Code(fingerprint.combined(modules), modules, scheme),
        inputs=(RecordedFile("train", "results/s/train", "a" * 64, "b" * 32, 1).made_by(None),),
        outputs=(RecordedFile("v", "results/s/vocabulary.json", "a" * 64, "b" * 32, 1),),
    )
    return new_record(identity, {})


def test_values_that_differ():
    assert drift.different({"a": 1, "b": 2, "c": [1]}, {"a": 1, "c": [2], "d": None}) == {
        "b": (2, "nothing"),
        "c": ("[1]", "[2]"),
        "d": ("nothing", None),
    }


def test_the_same_job_has_no_differences():
    assert drift.differences(asked(), recorded(), KNOWN) == []


def test_a_job_without_record():
    assert drift.differences(asked(), None, KNOWN) == [
        "no record: the job is new, or has another name"
    ]


def test_each_difference_is_named():
    before = {**MODULES, "scaletrace.errors": "0" * 64}
    job = asked(inputs={"train": ["results/s/other"]})
    assert drift.differences(job, recorded(before, size=300, added=True), KNOWN) == [
        "settings.added: made with it, now absent",
        "settings.size: made with 300, now 257",
        "code: changed since in scaletrace.errors",
        "inputs: made with results/s/train, now absent",
        "inputs: new are results/s/other",
    ]


def test_code_of_another_scheme_cannot_be_compared():
    now = fingerprint.SCHEME
    assert drift.differences(asked(), recorded({"scaletrace": "0" * 64}, scheme=1), KNOWN) == [
        f"code: its fingerprint is of scheme 1, and now {now} is in use"
    ]


def test_changes_in_lists_go_by_the_run():
    before, after = [{"run": "a", "n": 1}, {"run": "b", "n": 2}], [{"run": "b", "n": 3}]
    assert drift.changes(before, after) == [
        "settings[a]: made with it, now absent",
        "settings[b].n: made with 2, now 3",
    ]
    assert drift.changes([1, 2], [2, 1]) == ["settings: the same in another order"]


def test_leaves_are_dotted():
    assert drift.leaves({"a": {"b": [1, {"c": 2}]}, "d": {}}) == {
        "settings.a.b[0]": 1,
        "settings.a.b[1].c": 2,
        "settings.d": {},
    }


def test_dependents_rest_on_a_job_directly_or_not():
    jobs = {
        Path("vocab"): asked(),
        Path("tokens"): asked(
            inputs={"v": ["results/s/vocabulary.json"]}, outputs={"t": "results/s/tokens"}
        ),
        Path("run"): asked(inputs={"t": ["results/s/tokens"]}, outputs={"m": "results/s/model"}),
        Path("other"): asked(inputs={}, outputs={"x": "results/s/x"}),
    }
    assert drift.dependents(jobs, {Path("vocab")}) == {Path("tokens"), Path("run")}
