import errno
from pathlib import Path

import pytest
import torch

from scaletrace.errors import BadInput
from scaletrace.formats import checkpoints
from scaletrace.formats.checkpoints import (
    DamagedCheckpointError,
    Generations,
    read_checkpoint,
    write_checkpoint,
)

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(4, dtype=torch.float64)}


def test_round_trip_and_equal_bytes(tmp_path: Path):
    facts = {"step": 3, "model": {"width": 8}, "status": "ok", "seed": 1}
    write_checkpoint(tmp_path / "one", TENSORS, facts)
    write_checkpoint(
        tmp_path / "two", dict(reversed(TENSORS.items())), dict(reversed(facts.items()))
    )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    tensors, found = read_checkpoint(tmp_path / "one")
    assert found == facts
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("place", [0, 20, 150, -9, -1])
def test_one_changed_byte_anywhere_is_noticed(tmp_path: Path, place: int):
    path = tmp_path / "state"
    write_checkpoint(path, TENSORS, {"step": 3})
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match="damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_torn_file_is_noticed(tmp_path: Path, kept: int):
    path = tmp_path / "state"
    write_checkpoint(path, TENSORS, {"step": 3})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedCheckpointError, match="damaged"):
        read_checkpoint(path)


def test_generations_keep_the_two_newest(tmp_path: Path):
    generations = Generations(tmp_path)
    assert generations.newest() is None
    for step in (1, 2, 3):
        generations.save(TENSORS, {"step": step})
    steps = {read_checkpoint(path)[1]["step"] for path in tmp_path.iterdir()}
    assert steps == {2, 3}


def test_a_damaged_generation_falls_back_and_is_replaced(tmp_path: Path, capsys):
    generations = Generations(tmp_path)
    for step in (1, 2):
        generations.save(TENSORS, {"step": step})
    newest = max(tmp_path.iterdir(), key=lambda path: read_checkpoint(path)[1]["step"])
    newest.write_bytes(newest.read_bytes()[:50])
    again = Generations(tmp_path)
    found = again.newest()
    assert found is not None
    assert found[1]["step"] == 1
    assert f"{newest} is damaged" in capsys.readouterr().out
    again.save(TENSORS, {"step": 5})
    assert read_checkpoint(newest)[1]["step"] == 5


def test_a_full_disk_is_one_sentence_and_costs_nothing(tmp_path: Path, monkeypatch):
    generations = Generations(tmp_path)
    for step in (1, 2):
        generations.save(TENSORS, {"step": step})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints.Path, "write_bytes", full)
    with pytest.raises(BadInput, match=r"cannot be written there .No space left on device"):
        generations.save(TENSORS, {"step": 3})
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
