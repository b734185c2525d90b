import json
from dataclasses import asdict
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.trial import TrialResult, read_trial, write_trial

SOUND = TrialResult("diverged", None, None)


def test_what_was_written_is_read(tmp_path: Path):
    write_trial(tmp_path / "a.json", SOUND)
    assert read_trial(tmp_path / "a.json") == SOUND
    assert (
        '"loss": null,\n  "loss_se": null,\n  "status": "diverged"'
        in (tmp_path / "a.json").read_text()
    )


@pytest.mark.parametrize(
    ("key", "value"), [("status", "failed"), ("loss", "2"), ("loss_se", float("inf"))]
)
def test_another_value_is_one_sentence(tmp_path: Path, key: str, value: object):
    (tmp_path / "a.json").write_text(json.dumps(asdict(SOUND) | {key: value}))
    with pytest.raises(BadInput, match=rf"a\.json: not the result of a trial \({key}: found"):
        read_trial(tmp_path / "a.json")


def test_a_key_that_is_missing_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(BadInput, match=r"\(status: missing\)"):
        read_trial(tmp_path / "a.json")
