"""Numbers as people write them."""

import math

import pytest

from scaletrace.formats.written_numbers import is_missing, number


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(("3e8", 3e8), ("1_000", 1e3), ("1,000", 1e3), ("1,234,567.5", 1234567.5), ("-5", -5.0)),
        *(("1.5B", 1.5e9), ("20M", 2e7), ("2.1T", 2.1e12), ("7 k", 7e3), ("1.1b", 1.1e9)),
        *(("0.5 bn", 5e8), ("77.9%", 0.779), ("77.9 %", 0.779), ("1,000M", 1e9), ("inf", math.inf)),
    ],
)
def test_numbers(cell, value):
    assert number(cell) == value


@pytest.mark.parametrize(
    "cell", ["oops", "1,00", "0,500", "1.5X", "M", "B", "", "1 000", "1,5", "%"]
)
def test_no_numbers(cell):
    assert math.isnan(number(cell))


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "n/a", "null", "None", "-", "<NA>"])
def test_missing(cell):
    assert is_missing(cell)
    assert math.isnan(number(cell))
