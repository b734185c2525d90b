"""N, D and C in units that do not go together are found, with the units that would."""

import numpy as np
import pytest

from scaletrace.fitting.agreement import disagreement, few_parameters
from scaletrace.fitting.columns import Numbers

N, D = (x.ravel() for x in np.meshgrid(np.geomspace(2e7, 1e9, 6), np.geomspace(5e8, 3e10, 4)))


def known(n: float = 1.0, d: float = 1.0, c: float = 1.0, without: str = "") -> dict[str, Numbers]:
    """Return the same runs, each variable divided by a unit."""
    values = {"n": N / n, "d": D / d, "c": 6 * N * D / c}
    return {v: Numbers(x, v) for v, x in values.items() if v not in without}


@pytest.mark.parametrize(
    ("units", "scales"),
    [
        ({"n": 1e6, "d": 1e9}, "--scale n=1e6 d=1e9"),
        ({"n": 1e6}, "--scale n=1e6,"),
        ({"d": 1e9}, "--scale d=1e9"),
        ({"n": 1e3}, "--scale n=1e3,"),
        ({"n": 1e6, "without": "d"}, "--scale n=1e6,"),
        ({"c": 8.64e19}, "--scale flops=8.64e19, or in the header: 'c (PF-days)'"),
        ({"c": 1e18}, "--scale flops=1e18, or in the header: 'c (EFLOPs)'"),
        ({"n": 1e9}, "--scale n=1e9,"),
        ({"n": 1e9, "without": "c"}, "less than one parameter"),
        ({"n": 1e6, "d": 1e9, "without": "c"}, "less than one token"),
    ],
)
def test_units_that_do_not_go_together(units, scales):
    said = disagreement(known(**units))
    assert said is not None
    assert scales in said


@pytest.mark.parametrize(
    "units",
    # Conventions of counting differ by up to some tens.
    [{}, {"n": 20.0}, {"c": 30.0}, {"c": 1 / 30.0}, {"n": 1e6, "without": "c"}, {"without": "d"}],
)
def test_units_that_may_go_together(units):
    assert disagreement(known(**units)) is None


def test_few_parameters_are_only_said_where_no_flops_tell():
    assert "--scale n=1e6" in str(few_parameters(known(n=1e6, without="c")))
    assert few_parameters(known(n=1e4, without="c")) is None
    assert few_parameters(known(n=1e6)) is None
