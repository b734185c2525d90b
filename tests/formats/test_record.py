"""Job records: read with types, checked, refused in a sentence that names the place, written."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import (
    Attempt,
    Code,
    Identity,
    RecordedFile,
    identifier,
    inside,
    new_record,
    parse_record,
    read_record,
    record_from_bytes,
    require_circumstances,
    seal_of,
)

EXAMPLE = Path(__file__).parents[2] / "provenance/jobs/example"
# Written before fingerprints had a scheme of their own.
EARLIER = Path(__file__).parent / "earlier"
A, B, C = "a" * 64, "b" * 64, "c" * 32
# The record of an earlier release, which names no scheme.
OLD = {
    "id": "",
    "identity": {
        "rule": "anneal",
        "wildcards": {"run": "d8-l1-s0-32k"},
        "settings": {"learning_rate": 0.01, "compute": {"device": "cuda", "processes": 2}},
        "code": {"fingerprint": A, "modules": {"scaletrace": B}},
        "inputs": [
            {"name": "tokens", "path": "../raw", "sha256": A, "md5": C, "size": 7, "record": None},
            {"name": "state", "path": "results/s", "sha256": B, "md5": C, "size": 8, "record": A},
        ],
        "outputs": [{"name": "model", "path": "results/m", "sha256": B, "md5": C, "size": 9}],
    },
    "circumstances": {
        "start": 1000,
        "end": 1060.5,
        "seconds": 60.5,
        "host": "vm",
        "node": "n1",
        "environment": A,
        "git": {"commit": "0" * 40, "changed": [" M src/x.py"]},
        "matrix": {"flops_per_s": 6e10, "kind": "fp32"},
        "measured": {"seconds": 50.0, "tokens": 32_000, "processes": []},
        "requested": None,
        "attempts": [{"host": "vm", "pid": 1, "start": 900, "problem": "x"}, {"start": 1000}],
    },
}


def sealed(raw):
    raw["id"] = identifier(raw["identity"])
    return {**raw, "seal": seal_of(raw)}


def written(path, raw):
    files.write_json(path, raw)
    return path


def changed(place, value):
    """The record with another value at a place such as identity.inputs.0; None: without it."""
    raw = {**copy.deepcopy(OLD), "id": A}
    part: Any = raw
    *parents, name = (int(word) if word.isdigit() else word for word in place.split("."))
    for parent in parents:
        part = part[parent]
    if value is None:
        del part[name]
    else:
        part[name] = value
    return raw


@pytest.mark.parametrize(
    ("settings", "device"),
    [
        ({"model": {}}, "cpu"),
        ({"compute": {"device": "cpu", "processes": 2}}, "cpu"),
        ({"compute": {"device": "cuda", "processes": 2}}, "cuda"),
        ({"split": "valid", "device": "cuda"}, "cuda"),
    ],
)
def test_settings_tell_what_a_job_computed_on(settings, device):
    assert Identity("evaluate", {}, settings, Code(A, {}), (), ()).device == device


def test_a_record_is_read_with_types(tmp_path):
    record = read_record(written(tmp_path / "r.json", sealed(copy.deepcopy(OLD))))
    identity, circumstances = record.identity, record.circumstances
    assert (identity.rule, identity.wildcards) == ("anneal", {"run": "d8-l1-s0-32k"})
    assert (identity.device, identity.processes) == ("cuda", 2)
    assert identity.code == Code(A, {"scaletrace": B}, scheme=1)
    raw_text, state = identity.inputs
    assert (raw_text.path, raw_text.size, raw_text.record) == ("../raw", 7, None)
    assert (state.name, state.sha256, state.md5, state.record) == ("state", B, C, A)
    assert identity.output("model") == RecordedFile("model", "results/m", B, C, 9)
    assert identity.output("curve") is None
    assert (circumstances.start, circumstances.end, circumstances.seconds) == (1000, 1060.5, 60.5)
    assert (circumstances.host, circumstances.node, circumstances.gpu) == ("vm", "n1", None)
    assert circumstances.git.commit == "0" * 40
    assert circumstances.git.changed == [" M src/x.py"]
    assert circumstances.matrix.flops_per_s == 6e10
    assert (circumstances.measured.tokens, circumstances.measured.tokens_per_s) == (32_000, None)
    assert circumstances.requested.cpus is None
    assert circumstances.attempts == (
        Attempt(start=900, host="vm", problem="x"),
        Attempt(start=1000),
    )
    require_circumstances(record, tmp_path)


def test_the_hashes_of_a_record_are_known():
    """Of canonical JSON: sorted keys, no spaces, ASCII; a change breaks every record."""
    assert identifier({"b": [1, 2.5], "a": "ü"}) == (
        "4100d84bc3f7444eff7eb87d6a8862a54770e855528e065194226b3a96b40b66"
    )
    assert seal_of({"id": A, "circumstances": {}, "identity": {}}) == identifier(
        {"circumstances": {}, "id": A}
    )


def test_records_of_the_example_and_of_earlier_releases_verify():
    paths = [*sorted(EXAMPLE.glob("*/*.json")), *sorted(EARLIER.glob("[!r]*.json"))]
    paths += EARLIER.glob("run=*.json")
    assert len(paths) > 100
    for path in paths:
        record = read_record(path)
        require_circumstances(record, path)
        assert record.seal == record.hashed_seal
        assert record.identity.code.scheme == (1 if path.parent == EARLIER else 2)
        # What is typed is all that the identity holds.
        assert record.identity.as_json() == record.raw["identity"]
        assert files.to_json(record.raw).encode() == path.read_bytes()


def test_what_is_written_is_what_is_read(tmp_path):
    record = new_record(
        Identity(
            rule="vocab",
            wildcards={},
            settings={"kind": "bytes"},
            code=Code(A, {"scaletrace": B}),
            inputs=(RecordedFile("train", "results/t", A, C, 3).made_by(B),),
            outputs=(RecordedFile("vocabulary", "results/v", A, C, 3),),
        ),
        {"start": 1.0, "seconds": 2.0, "new": {"of a later": "release"}},
    )
    again = read_record(written(tmp_path / "r.json", record.raw))
    assert again == record
    assert again.seal == again.hashed_seal
    # The first scheme goes without saying, as in the records that are there.
    assert record.raw["identity"]["code"] == {"fingerprint": A, "modules": {"scaletrace": B}}


def test_a_later_scheme_is_named_in_the_record(tmp_path):
    assert Code(A, {}, scheme=2).as_json() == {"fingerprint": A, "modules": {}, "scheme": 2}
    path = written(tmp_path / "r.json", sealed(changed("identity.code.scheme", 2)))
    assert read_record(path).identity.code.scheme == 2


def test_keys_of_another_release_are_kept_and_hashed(tmp_path):
    raw = copy.deepcopy(OLD)
    raw["identity"]["later"] = raw["identity"]["outputs"][0]["mode"] = 1
    raw["circumstances"]["later"] = {"x": 1}
    path = written(tmp_path / "r.json", sealed(raw))
    record = read_record(path)
    assert record.seal == record.hashed_seal
    assert files.to_json(record.raw).encode() == path.read_bytes()
    without = copy.deepcopy(raw)
    del without["identity"]["later"]
    assert record.id != identifier(without["identity"])


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("identity", None, "'identity'"),
        ("identity.rule", None, "'rule'"),
        ("identity.rule", ["x"], "found \"['x']\" where a str belongs"),
        ("identity.wildcards", [], "found '[]' where a dict belongs"),
        ("identity.wildcards", {"run": 3}, "wildcards and modules are text"),
        ("identity.code.modules", {"scaletrace": 3}, "wildcards and modules are text"),
        ("identity.code.fingerprint", 7, "found '7' where a str belongs"),
        ("identity.code.scheme", "2", "code.scheme: found '2'"),
        ("identity.code.scheme", True, "code.scheme: found 'True'"),
        ("identity.code.scheme", 0, "code.scheme: found '0'"),
        ("identity.inputs", {}, "found '{}' where a list belongs"),
        ("identity.inputs.0", "x", "string indices"),
        ("identity.inputs.0.sha256", "A" * 64, "where a file with its hashes belongs"),
        ("identity.inputs.0.md5", "0", "where a file with its hashes belongs"),
        ("identity.inputs.0.size", "7", "where a file with its hashes belongs"),
        ("identity.inputs.0.path", 7, "where a file with its hashes belongs"),
        ("identity.inputs.1.record", "x", "'results/s': record: found 'x'"),
        ("identity.outputs.0.name", None, "'name'"),
        ("identity.outputs.0.path", "/etc/x", "outputs: found '/etc/x', which is not in results/"),
        ("identity.outputs.0.path", "results/../x", "which is not in results/"),
        ("identity.outputs.0.path", "config/x", "which is not in results/"),
        ("identity.settings.compute", [], "settings.compute: found '[]'"),
        ("identity.settings.compute", {"processes": 0}, "settings.compute: found"),
        ("circumstances", [], "found '[]' where a dict belongs"),
    ],
)
def test_a_record_of_another_form_is_refused_by_place(tmp_path, place, value, words):
    path = written(tmp_path / "r.json", changed(place, value))
    with pytest.raises(BadInput) as refused:
        parse_record(path)
    assert str(refused.value).startswith(f"{path}: no readable job record (")
    assert words in str(refused.value)


def test_an_id_of_another_identity_is_refused_where_it_counts(tmp_path):
    raw = sealed(copy.deepcopy(OLD))
    raw["identity"]["settings"]["learning_rate"] = 0.02
    path = written(tmp_path / "r.json", raw)
    assert parse_record(path).id == raw["id"] != parse_record(path).hashed_id
    with pytest.raises(BadInput, match=r"id: found .*; its identity hashes to"):
        read_record(path)
    with pytest.raises(BadInput, match="id: found 'x'"):
        parse_record(written(path, {**raw, "id": "x"}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"\xff", "utf-8"),
        (b"[]", "list indices"),
        (b"[" * 100_000, "nested deeper than 20 levels"),
        (b'{"a": ' * 30 + b"1" + b"}" * 30, "nested deeper than 20 levels"),
        (b'{"id": ' + b"1" * 5_000 + b"}", "a number of 5000 digits"),
        (json.dumps({**OLD, "id": A, "x": float("nan")}).encode(), "not JSON compliant"),
    ],
)
def test_hostile_content_is_a_sentence(content, words):
    with pytest.raises(BadInput, match=r"r\.json: no readable job record") as refused:
        record_from_bytes(content, Path("r.json"))
    assert words in str(refused.value)


def test_a_record_of_a_gigabyte_is_not_read(tmp_path):
    path = tmp_path / "r.json"
    path.touch()
    os.truncate(path, 1 << 30)
    with pytest.raises(BadInput, match=r"no readable job record .*at most"):
        parse_record(path)
    with pytest.raises(BadInput, match="no readable job record"):
        parse_record(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("start", None, "circumstances.start: found 'None'"),
        ("seconds", "60", "circumstances.seconds: found '60'"),
        ("host", 3, "circumstances.host: found '3'"),
        ("git", "x", "circumstances.git: found 'x'"),
        ("matrix.flops_per_s", "x", "circumstances.matrix.flops_per_s: found 'x'"),
        ("measured.tokens", [], "circumstances.measured.tokens: found '[]'"),
        ("measured", [1], "circumstances.measured: found '[1]'"),
        ("requested", {"minutes": "x"}, "circumstances.requested.minutes: found 'x'"),
        ("attempts", {}, "circumstances.attempts: found '{}'"),
        ("attempts", [1], "circumstances.attempts: found '[1]'"),
        ("attempts", [{"node": {}}], "circumstances.attempts.node: found '{}'"),
    ],
)
def test_circumstances_that_cannot_be_added_up_are_refused_or_left_aside(
    tmp_path, place, value, words
):
    path = written(tmp_path / "r.json", sealed(changed(f"circumstances.{place}", value)))
    record = read_record(path)
    with pytest.raises(BadInput) as refused:
        require_circumstances(record, path)
    assert str(refused.value) == f"{path}: {words}"
    # Without that check nothing of another kind gets through either.
    circumstances = record.circumstances
    values = [
        *(circumstances.start, circumstances.seconds, circumstances.host),
        *(circumstances.matrix.flops_per_s, circumstances.measured.tokens),
        *(circumstances.requested.minutes, circumstances.git.commit),
        *(attempt.node for attempt in circumstances.attempts),
    ]
    assert all(isinstance(one, int | float | str | None) for one in values)
    assert all(isinstance(one, int | float | None) for one in values[:2])


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("results/tiny/x.json", True),
        ("x", True),
        ("", False),
        ("/x", False),
        ("../x", False),
        ("x/../y", False),
        ("./x", False),
        ("x//y", False),
        ("x\\y", False),
        ("x\n", False),
    ],
)
def test_names_that_lead_out_of_the_repository(path, answer):
    assert inside(path) == answer
