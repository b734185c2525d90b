"""The command of a job, written and read back."""

import hashlib
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.jobs import command
from scaletrace.jobs.command import PROGRAM, AskedJob

RECORD = Path("provenance/jobs/s/evaluate/run=a.json")


def test_a_value_is_its_json():
    text = '{"a": 1, "b": [null, "x"]}'
    name = hashlib.sha256(text.encode()).hexdigest()
    path = Path(f"work/s/arguments/{name}.json")
    assert command.word("s", {"b": [None, "x"], "a": 1}) == (text, text, path)
    assert command.value(text) == {"b": [None, "x"], "a": 1}


def test_a_long_value_goes_by_a_file(folder, monkeypatch):
    monkeypatch.setattr(command, "LONGEST_ARGUMENT", 4)
    assert command.argument("s", 123) == "123"
    assert not Path("work").exists()
    short = command.argument("s", 12345)
    (path,) = Path("work/s/arguments").iterdir()
    assert short == f"@{path}"
    written = path.stat().st_mtime_ns
    assert command.argument("s", 12345) == short
    assert path.stat().st_mtime_ns == written
    assert command.value(short) == command.value(short, folder) == 12345


def test_a_jobs_files_are_described_by_name():
    described = command.describe("s", {"seed": 0}, {"a": "x", "b": ["y", Path("z")]}, {"o": "p"})
    assert command.value(described) == {
        "wildcards": {"seed": "0"},
        "inputs": {"a": ["x"], "b": ["y", "z"]},
        "outputs": {"o": "p"},
    }


def line(job, settings="{}"):
    return f"  nice {PROGRAM}evaluate@abc --study s --job '{job}' --threads 1 --settings {settings}"


def test_what_was_written_is_read():
    described = command.describe("s", {"run": "a"}, {"model": "m"}, {"result": "r"})
    assert command.parse(line(described, '\'{"split": "it is"}\'')) == AskedJob(
        rule="evaluate",
        fingerprint="abc",
        wildcards={"run": "a"},
        inputs={"model": ["m"]},
        outputs={"result": "r"},
        settings={"split": "it is"},
        record=RECORD,
    )


def test_a_line_without_a_job_is_none():
    assert command.parse("rule evaluate:") is None


@pytest.mark.parametrize(
    "words",
    [
        PROGRAM,
        f"{PROGRAM}evaluate@abc --study s",
        f"{PROGRAM}evaluate@abc --study s --job '",
        line("@gone.json"),
        line("[]"),
        line('{"wildcards": {}}'),
        line('{"wildcards": {}, "inputs": {}, "outputs": {}, "more": 1}'),
        line("{"),
    ],
)
def test_a_command_that_rules_do_not_write_is_refused(folder, words):
    with pytest.raises(BadInput, match=r"^rules: a job's command cannot be read \("):
        command.parse(words)
