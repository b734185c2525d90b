"""Versions of a stage's code that were accepted as equal."""

import dataclasses
from pathlib import Path

import pytest

from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.record import Code, Identity, RecordedFile
from scaletrace.jobs import acceptances, ledger
from scaletrace.jobs.acceptances import Acceptances, folder_of

A, B, C, D = ("abcd"[n] * 64 for n in range(4))


def evidence(stage="fit", study="s", job="fit=power"):
    record = f"provenance/jobs/{study}/{stage}/{job}.json"
    return RunAgain(record, "1" * 64, {"results/s/x": "2" * 64})


def note(then, now, stage="fit", study="s"):
    versions = CodeVersion(then), CodeVersion(now, 2)
    why = {"because": "a loop was renamed", "by": "me", "when": 1.0, "host": "h"}
    why |= {"commit": None, "changed": [], "jobs": 3}
    return Acceptance(study, stage, *versions, **why, sample=[evidence(stage, study)])


def write(acceptance):
    path = acceptances.path_of(acceptance)
    write_acceptance(path, acceptance)
    return path


@pytest.fixture
def known(folder):
    """Notes that lead from A over B to C, and another stage's from C to D."""
    for one in (note(A, B), note(B, C), note(C, D, "tune")):
        write(one)
    return Acceptances("s")


def test_a_note_lies_under_its_stage_and_versions(folder):
    path = write(note(A, B))
    assert path == Path(f"provenance/accepted/s/fit-{'a' * 16}-{'b' * 16}.json")
    assert Acceptances("s").by_path == {path: note(A, B)}


def test_what_was_accepted_leads_on_in_both_directions(known):
    assert known.between("fit", A, A) == []
    assert known.between("fit", A, C) == [note(A, B), note(B, C)]
    assert known.between("fit", C, A) == [note(B, C), note(A, B)]
    assert known.same("fit", A, C)


def test_what_was_not_accepted_leads_nowhere(known):
    assert known.between("fit", A, D) is None
    assert known.between("anneal", A, B) is None
    assert not known.same("fit", C, D)
    assert not Acceptances("t").same("fit", A, B)


def test_a_note_in_anothers_place_counts_for_nothing(folder):
    path = write(note(A, B))
    write_acceptance(path, note(A, C))
    other = path.with_name("fit-x.json")
    other.write_text("{", encoding="utf-8")
    known = Acceptances("s")
    assert known.by_path == {}
    assert known.unreadable[path] == f"{path}: lies where another note belongs"
    assert known.unreadable[other].startswith(f"{other}: not a note of `scaletrace accept`")
    assert not known.same("fit", A, C)


def test_a_note_of_another_study_counts_for_nothing(folder):
    write_acceptance(acceptances.path_of(note(A, B)), note(A, B, study="t"))
    assert not Acceptances("s").same("fit", A, B)


def test_a_note_in_a_line():
    assert acceptances.sentence(dataclasses.replace(note(A, B))) == (
        f"fit: code {'a' * 12} was accepted as equal to {'b' * 12} by me, because 'a loop was "
        "renamed': 1 of 3 jobs were computed again, byte for byte the same (fit=power)"
    )


def test_a_note_of_anybodys_making_is_one_line_of_bounded_length():
    by, sample = "me\nverified: 9 jobs\x1b[31m", [evidence(job=f"run=\n{n}") for n in range(99)]
    hostile = dataclasses.replace(note(A, B), by=by, because="x\n" * 10**6, jobs=99, sample=sample)
    said = acceptances.sentence(hostile)
    assert said.isprintable()
    assert "by me?verified: 9 jobs?[31m, because 'x" in said
    assert said.endswith("run=?9, …)")
    assert len(said) < 2000


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sample": []}, "found 0 jobs in a sample of 0, of 3"),
        ({"sample": [evidence(), evidence()]}, "found 1 jobs in a sample of 2, of 3"),
        ({"jobs": 0}, "found 1 jobs in a sample of 1, of 0"),
        ({"sample": [dataclasses.replace(evidence(), id="1")]}, "a hash is not one"),
        ({"sample": [dataclasses.replace(evidence(), outputs={"x": "2\n"})]}, "a hash is not one"),
        ({"then": CodeVersion("../x")}, "a hash is not one"),
        ({"sample": [evidence("tune")]}, "its sample is not of the records in "),
        ({"sample": [evidence(job="../evil/x")]}, "its sample is not of the records in "),
    ],
)
def test_a_note_that_accept_does_not_write_counts_for_nothing(folder, changes, said):
    path = folder_of("s") / f"fit-{'a' * 16}-{'b' * 16}.json"
    write_acceptance(path, dataclasses.replace(note(A, B), **changes))
    known = Acceptances("s")
    assert said in known.unreadable[path]
    assert not known.same("fit", A, B)


def test_all_notes_on_equal_code(known):
    assert known.around("fit", A) == [note(A, B), note(B, C)]
    assert known.around("tune", D) == [note(C, D, "tune")]
    assert known.around("fit", D) == []


def test_a_ring_has_an_end(folder):
    for one in (note(A, B), note(B, C), note(C, A)):
        write(one)
    assert Acceptances("s").between("fit", A, C) == [note(C, A)]
    assert Acceptances("s").between("fit", A, D) is None


def test_a_record_stands_where_accepted_code_read_and_made_the_same(folder):
    made = (RecordedFile("fit", "results/s/x", "1" * 64, "2" * 32, 3),)
    identity = Identity("fit", {"fit": "power"}, {"law": "power"}, Code(A, {}), (), made)
    now = dataclasses.replace(identity, code=Code(B, {"m": C}, 2))
    assert not acceptances.stands("s", now)
    ledger.write("s", identity, {})
    assert not acceptances.stands("s", now)
    write(note(A, B))
    assert acceptances.stands("s", now)
    # The same code again has new circumstances to tell; and what differs has a record of its own.
    assert not acceptances.stands("s", identity)
    assert not acceptances.stands("s", dataclasses.replace(now, settings={"law": "chinchilla"}))
    other = (dataclasses.replace(made[0], sha256="3" * 64),)
    assert not acceptances.stands("s", dataclasses.replace(now, outputs=other))
    assert not acceptances.stands("s", dataclasses.replace(now, code=Code(C, {})))
