"""Do N, D and C of a table agree by C = 6 N D? If not, one is in another unit than it seems."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from scaletrace.fitting.columns import Numbers
from scaletrace.fitting.law import FLOPS_PER_PARAMETER_AND_TOKEN, Array

# Counts of N with and without embeddings, of FLOPs with attention and head, and of experts that
# rest, lie within this factor of one another.
CONVENTIONS = 300.0
# More tokens for each parameter than anybody trains on.
MOST_TOKENS_PER_PARAMETER = 1e7
TYPICAL_TOKENS_PER_PARAMETER = 20.0
FEWEST_PARAMETERS = 1000.0
COUNTS = {1.0: "", 1e3: "thousands", 1e6: "millions", 1e9: "billions", 1e12: "trillions"}
LETTERS = {1e3: "k", 1e6: "M", 1e9: "B", 1e12: "T"}
OF_FLOPS = {
    **{1e12: "TFLOPs", 1e15: "PFLOPs", 1e18: "EFLOPs", 1e21: "ZFLOPs", 1e24: "YFLOPs"},
    8.64e19: "PF-days",
}


def disagreement(known: Mapping[str, Numbers]) -> str | None:
    """Return a sentence on N, D and C that cannot all be in the units that they seem to be in.

    known: what the table itself has of n, d and c; a cell that is no number is passed over.
    """
    return _by_flops(known) or _fraction(known)


def _by_flops(known: Mapping[str, Numbers]) -> str | None:
    if not {"n", "c"} <= known.keys():
        return None
    middle = {v: _middle(numbers.values) for v, numbers in known.items()}
    n, c = known["n"], known["c"]
    with np.errstate(all="ignore"):
        each = c.values / (FLOPS_PER_PARAMETER_AND_TOKEN * n.values)
        if "d" in known:
            ratio = _middle(each / known["d"].values)
            if 1.0 / CONVENTIONS < ratio < CONVENTIONS:
                return None
            return (
                f"{c.column} / (6 {n.column} {known['d'].column}) is about {ratio:.1g}, and near 1 "
                f"where FLOPs are 6 N D: {_remedy(known, middle)}"
            )
        share = _middle(each / n.values)
    if share < MOST_TOKENS_PER_PARAMETER:
        return None
    return (
        f"{c.column} / (6 {n.column}) are about {share:.1g} tokens for each parameter, which "
        f"nobody trains on: {_remedy(known, middle)}"
    )


def _fraction(known: Mapping[str, Numbers]) -> str | None:
    for v, what in (("n", "parameter"), ("d", "token")):
        if v not in known:
            continue
        values, name = known[v].values, known[v].column
        least = values[values > 0.0].min(initial=1.0)
        if least < 1.0:
            return (
                f"{name} is as little as {least:.1g}, less than one {what}: say its unit, such as "
                f"--scale {v}=1e9, or in the header: '{name} (B)'; --scale n=1 takes the numbers "
                "as they are"
            )
    return None


def few_parameters(known: Mapping[str, Numbers]) -> str | None:
    """Return a sentence on models that are smaller than anybody's, where no FLOPs tell."""
    if "n" not in known or "c" in known or _middle(known["n"].values) >= FEWEST_PARAMETERS:
        return None
    name = known["n"].column
    return (
        f"{name} is about {_middle(known['n'].values):.3g} parameters: if it counts millions, say "
        f"--scale n=1e6, or in the header '{name} (M)', and likewise of tokens"
    )


def _middle(values: Array) -> float:
    """Return the median of the values that are positive numbers; 1 where there are none."""
    values = values[np.isfinite(values) & (values > 0.0)]
    return float(np.exp(np.median(np.log(values)))) if len(values) else 1.0


def _remedy(known: Mapping[str, Numbers], middle: Mapping[str, float]) -> str:
    """Return what to do, with the units that explain the numbers best."""
    best = min(_explanations(middle), default=None)
    escape = "--scale n=1 takes the numbers as they are"
    if best is None:
        return f"say in which units the columns are with --scale, such as --scale n=1e6; {escape}"
    scales = best[-1]
    seem, options, headers = [], [], []
    for v, factor in scales.items():
        name = known[v].column
        seem.append(f"{name} in {OF_FLOPS[factor] if v == 'c' else COUNTS[factor]}")
        options.append(f"{'flops' if v == 'c' else v}={factor:.3g}".replace("e+0", "e"))
        unit = OF_FLOPS[factor] if v == "c" else LETTERS[factor]
        headers.append(f"'{name} ({unit})'")
    return (
        f"it looks like {' and '.join(seem)}: say so with --scale "
        f"{' '.join(options).replace('e+', 'e')}, or in the header: {', '.join(headers)}; {escape}"
    )


def _explanations(middle: Mapping[str, float]) -> Iterator[tuple[float, str, dict[str, float]]]:
    """Yield units with which C is about 6 N D: how unusual D / N is, and the factors."""
    for of_n, of_d in itertools.product(COUNTS, COUNTS if "d" in middle else (1.0,)):
        for of_c in (1.0, *OF_FLOPS) if of_n == of_d == 1.0 else (1.0,):
            n, c = of_n * middle["n"], of_c * middle["c"]
            d = c / (FLOPS_PER_PARAMETER_AND_TOKEN * n)
            scales = {"n": of_n, "d": of_d, "c": of_c}
            scales = {v: factor for v, factor in scales.items() if factor != 1.0}
            unusual = abs(float(np.log10(d / n / TYPICAL_TOKENS_PER_PARAMETER)))
            explained = "d" not in middle or abs(np.log10(d / (of_d * middle["d"]))) < 1.0
            if scales and explained:
                yield unusual, str(scales), scales
