"""Events of a study's history: their names, and what is none."""

import dataclasses
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import EvaluatedRun
from scaletrace.formats.history import (
    Evaluated,
    Failed,
    Fitted,
    Used,
    event_in,
    read_event,
    write_event,
)

LOSS = EvaluatedRun("ok", 80, 20, 2.5, 0.25, 1.5, 12.0)
MEASURED = Evaluated("a" * 64, 1.0, "d8-l1-s0-1M", LOSS, "b" * 64)
EVENTS = [
    MEASURED,
    Used("a" * 64, 1.0),
    Failed(None, 1.0, "anneal", {"run": "x"}, "killed"),
    Fitted(None, 1.0, "power_n", "power_n", {"alpha": 0.1}, "c" * 64, "b" * 64),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_written(tmp_path, event):
    write_event(tmp_path, event)
    (path,) = tmp_path.iterdir()
    assert path.name == event.name
    assert read_event(path) == event


def test_the_same_outcome_again_adds_no_file_and_another_does(tmp_path):
    write_event(tmp_path, MEASURED)
    again = dataclasses.replace(MEASURED, when=2.0, record="c" * 64, study_file=None)
    assert again.name != MEASURED.name
    write_event(tmp_path, again)
    assert [path.name for path in tmp_path.iterdir()] == [MEASURED.name]
    other = dataclasses.replace(LOSS, loss=2.4)
    write_event(tmp_path, dataclasses.replace(MEASURED, evaluation=other))
    assert len(list(tmp_path.iterdir())) == 2


def test_an_edit_of_an_event_is_found_by_its_name(tmp_path):
    write_event(tmp_path, MEASURED)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for edited in (content.replace(b"2.5", b"2.6"), content.replace(b"\n", b"\n\n", 1)):
        with pytest.raises(BadInput, match="its content belongs to the name evaluated-"):
            event_in(edited, path)
    for other, said in (("run.json", "names begin with used"), ("used-1-2.json", "when|belongs")):
        with pytest.raises(BadInput, match=said):
            event_in(content, Path(other))
    with pytest.raises(BadInput, match="cannot be read"):
        read_event(tmp_path / "absent.json")
