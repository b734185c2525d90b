"""Results that a job leaves in its working folder."""

from pathlib import Path

import pytest

from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import kept

WORK, MODEL, CURVE = Path("work/s/x"), Path("results/s/model"), Path("results/s/curve")
NAMES = {"model": MODEL, "curve": CURVE}


@pytest.fixture
def finished(folder):
    """Two results, kept in the working folder."""
    MODEL.parent.mkdir(parents=True)
    (WORK / "half").mkdir(parents=True)
    (WORK / "state").touch()
    (WORK / "attempts.json").touch()
    MODEL.write_text("m")
    CURVE.write_text("c")
    outputs = [RecordedFile.at(name, str(path)) for name, path in NAMES.items()]
    kept.keep(WORK, outputs, NAMES, {"start": 1.0})


def names():
    return sorted(path.name for path in WORK.iterdir())


def test_results_take_no_space_and_all_else_goes(finished):
    assert names() == ["attempts.json", "finished"]
    assert (WORK / "finished/model").samefile(MODEL)


def test_lost_results_are_put_back(finished):
    MODEL.unlink()
    CURVE.unlink()
    CURVE.write_text("half")
    assert kept.put_back(WORK, NAMES) == {"start": 1.0}
    assert (MODEL.read_text(), CURVE.read_text()) == ("m", "c")
    assert (WORK / "finished/model").samefile(MODEL)


def test_results_that_were_changed_are_passed_over(finished):
    (WORK / "finished/curve").write_text("edited")
    MODEL.unlink()
    assert kept.put_back(WORK, NAMES) is None
    assert not MODEL.exists()


def test_other_names_are_passed_over(finished):
    assert kept.put_back(WORK, {"model": MODEL}) is None
    assert kept.put_back(Path("work/s/other"), NAMES) is None
    (WORK / "finished/job.json").write_text("{}")
    assert kept.put_back(WORK, NAMES) is None


def test_what_a_study_kept_is_forgotten_but_not_under_a_job(finished):
    (WORK / "lease.json").touch()
    kept.forget("s")
    assert names() == ["attempts.json", "finished", "lease.json"]
    (WORK / "lease.json").unlink()
    kept.forget("t")
    assert WORK.exists()
    kept.forget("s")
    assert not WORK.exists()
    assert MODEL.read_text() == "m"
