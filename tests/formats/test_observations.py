import math
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.observations import (
    COLUMNS,
    read_cells,
    read_observations,
    write_observations,
)

ROW = {"run": "a", "size": "d16-l2", "family": "decoder", "seed": 0, "budget": "1M", "status": "ok"}
ROW |= {"n_non_embedding": 6148, "n_total": 38916, "n_with_head": 22532, "n_tokens": 1000}
ROW |= {"loss": 3.3000000000000003, "loss_se": 0.01}


def table(folder: Path, *rows: dict) -> Path:
    path = folder / "observations.csv"
    write_observations(path, rows)
    return path


def test_what_was_written_is_read_digit_by_digit(tmp_path: Path):
    path = table(tmp_path, ROW, {**ROW, "run": "b", "loss": None, "loss_se": None})
    first, second = read_observations(path, "with_head")
    assert (first.run, first.seed, first.n, first.d) == ("a", "0", 22532.0, 1000.0)
    assert first.loss == 3.3000000000000003
    assert math.isnan(second.loss)
    assert path.read_bytes().startswith((",".join(COLUMNS) + "\na,d16-l2,decoder,0,1M,").encode())


def test_the_recorded_table_is_read():
    path = Path(__file__).parents[2] / "results/example/observations.csv"
    observed = read_observations(path, "non_embedding")
    assert len(observed) == 68
    assert observed[0].n == 6146.0
    assert read_cells(path)[0]["n_non_embedding"] == "6146"


def test_a_table_of_another_release_may_have_other_columns(tmp_path: Path):
    path = tmp_path / "t.csv"
    names = [name for name in COLUMNS if name in ROW]
    path.write_text(
        ",".join([*names, "more"]) + "\n" + ",".join(f"{ROW[n]}" for n in names) + ",x\n"
    )
    assert read_observations(path, "total")[0].n == 38916.0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("n_total", value) for value in ("x", "", 0, -1, "nan", "inf", "1e999", None)),
        *(("n_tokens", value) for value in ("", "1 2", "0x10")),
        *(("loss", value) for value in ("x", "nan", -1.0, 0.0, "9" * 400)),
        *(("loss_se", value) for value in ("x", -0.1, "inf")),
    ],
)
def test_a_cell_that_is_no_number_is_one_sentence(tmp_path: Path, column: str, value: object):
    with pytest.raises(BadInput, match=rf"run 'a', column {column}: found .* number is needed"):
        read_observations(table(tmp_path, {**ROW, column: value}), "total")


def test_what_is_no_table_is_one_sentence(tmp_path: Path):
    path = tmp_path / "t.csv"
    for content, said in (
        (b"run,size\na,b\n", "no column family"),
        (b"a\n1\n", "no column run"),
        (b"run,size\na\n", "not a table of observations"),
        (b'run\n"a', "not a table of observations"),
        (b"run\n\xff\n", "not a table of observations"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=said):
            read_observations(path, "total")
    with pytest.raises(BadInput, match="no column n_all"):
        read_observations(table(tmp_path, ROW), "all")
    with pytest.raises(BadInput, match="cannot be read"):
        read_cells(tmp_path / "absent.csv")
