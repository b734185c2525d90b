"""Tables and quantities as people read them in a terminal."""

from collections.abc import Iterable, Sequence

UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it: 12 s, 3.4 min, 2.1 h, 3.0 d."""
    for size, unit in UNITS:
        # Not 60 s but 1.0 min, after rounding.
        if seconds >= size * 0.995:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"


def memory(mb: float) -> str:
    """Return MiB as 640 MiB or 12.5 GiB; nothing for none."""
    if not mb:
        return ""
    return f"{mb:.0f} MiB" if mb < 1024 else f"{mb / 1024:.1f} GiB"


def with_ends(estimate: float, low: float | None, high: float | None) -> tuple[str, str, str]:
    """Return an estimate and its interval's ends, with as many digits as tell them apart.

    An end that is None is called open.
    """
    numbers = [number for number in (estimate, low, high) if number is not None]
    for digits in range(5, 17):
        written = {f"{number:.{digits}g}" for number in numbers}
        if len(written) == len(set(numbers)):
            break
    first, last = ("open" if end is None else f"{end:.{digits}g}" for end in (low, high))
    return f"{estimate:.{max(digits, 6)}g}", first, last


def aligned(rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """Return rows as lines whose columns are aligned: the first `left` to the left, others right.

    A row of one cell stands as it is.
    """
    listed = [list(row) for row in rows]
    table = [row for row in listed if len(row) > 1]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))] if table else []
    lines = []
    for row in listed:
        if len(row) == 1:
            lines.append(row[0])
            continue
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
