import json
from dataclasses import asdict
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import EvaluatedRun, read_evaluation, write_evaluation

SOUND = EvaluatedRun("ok", 80, 20, 2.75, 0.25, 1.5, 15.6)


def test_what_was_written_is_read(tmp_path: Path):
    write_evaluation(tmp_path / "a.json", SOUND)
    assert read_evaluation(tmp_path / "a.json") == SOUND
    assert '"bits_per_byte": 1.5,\n  "loss": 2.75' in (tmp_path / "a.json").read_text()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status", "good"),
        ("loss", "2"),
        ("loss", float("nan")),
        ("windows", "20"),
        ("tokens", None),
    ],
)
def test_another_value_is_one_sentence(tmp_path: Path, key: str, value: object):
    (tmp_path / "a.json").write_text(json.dumps(asdict(SOUND) | {key: value}))
    with pytest.raises(BadInput, match=rf"a\.json: not an evaluation \({key}: found"):
        read_evaluation(tmp_path / "a.json")


def test_a_key_that_is_missing_is_one_sentence(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(BadInput, match=r"\(status: missing\)"):
        read_evaluation(tmp_path / "a.json")
