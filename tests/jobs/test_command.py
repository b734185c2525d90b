"""The words of a job's command, written and read back."""

import hashlib
from pathlib import Path

from scaletrace.jobs import command


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
    assert command.value(short) == 12345


def test_a_jobs_files_are_described_by_name():
    described = command.describe("s", {"seed": 0}, {"a": "x", "b": ["y", Path("z")]}, {"o": "p"})
    assert command.value(described) == {
        "wildcards": {"seed": "0"},
        "inputs": {"a": ["x"], "b": ["y", "z"]},
        "outputs": {"o": "p"},
    }
    described = command.describe("s", {}, {}, {}, cached=False)
    assert command.value(described)["cached"] is False
