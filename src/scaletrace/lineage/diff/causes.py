"""Why a file of one state of a study is not that of another: the first jobs that differ."""

import dataclasses
from pathlib import Path
from typing import Any

from scaletrace.lineage import drift
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.diff.side import Side
from scaletrace.lineage.drift import ABSENT, PACKAGES, different


@dataclasses.dataclass(frozen=True)
class Cause:
    """One difference between two executions of a job; `then` and `now` are plain values.

    `kind` is parameter, code, data, environment, hardware or unknown.
    """

    kind: str
    job: str
    rule: str
    what: str
    then: Any
    now: Any


@dataclasses.dataclass(frozen=True)
class Causes:
    """The first causes of a move, and what else changed between them and the result."""

    first: tuple[Cause, ...]
    later: tuple[Cause, ...]


def causes(then: Side, now: Side, start: Path) -> Causes:
    """Return why the outputs of a job differ.

    From the job, inputs that differ are followed to the jobs that made them. Where all inputs are
    equal, the cause lies in the job itself: its parameters, its code, text from outside or, where
    none of these differ, what surrounded it.

    Args:
        then: one side.
        now: the other side.
        start: the path of the job's record.
    """
    first: dict[Cause, None] = {}
    later: dict[Cause, None] = {}
    waiting, seen = [start], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        a, b = then.jobs.get(path), now.jobs.get(path)
        if a is None or b is None:
            if (one := a or b) is not None:
                sides = (ABSENT, "made") if a is None else ("made", ABSENT)
                first[Cause("parameter", one.name, one.rule, "the job itself", *sides)] = None
            continue
        moved = _moved_inputs(a, b)
        makers = {p for p in moved if p in then.ancestry.makers and p in now.ancestry.makers}
        asked = [*_parameters(a, b), *_code(then, now, a, b), *_raw(moved - makers, a, b)]
        if makers:
            waiting += [now.ancestry.makers[p].path for p in sorted(makers)]
            later.update(dict.fromkeys(asked))
        else:
            first.update(dict.fromkeys(asked or _surroundings(then, now, a, b)))
    return Causes(tuple(first), tuple(cause for cause in later if cause not in first))


def _hashes(job: RecordedJob) -> dict[str, str]:
    return {file.path: file.sha256 for file in job.identity.inputs}


def _moved_inputs(a: RecordedJob, b: RecordedJob) -> set[str]:
    """Return the inputs that both have, with other contents."""
    before, after = _hashes(a), _hashes(b)
    return {path for path in before.keys() & after.keys() if before[path] != after[path]}


def _parameters(a: RecordedJob, b: RecordedJob) -> list[Cause]:
    """Return the settings that differ, and the inputs that one of the two alone has."""
    moved = different(_settings(a), _settings(b))
    read = different(dict.fromkeys(_hashes(a), "read"), dict.fromkeys(_hashes(b), "read"))
    return [
        Cause("data" if name.startswith(PACKAGES) else "parameter", b.name, b.rule, name, *pair)
        for name, pair in (moved | read).items()
    ]


def _settings(job: RecordedJob) -> dict[str, Any]:
    """Return settings by dotted names; what is said of a run goes by the run's name."""
    settings = job.identity.settings
    runs = settings.get("runs")
    if isinstance(runs, list) and all(isinstance(run, dict) and "run" in run for run in runs):
        settings = {**settings, "runs": {str(run["run"]): run for run in runs}}
    return drift.leaves(settings)


def _code(then: Side, now: Side, a: RecordedJob, b: RecordedJob) -> list[Cause]:
    before, after = a.identity.code.modules, b.identity.code.modules
    schemes = [job.identity.code.scheme for job in (a, b)]
    if schemes[0] != schemes[1]:
        what = f"fingerprints of scheme {schemes[0]} and {schemes[1]}: what changed is not known"
        sides = (a.identity.code.fingerprint, b.identity.code.fingerprint)
        return [Cause("code", b.name, b.rule, what, *sides)]
    return [
        Cause("code", b.name, b.rule, f"{module}: {_functions(then, now, a, b, module)}", *pair)
        for module, pair in different(before, after).items()
    ]


def _functions(then: Side, now: Side, a: RecordedJob, b: RecordedJob, module: str) -> str:
    """Say which functions of a module changed."""
    texts = []
    for side, job in ((then, a), (now, b)):
        if module not in job.identity.code.modules:
            texts.append({})
        elif (parts := side.parts(job, module)) is not None:
            texts.append(parts)
        else:
            return f"changed; its text in {side.snapshot.name} is not here"
    names = []
    for name, pair in different(*texts).items():
        how = " (new)" if pair[0] == ABSENT else " (gone)" if pair[1] == ABSENT else ""
        names.append(f"{name}{how}")
    return ", ".join(names) or "the order of its parts"


def _raw(paths: set[str], a: RecordedJob, b: RecordedJob) -> list[Cause]:
    """Return the inputs that differ and that no job made: text from outside."""
    before, after = _hashes(a), _hashes(b)
    return [Cause("data", b.name, b.rule, p, before[p], after[p]) for p in sorted(paths)]


def _surroundings(then: Side, now: Side, a: RecordedJob, b: RecordedJob) -> list[Cause]:
    """Return what surrounded two executions differently; if nothing did, that nothing did."""
    moved = [
        Cause(kind, b.name, b.rule, name, *pair)
        for kind, before, after in (
            ("environment", then.environment(a), now.environment(b)),
            ("hardware", then.hardware(a), now.hardware(b)),
        )
        for name, pair in different(before, after).items()
    ]
    unknown = "other bytes from equal parameters, code, inputs, environment and processor"
    return moved or [Cause("unknown", b.name, b.rule, unknown, ABSENT, ABSENT)]
