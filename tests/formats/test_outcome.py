import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.outcome import RunOutcome, read_outcome, write_outcome

SOUND = RunOutcome("ok", 30, 2.75, 1000)


def test_what_was_written_is_read(tmp_path: Path):
    write_outcome(tmp_path / "a.json", SOUND)
    assert read_outcome(tmp_path / "a.json") == SOUND
    assert (
        '"status": "ok",\n  "step": 30,\n  "train_loss": 2.75' in (tmp_path / "a.json").read_text()
    )


def test_skipped_steps_are_written_where_steps_can_be_skipped(tmp_path: Path):
    write_outcome(tmp_path / "a.json", SOUND)
    assert "skipped" not in json.loads((tmp_path / "a.json").read_text())
    write_outcome(tmp_path / "a.json", replace(SOUND, skipped=0))
    assert json.loads((tmp_path / "a.json").read_text())["skipped"] == 0
    assert read_outcome(tmp_path / "a.json") == replace(SOUND, skipped=0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "failed"),
        ("status", None),
        ("step", 1.5),
        ("train_loss", "2"),
        ("unique_tokens", True),
        ("skipped", 1.5),
    ],
)
def test_another_value_is_one_sentence(tmp_path: Path, key: str, value: object):
    (tmp_path / "a.json").write_text(json.dumps(asdict(SOUND) | {key: value}))
    with pytest.raises(BadInput, match=rf"a\.json: not how a run ended \({key}: found"):
        read_outcome(tmp_path / "a.json")


def test_a_key_that_is_missing_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(BadInput, match=r"\(status: missing\)"):
        read_outcome(tmp_path / "a.json")
