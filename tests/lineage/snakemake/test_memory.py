"""What Snakemake is made to remember, in its own files."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import RecordedInput
from scaletrace.jobs import command
from scaletrace.lineage.snakemake import memory
from tests.lineage import small_study
from tests.lineage.small_study import TABLE

FOLDER = Path(".snakemake/metadata")


def test_the_file_has_the_outputs_name_in_base64(folder):
    memory.remember("fit", "run it", ["results/s/x"], [], [])
    (path,) = FOLDER.iterdir()
    assert path.name == "cmVzdWx0cy9zL3g="
    assert urlsafe_b64decode(path.name) == b"results/s/x"


def test_a_name_that_is_too_long_is_divided(folder):
    name = "results/s/" + "x" * 400
    memory.remember("fit", "run it", [name], [], [])
    (path,) = (path for path in FOLDER.rglob("*") if path.is_file())
    parts = path.relative_to(FOLDER).parts
    assert [part[0] for part in parts[:-1]] == ["@"] * (len(parts) - 1)
    assert urlsafe_b64decode("".join(part.removeprefix("@") for part in parts)) == name.encode()
    assert memory.rule_code(name) == "run it"


def test_what_is_remembered(folder):
    small = RecordedInput("a", "results/s/small", "a" * 64, "b" * 32, 1_000_000, None)
    large = RecordedInput("b", "results/s/large", "c" * 64, "d" * 32, 1_000_001, None)
    memory.remember("fit", "run it", ["x", "y"], [small, large], ["p", 1], 5.0, 7.0)
    contents = [json.loads(path.read_text()) for path in FOLDER.iterdir()]
    assert contents[0] == contents[1]
    assert contents[0] == {
        "rule": "fit",
        "input": ["results/s/large", "results/s/small"],
        "log": [],
        "params": ["'p'", "1"],
        "code": "run it",
        "record_format_version": 6,
        # The CRC-32 of x.
        "job_hash": 0x8CDC1683,
        "starttime": 5.0,
        "endtime": 7.0,
        "incomplete": False,
        "input_checksums": {
            "results/s/small": f"sha256:{'a' * 64}",
            "results/s/large": f"sha256:{'c' * 64}",
        },
    }


def test_a_recorded_job_is_remembered_as_it_was(study):
    job = small_study.record()
    memory.remember_record(job.record, "s", "run it", job.identity.code.fingerprint)
    assert memory.rule_code(TABLE) == "run it"
    assert memory.remembered(job.record, TABLE, job.path) == command.AskedJob(
        rule="observe",
        fingerprint=small_study.CODE.fingerprint,
        wildcards={},
        inputs={"": [small_study.EVALUATION]},
        outputs={"observations": TABLE},
        settings={},
        record=job.path,
    )


def test_settings_too_long_for_a_command_come_from_their_file(study, monkeypatch):
    monkeypatch.setattr(command, "LONGEST_ARGUMENT", 5)
    job = small_study.record("evaluate", {"run": "a"})
    memory.remember_record(job.record, "s", "run it", job.identity.code.fingerprint)
    with pytest.raises(BadInput, match="what snakemake remembers is not readable"):
        memory.remembered(job.record, small_study.EVALUATION, job.path)
    command.argument("s", job.identity.settings)
    found = memory.remembered(job.record, small_study.EVALUATION, job.path)
    assert found.settings == {"rate": 0.1}


@pytest.mark.parametrize("content", [None, "{", "[" * 99])
def test_what_is_not_remembered(folder, content):
    memory.remember("fit", "run it", ["x"], [], [])
    (path,) = FOLDER.iterdir()
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(BadInput, match=r"^x: snakemake remembers nothing of it"):
        memory.rule_code("x")


@pytest.mark.parametrize("params", [[], ["observe@1"], ["'observe@1'", "'{'"], [3], None])
def test_what_rules_do_not_write_is_refused(study, params):
    job = small_study.record()
    memory.remember_record(job.record, "s", "run it", job.identity.code.fingerprint)
    (path,) = FOLDER.iterdir()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"params": params}))
    with pytest.raises(BadInput, match=f"^{TABLE}: what snakemake remembers is not readable"):
        memory.remembered(job.record, TABLE, job.path)


def test_code_that_was_accepted_takes_the_name_of_todays(study):
    job = small_study.record()
    memory.remember_record(job.record, "s", "run it", "b" * 64)
    assert not memory.rename_code(job.record, "d" * 64, {"c" * 64}.__contains__)
    assert memory.remembered(job.record, TABLE, job.path).fingerprint == "b" * 64
    assert memory.rename_code(job.record, "d" * 64, {"b" * 64}.__contains__)
    assert memory.remembered(job.record, TABLE, job.path).fingerprint == "d" * 64
    assert not memory.rename_code(job.record, "d" * 64, {"d" * 64}.__contains__)
    assert {path.name for path in FOLDER.parent.iterdir()} == {"metadata"}


@pytest.mark.parametrize("content", [None, "{", "[]", '{"params": 3}', '{"params": [3]}', "{}"])
def test_code_is_not_renamed_in_what_is_no_memory(study, content):
    job = small_study.record()
    memory.remember_record(job.record, "s", "run it", "b" * 64)
    (path,) = FOLDER.iterdir()
    path.unlink() if content is None else path.write_text(content)
    assert not memory.rename_code(job.record, "d" * 64, lambda _: True)
    assert not path.exists() or path.read_text() == content
