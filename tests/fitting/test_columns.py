"""Columns by names that people use, in the units of their headers, or an error that asks."""

from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.fitting.columns import Column, find
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import RunsTable


def table(header: str, *rows: str) -> RunsTable:
    cells = [row.split("|") for row in rows or ["|".join("1" for _ in header.split("|"))]]
    columns = dict(zip(header.split("|"), map(list, zip(*cells, strict=True)), strict=True))
    return RunsTable(Path("t.csv"), columns, list(range(2, 2 + len(cells))))


def chosen(**settings) -> Settings:
    return Settings("chinchilla", None, **settings)


@pytest.mark.parametrize(
    ("quantity", "header", "factor"),
    [
        *(("n", name, 1.0) for name in ("N", "params", "Parameters", "num_params", "n_params")),
        *(("n", name, 1e6) for name in ("params (M)", "N [millions]", "params_m", "paramsM")),
        *(("n", name, 1e6) for name in ("n_params_million", "M params", "config.params (M)")),
        *(("d", name, 1.0) for name in ("D", "tokens", "train/tokens", "n_tokens", "TOKENS")),
        *(("d", name, 1e9) for name in ("tokens_B", "tokens (B)", "Training tokens (billions)")),
        *(("c", name, 1.0) for name in ("C", "flops", "compute", "Training compute (FLOP)")),
        *(("c", name, 1e18) for name in ("flops (1e18)", "C (EFLOPs)", "exaflops", "EFLOPs")),
        *(("c", name, 1e15 * 86400) for name in ("compute (PF-days)", "compute_pf_days")),
        *(("loss", name, 1.0) for name in ("L", "Loss", "val_loss", "eval/loss", "loss (nats)")),
        *(("loss", name, 1.0) for name in ("run1 - val/loss", "summary.eval/loss", "val_bpb")),
        *(("loss", name, 1.0) for name in ("ppl", "Test accuracy", "error", "c4_loss")),
        *((("loss", "error (%)", 0.01),)),
        *((("n_opt", "n_opt", 1.0), ("u", "unique_tokens", 1.0))),
    ],
)
def test_usual_names(quantity, header, factor):
    found = find(table(f"{header}|steps"), quantity, chosen())
    assert found is not None
    assert (found.name, found.factor) == (header, pytest.approx(factor))


def test_better_names_win_and_a_study_keeps_its_own():
    study = table("size|n_non_embedding|n_total|n_with_head|loss|bits_per_byte|perplexity|budget")
    assert find(study, "n", chosen()) == Column("n_non_embedding")
    assert find(study, "loss", chosen()) == Column("loss")
    assert find(table("train_loss|val_loss|val_ppl"), "loss", chosen()) == Column("val_loss")
    assert find(table("L|val_loss"), "loss", chosen()) == Column("val_loss")
    assert find(table("size|params"), "n", chosen()) == Column("params")


def test_doubtful_names_need_numbers():
    assert find(table("size", "small", "large"), "n", chosen()) is None
    assert find(table("size", "1e6", "2e6"), "n", chosen()) == Column("size")
    assert find(table("L", "12", "-"), "loss", chosen()) == Column("L")


def test_two_of_equal_rank_are_an_error_unless_they_say_the_same():
    two = table("val_loss|test_loss", "3.1|3.2")
    with pytest.raises(BadInput, match=r"'val_loss', 'test_loss' could each be the loss: .*--loss"):
        find(two, "loss", chosen())
    assert find(two, "loss", chosen(loss="test_loss")) == Column("test_loss")
    same = table("params|params (M)", "2e6|2", "3e6|3")
    assert find(same, "n", chosen()) == Column("params")


def test_columns_that_were_asked_for():
    assert find(table("Width|x"), "n", chosen(n="width")) == Column("Width")
    assert find(table("tokens (B)|x"), "d", chosen(d="tokens (B)")) == Column("tokens (B)", 1e9)
    scaled = chosen(d="tokens (B)", scale={"d": 2.0})
    assert find(table("tokens (B)|x"), "d", scaled) == Column("tokens (B)", 2.0)
    with pytest.raises(BadInput, match="no column 'width'; the table has Width, WIDTH"):
        find(table("Width|WIDTH"), "n", chosen(n="width"))


def test_a_unit_in_header_and_cells_counts_once():
    twice = table("params (M)|x", "20M|1", "1.5B|1")
    assert find(twice, "n", chosen()) == Column("params (M)", 1.0)
    mixed = table("params (M)|x", "20M|1", "50|1")
    with pytest.raises(BadInput, match="'20M' has a unit of its own, and others have none"):
        find(mixed, "n", chosen())


def test_a_name_of_another_quantity_is_no_name_with_a_unit():
    assert find(table("width|n_tokens"), "n", chosen()) is None
    assert find(table("n_total|n_tokens"), "n", chosen()) == Column("n_total", 1.0)
