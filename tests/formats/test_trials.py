import math
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.trials import COLUMNS, read_trials, write_trials

ROW = dict.fromkeys(COLUMNS, "x") | {"trial": "a", "size": "s", "used": "yes"}
ROW |= {"learning_rate": 0.1 + 0.2, "batch_tokens": 1024, "beta2": 0.95, "loss": 3.5}
ROW |= {"n_tokens": 64_000, "weight_decay": 0.0}


def test_what_was_written_is_read(tmp_path: Path):
    diverged = {**ROW, "trial": "b", "loss": None, "used": "no"}
    write_trials(tmp_path / "trials.csv", [ROW, diverged])
    first, second = read_trials(tmp_path / "trials.csv")
    assert (first.trial, first.learning_rate, first.batch_tokens) == ("a", 0.1 + 0.2, 1024)
    assert (first.loss, first.used) == (3.5, True)
    assert (first.n_tokens, first.weight_decay) == (64_000, 0.0)
    assert math.isnan(second.loss)
    assert not second.used


def test_a_table_from_before_decays_were_tried_is_read(tmp_path: Path):
    write_trials(tmp_path / "trials.csv", [{**ROW, "weight_decay": None}])
    text = (tmp_path / "trials.csv").read_text()
    (tmp_path / "trials.csv").write_text(text.replace("weight_decay", "other"))
    assert read_trials(tmp_path / "trials.csv")[0].weight_decay is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("learning_rate", "x"), ("beta2", ""), ("loss", "nan"), ("batch_tokens", 0)],
)
def test_a_cell_that_is_no_number_is_one_sentence(tmp_path: Path, column: str, value: object):
    write_trials(tmp_path / "trials.csv", [{**ROW, column: value}])
    with pytest.raises(BadInput, match=r"trials\.csv: not a table of trials") as refused:
        read_trials(tmp_path / "trials.csv")
    assert "\n" not in str(refused.value)


def test_what_is_no_table_is_one_sentence(tmp_path: Path):
    (tmp_path / "trials.csv").write_text("trial\na\n")
    with pytest.raises(BadInput, match="no column learning_rate"):
        read_trials(tmp_path / "trials.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        read_trials(tmp_path / "absent.csv")
