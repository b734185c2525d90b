"""Do N, D and C of a table agree by C = 6 N D? If not, one is in another unit than it seems."""

import itertools
from collections.abc import Mapping

import numpy as np

from scaletrace.fitting.columns import Numbers
from scaletrace.fitting.law import Array

# Counts of N with and without embeddings, of FLOPs with attention and head, and of experts that
# rest, lie within this factor of one another.
CONVENTIONS = 300.0
# More tokens for each parameter than anybody trains on.
MOST_TOKENS_PER_PARAMETER = 1e7
TYPICAL_TOKENS_PER_PARAMETER = 20.0
UNITS = (1.0, 1e3, 1e6, 1e9, 1e12)


def disagreement(known: Mapping[str, Numbers]) -> str | None:
    """Return a sentence on N, D and C that cannot all be in the units that they seem to be in.

    known: what the table itself has of n, d and c; a cell that is no number is passed over.
    """
    if not {"c", "n"} <= known.keys():
        return None
    n, c = known["n"], known["c"]
    with np.errstate(all="ignore"):
        if "d" in known:
            d = known["d"]
            ratio = _middle(c.values / (6.0 * n.values * d.values))
            if ratio is None or 1.0 / CONVENTIONS < ratio < CONVENTIONS:
                return None
            return (
                f"{c.column} / (6 {n.column} {d.column}) is about {ratio:.1g}, and near 1 where "
                f"FLOPs are 6 N D: one of the columns is in another unit than it says; "
                f"{_remedy(known, ratio)}"
            )
        share = _middle(c.values / (6.0 * n.values**2))
    if share is None or share < MOST_TOKENS_PER_PARAMETER:
        return None
    return (
        f"tokens by {c.column} / (6 {n.column}) are about {share:.1g} for each parameter, which "
        f"nobody trains on: {n.column} is in another unit than it says; {_remedy(known, share)}"
    )


def _middle(ratios: Array) -> float | None:
    """Return the median of the ratios that are numbers; None where there are none."""
    ratios = ratios[np.isfinite(ratios) & (ratios > 0.0)]
    if not len(ratios):
        return None
    return float(np.exp(np.median(np.log(ratios))))


def _remedy(known: Mapping[str, Numbers], ratio: float) -> str:
    """Return what to do, with the factors that explain the ratio best."""
    n = _typical(known["n"])
    best = []
    for of_n, of_d in itertools.product(UNITS, UNITS if "d" in known else (1.0,)):
        d = _typical(known["d"]) * of_d if "d" in known else _typical(known["c"]) / (6 * n * of_n)
        left = abs(np.log10(ratio / (of_n * of_d))) if "d" in known else 0.0
        unusual = abs(np.log10(d / (n * of_n) / TYPICAL_TOKENS_PER_PARAMETER))
        best.append((left > 1.0, unusual, of_n, of_d))
    missed, _, of_n, of_d = min(best)
    scales = [
        f"{v}={x:.0e}".replace("e+0", "e").replace("e+", "e")
        for v, x in (("n", of_n), ("d", of_d))
        if x != 1.0
    ]
    if missed or not scales:
        return "say its unit with --scale, such as --scale n=1e6, or in the header: params (M)"
    words = {1e3: "thousands", 1e6: "millions", 1e9: "billions", 1e12: "trillions"}
    seem = " and ".join(
        f"{known[v].column} in {words[x]}" for v, x in (("n", of_n), ("d", of_d)) if x != 1.0
    )
    return (
        f"it looks like {seem}: say so with --scale {' '.join(scales)}, or in the header, such as "
        f"'{known['n'].column} (M)'; --scale n=1 takes the numbers as they are"
    )


def _typical(numbers: Numbers) -> float:
    values = numbers.values[np.isfinite(numbers.values) & (numbers.values > 0.0)]
    return float(np.exp(np.median(np.log(values)))) if len(values) else 1.0
