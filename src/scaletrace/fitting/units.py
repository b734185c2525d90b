"""Units in the headers of columns: `params (M)`, `tokens_B`, `compute [PF-days]`, `loss (bits)`."""

import functools
import re

PREFIXES = {
    **{"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24},
    **{"kilo": 1e3, "mega": 1e6, "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18},
    **{"zetta": 1e21, "yotta": 1e24},
}
WORDS = {
    **{"k": 1e3, "thousand": 1e3, "thousands": 1e3},
    **{"m": 1e6, "mil": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6},
    **{"b": 1e9, "bn": 1e9, "g": 1e9, "billion": 1e9, "billions": 1e9},
    **{"t": 1e12, "tn": 1e12, "trillion": 1e12, "trillions": 1e12},
    **{"%": 1e-2, "percent": 1e-2, "pct": 1e-2},
}
NEUTRAL = frozenset(
    (
        *("in", "of", "x", "params", "parameters", "param", "tokens", "token", "tok"),
        *("flop", "flops", "fraction", "rate", "nats", "nat", "nats/token", "nats/tok"),
    )
)
LONGEST = 200  # letters of a header in which a unit is looked for
SECONDS_PER_DAY = 86400.0
_BRACKETS = re.compile(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]\s*")
_POWER_OF_TEN = re.compile(r"[x*]?10(?:\^|\*\*)(\d+)|[x*]?(1e\+?\d+)")
_FLOPS = re.compile(r"([a-z]*?)(?:flops?(?:/s)?|f)([-_ ]?(?:s|/s)?[-_ ]?days?)?")


def factor_of(unit: str) -> float | None:
    """Return what numbers in a unit are to be multiplied by; None where it is no known unit."""
    factor, known = 1.0, False
    for word in unit.strip().lower().split():
        one = _word(word)
        if one is None:
            return None
        factor, known = factor * one, True
    return factor if known else None


def _word(word: str) -> float | None:
    if word in WORDS:
        return WORDS[word]
    if word in NEUTRAL:
        return 1.0
    if power := _POWER_OF_TEN.fullmatch(word):
        return float(power[2] or f"1e{power[1]}")
    flops = _FLOPS.fullmatch(word)
    if flops and flops[1] in PREFIXES:
        return PREFIXES[flops[1]] * (SECONDS_PER_DAY if flops[2] else 1.0)
    return None


@functools.cache
def readings(header: str) -> tuple[tuple[str, float], ...]:
    """Return the ways to read a header, the likeliest first: a name, and its unit's factor."""
    ways = [(header, 1.0)]
    if len(header) > LONGEST:
        return tuple(ways)
    if bracketed := _BRACKETS.fullmatch(header):
        factor = factor_of(bracketed[2])
        if factor is not None:
            ways.insert(0, (bracketed[1], factor))
    parts = re.split(r"[_\s-]+", header.strip())
    for cut in range(1, min(3, len(parts))):
        rest, after = "_".join(parts[:-cut]), factor_of("-".join(parts[-cut:]))
        # A small letter alone is a unit only after a word: `n_b` may be anything.
        letter = len(parts[-1]) == 1 and parts[-1].islower()
        if after is not None and not (letter and len(rest) < 2):
            ways.append((rest, after))
        before = factor_of(" ".join(parts[:cut]))
        if before is not None and before != 1.0:
            ways.append(("_".join(parts[cut:]), before))
    if joined := re.fullmatch(r"([A-Za-z_]*[a-z]{2})([KMBT])", header.strip()):
        ways.append((joined[1], WORDS[joined[2].lower()]))
    alone = factor_of(header)
    if alone is not None and alone not in WORDS.values() and "f" in header.lower():
        ways.append(("flops", alone))
    return tuple(ways)
