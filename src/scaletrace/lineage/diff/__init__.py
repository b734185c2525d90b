"""`scaletrace diff`: what moved between two states of a study, and the first cause of each move."""

import dataclasses
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.lineage.diff.causes import Cause
from scaletrace.lineage.diff.side import Side, studies
from scaletrace.lineage.diff.values import Moved, moves
from scaletrace.lineage.drift import different
from scaletrace.lineage.snapshot import Snapshot
from scaletrace.study.config import file_of

KINDS = {
    "observation": "observations",
    "fit": "fits",
    "figure": "figures",
    "curve": "loss curves",
    "file": "other files",
}
SHOWN = 10  # lines of a kind that are printed; --json has all


@dataclasses.dataclass(frozen=True)
class Difference:
    """What `diff` found; `config` holds the values of the study file that differ."""

    study: str
    then: str
    now: str
    config: dict[str, tuple[Any, Any]]
    moved: list[Moved]
    notes: list[str]


def diff(then: str, now: str, study: str | None = None) -> Difference:
    """Compare two states of a study, each a folder or a git revision.

    Args:
        then: the one.
        now: the other.
        study: its name; None where both sides hold one and the same.

    Raises:
        BadInput: a side is neither folder nor revision, or has no records of the study.
    """
    snapshots = Snapshot(then), Snapshot(now)
    study = study or _only_study(*snapshots)
    a, b = Side(snapshots[0], study), Side(snapshots[1], study)
    config = different(a.config(), b.config())
    moved = list(moves(a, b))
    notes = list(dict.fromkeys([*a.notes, *b.notes]))
    return Difference(study, a.snapshot.title, b.snapshot.title, config, moved, notes)


def _only_study(then: Snapshot, now: Snapshot) -> str:
    first, second = studies(then), studies(now)
    if len(both := set(first) & set(second)) == 1:
        return both.pop()
    raise BadInput(
        f"--study: say which; {then.name} has {', '.join(first) or 'none'}, "
        f"{now.name} has {', '.join(second) or 'none'}"
    )


def to_json(difference: Difference) -> dict[str, Any]:
    """Return a difference as plain data."""
    return {"same": not difference.moved, **dataclasses.asdict(difference)}


def to_text(difference: Difference) -> str:
    """Return a difference for people: what moved by kind, then the first causes."""
    lines = [f"study {difference.study}: {difference.then} -> {difference.now}"]
    if difference.config:
        lines.append(str(file_of(difference.study)))
        lines += [f"  {name}: {_pair(pair)}" for name, pair in difference.config.items()]
    for kind, title in KINDS.items():
        moved = [item for item in difference.moved if item.kind == kind]
        if moved:
            lines.append(f"{title}: {len(moved)} moved")
            lines += [f"  {_line(item)}" for item in moved[:SHOWN]]
            if len(moved) > SHOWN:
                lines.append(f"  and {len(moved) - SHOWN} more; --json lists them all")
    lines += _cause_lines(difference.moved)
    lines += [f"note: {note}" for note in difference.notes[:SHOWN]]
    if len(difference.notes) > SHOWN:
        lines.append(f"and {len(difference.notes) - SHOWN} more notes; --json lists them all")
    if not difference.moved:
        lines.append("nothing moved")
    return untrusted.printable(lines)


def _line(item: Moved) -> str:
    numbers = {n: pair for n, pair in item.values.items() if all(map(_is_number, pair))}
    if item.kind == "observation":
        shown = {n: pair for n, pair in item.values.items() if n in ("loss", "status")}
        return f"{item.name}: {_pairs(shown or item.values)}"
    if item.kind == "fit":
        return f"{item.name}: {_pairs({n: p for n, p in item.values.items() if '.' not in n})}"
    if item.kind == "figure" and item.values:
        line = f"{item.name}: {len(item.values)} values"
        if numbers:
            name = max(numbers, key=lambda n: abs(numbers[n][1] - numbers[n][0]))
            line += f", most in {name}: {_pair(numbers[name])}"
        return line
    return f"{item.name}: {_pairs(item.values)}" if item.values else item.name


def _pairs(values: dict[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} {_pair(pair)}" for name, pair in values.items()) or "its file alone"


def _pair(pair: tuple[Any, Any]) -> str:
    return " -> ".join(f"{v:.6g}" if isinstance(v, float) else str(v)[:80] for v in pair)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _cause_lines(moved: list[Moved]) -> list[str]:
    """Say each first cause once, with how much moved by it."""
    jobs: dict[tuple[str, str], dict[str, Cause]] = {}
    by_cause: dict[tuple[str, str], dict[str, int]] = {}
    for item in moved:
        for cause in item.why.first:
            jobs.setdefault((cause.kind, cause.what), {})[cause.job] = cause
        for key in dict.fromkeys((cause.kind, cause.what) for cause in item.why.first):
            counts = by_cause.setdefault(key, {})
            counts[item.kind] = counts.get(item.kind, 0) + 1
    lines = ["first causes:"] if jobs else []
    for (kind, what), causes in jobs.items():
        cause = next(iter(causes.values()))
        more = f" and {len(causes) - 1} more jobs" if len(causes) > 1 else ""
        values = "" if kind in ("code", "unknown") else f": {_pair((cause.then, cause.now))}"
        lines.append(f"  {kind}: {what} of {cause.job}{more}{values}")
        counted = (f"{count} {KINDS[k]}" for k, count in by_cause[kind, what].items())
        lines.append(f"    moved {', '.join(counted)}")
    return lines
