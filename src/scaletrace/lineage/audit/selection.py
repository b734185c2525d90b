"""Was anything tried that is not reported, and is anything of the history gone?

What a study file leaves out is an author's decision: it is told of, in notes. What was recorded and
is no longer there, or has no numbers in the table, is a mismatch.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats.evaluation import read_evaluation
from scaletrace.formats.fit_file import read_parameters
from scaletrace.formats.history import Evaluated, Event, Failed, Fitted, Used, event_in
from scaletrace.formats.observations import number_of, read_cells
from scaletrace.jobs.history import History, folder_of
from scaletrace.lineage import earlier_roots, root
from scaletrace.lineage.agreement import TOLERANCE
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope, in_words
from scaletrace.lineage.drift import ABSENT, different
from scaletrace.lineage.dvc import store
from scaletrace.lineage.earlier_roots import EarlierRoot
from scaletrace.lineage.hashing import sha256_of_small
from scaletrace.lineage.snapshot import objects
from scaletrace.study.config import load
from scaletrace.study.rules import EVALUATE, FIT, OBSERVE
from scaletrace.study.runs import runs

# Runs, fits and settings that a note names, of each kind.
MOST_NAMED = 6
# Study files of earlier times that are read.
MOST_STUDIES = 100
WORD = "completeness rests on the author's word"


def check(scope: Scope, study_file: Path, kept: Path | None) -> Iterator[Finding]:
    """Compare the history with the root, with earlier roots, and with what is reported.

    Args:
        scope: what to audit.
        study_file: its configuration.
        kept: a root that the reader has kept from an earlier time.

    Raises:
        BadInput: `kept` is no root of the study.
    """
    history = History(scope.study)
    for path, message in history.unreadable.items():
        said = message.removeprefix(f"{path}: ")
        yield Finding(str(path), "", "an event as jobs write it", said)
    held = root.read(scope.study) if _is_root(scope.study) else None
    recorded = held.get("history", {}) if held else {}
    yield from _changed(recorded, "(in the root)")
    earlier = earlier_roots.in_git(scope.study)
    earlier += [earlier_roots.kept(kept, scope.study)] if kept else []
    earlier = [one for one in earlier if held is None or one.content["root"] != held["root"]]
    yield from _cuts(scope, recorded, earlier)
    if not history.paths:
        scope.notes.append(f"no history of what was tried is kept of this study: {WORD}")
        return
    yield from _told(scope, history, held)
    rows = _rows(scope)
    yield from _without_numbers(scope, history, rows)
    _tell_runs(scope, history, rows, earlier)
    _tell_fits(scope, history)
    _tell_settings(scope, history, study_file)


def _is_root(study: str) -> bool:
    try:
        root.read(study)
    except BadInput:  # of which the check of locks tells
        return False
    return True


def _changed(recorded: dict[str, str], field: str) -> Iterator[Finding]:
    for name, sha256 in recorded.items():
        if (actual := sha256_of_small(Path(name))) != sha256:
            yield Finding(name, f"sha256 {field}", sha256, actual)


def _cuts(scope: Scope, recorded: dict[str, str], earlier: list[EarlierRoot]) -> Iterator[Finding]:
    """Name what earlier roots fix and today's root and folder do not have."""
    gone: dict[str, EarlierRoot] = {}
    for one in earlier:
        for name, sha256 in one.content.get("history", {}).items():
            if name not in recorded and name not in gone and sha256_of_small(Path(name)) != sha256:
                gone[name] = one
    named = {name: f"{one.commit}:{name}" for name, one in gone.items() if one.commit}
    contents = objects(list(named.values()))
    beside = []
    for name, one in gone.items():
        sha256 = one.content["history"][name]
        what = _described(contents.get(named.get(name, "")), name)
        if one.before:
            expected = f"{what}, as in the root of {one.where} (sha256 {sha256})"
            yield Finding(name, f"cut since {one.where}", expected, sha256_of_small(Path(name)))
        else:
            beside.append(f"{what} ({one.where})")
    if beside:
        scope.notes.append(
            f"{len(beside)} files of the history that other branches have are not here: "
            f"{_few(beside)}"
        )


def _described(content: bytes | None, name: str) -> str:
    """Return what an event says, as far as it can still be read."""
    try:
        return _said(event_in(content or b"", Path(name)))
    except BadInput:
        return "a file of the history"


def _said(event: Event) -> str:
    """Return an event in a few words."""
    match event:
        case Evaluated(run=run, evaluation=evaluation):
            return f"evaluation of {run}, {_loss(evaluation.loss)}"
        case Failed(rule=rule, wildcards=wildcards, reason=reason):
            return f"{' '.join([rule, *wildcards.values()])} failed ({reason})"
        case Fitted(fit=fit):
            return f"fit {fit} with {_parameters(event.params)}"
    return f"use of the study file {(event.study_file or '')[:12]}"


def _loss(loss: float | None) -> str:
    return "no finite loss" if loss is None else f"loss {loss:.4f}"


def _parameters(params: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in itertools.islice(params.items(), 5))


def _few(names: Iterable[str]) -> str:
    first = list(names)
    more = len(first) - MOST_NAMED
    return "; ".join(first[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _jobs(scope: Scope, rule: str) -> dict[str, RecordedJob]:
    """Return the reported jobs of a rule by the value of their one wildcard."""
    jobs = scope.ancestry.jobs
    found = (job for job in jobs if job.rule == rule and job.path not in scope.left)
    return {next(iter(job.identity.wildcards.values()), ""): job for job in found}


def _told(scope: Scope, history: History, held: dict[str, Any] | None) -> Iterator[Finding]:
    """Every recorded evaluation and fit has an event: where a root fixes any, it fixes these."""
    if held is None or "history" not in held:
        return
    evaluated = {(event.run, event.evaluation) for event in history.of(Evaluated)}
    fitted = [(event.fit, event.params) for event in history.of(Fitted)]
    for rule in (EVALUATE.name, FIT.name):
        for name, job in _jobs(scope, rule).items():
            path = Path(job.identity.outputs[0].path) if job.identity.outputs else Path()
            if str(job.path) not in held["records"]:
                continue
            try:
                if rule == EVALUATE.name:
                    known = (name, read_evaluation(path)) in evaluated
                else:
                    known = (name, read_parameters(path)) in fitted
            except BadInput:
                continue
            if not known:
                where = str(folder_of(scope.study))
                yield Finding(where, job.name, "an event with the numbers of the result", ABSENT)


def _rows(scope: Scope) -> dict[str, dict[str, str]]:
    """Return the reported runs by name; none without a table."""
    for job in scope.ancestry.jobs:
        output = job.identity.output("observations")
        if job.rule == OBSERVE.name and output is not None:
            try:
                return {row["run"]: row for row in read_cells(Path(output.path))}
            except BadInput:
                return {}
    return {}


def _without_numbers(
    scope: Scope, history: History, rows: dict[str, dict[str, str]]
) -> Iterator[Finding]:
    """A run that was measured is a row with numbers, whatever the study file says of it.

    One with a record of its evaluation is compared with that, which may be newer.
    """
    current = _jobs(scope, EVALUATE.name)
    for path, event in history.events.items():
        if not isinstance(event, Evaluated) or event.evaluation.loss is None:
            continue
        if event.run in current:
            continue
        row = rows.get(event.run)
        if row is not None and math.isnan(number_of(row.get("loss", ""))):
            status = row.get("status", "")[:80]
            expected = f"a loss, because the run was measured ({_loss(event.evaluation.loss)})"
            yield scope.finding(str(path), f"run {event.run}", expected, f"none: {status}")


def _tell_runs(
    scope: Scope,
    history: History,
    rows: dict[str, dict[str, str]],
    earlier: list[EarlierRoot],
) -> None:
    """Note how many runs were tried and how many are reported."""
    losses: dict[str, dict[float | None, None]] = {}
    for event in history.of(Evaluated):
        losses.setdefault(event.run, {})[event.evaluation.loss] = None
    for job in scope.ancestry.jobs:
        if job.rule == EVALUATE.name and job.run is not None and job.run not in losses:
            losses[job.run] = dict.fromkeys(_measured(job))
    failed: dict[str, str] = {}
    for event in history.of(Failed):
        if (run := event.wildcards.get("run")) is not None and run not in losses:
            failed[run] = event.reason
    tried = losses.keys() | failed.keys()
    reported = tried & rows.keys()
    line = f"{len(tried)} runs were tried, {len(reported)} are reported"
    statuses = [rows[run].get("status") for run in reported]
    counts = ((statuses.count(status), status) for status in ("excluded", "failed", "diverged"))
    if left_out := ", ".join(f"{count} {status}" for count, status in counts if count):
        line += f" ({left_out}, with a reason)"
    if dropped := sorted(tried - rows.keys()):
        line += f"; dropped: {_few(_what_became(run, losses, failed) for run in dropped)}"
    if planned := sorted(_once_planned(scope, history) - tried - rows.keys()):
        line += f"; planned once and never finished: {_few(planned)}"
    fixed = [one for one in earlier if one.before and "history" in one.content]
    compared = f"what roots from {fixed[-1].where} on fixed was compared; " if fixed else ""
    scope.notes.append(f"{line}; {compared}{WORD}")
    replaced = [
        f"{run}: {', '.join(map(_loss, losses[run]))}" for run in reported if len(losses[run]) > 1
    ]
    if replaced:
        scope.notes.append(
            f"{len(replaced)} runs were measured with several results, of which the last or an "
            f"earlier one is reported: {_few(sorted(replaced))}"
        )


def _measured(job: RecordedJob) -> list[float | None]:
    """Return the loss of an evaluation that left no event; nothing where it cannot be read."""
    try:
        return [read_evaluation(Path(output.path)).loss for output in job.identity.outputs]
    except BadInput:
        return []


def _what_became(
    run: str, losses: dict[str, dict[float | None, None]], failed: dict[str, str]
) -> str:
    if run in failed:
        return f"{run} (failed: {failed[run][:80]})"
    measured = ", ".join(map(_loss, losses[run]))
    return f"{run} ({measured or 'evaluated'})"


def _once_planned(scope: Scope, history: History) -> set[str]:
    """Return the runs of the study files of earlier times, as far as this code reads them."""
    names: set[str] = set()
    unread = []
    for sha256, path in list(history.studies.items())[:MOST_STUDIES]:
        try:
            names |= {run.name for run in runs(load(path))}
        except BadInput:
            unread.append(sha256[:12])
    unread += [sha256[:12] for sha256 in list(history.studies)[MOST_STUDIES:]]
    if unread:
        scope.notes.append(
            f"{len(unread)} study files of earlier times were not read, so that what they planned "
            f"is not known ({unread[0]})"
        )
    return names


def _tell_fits(scope: Scope, history: History) -> None:
    """Note which fits were made that are not those reported."""
    reported: dict[str, dict[str, float]] = {}
    for name, job in _jobs(scope, FIT.name).items():
        try:
            reported[name] = read_parameters(Path(job.identity.outputs[0].path))
        except (BadInput, IndexError):
            continue
    others = [
        f"{event.fit} with {_parameters(event.params)}"
        for event in history.of(Fitted)
        if not _alike(event.params, reported.get(event.fit))
    ]
    if others:
        scope.notes.append(
            f"{len(others)} fits were made that are not reported: {_few(dict.fromkeys(others))}"
        )


def _alike(then: dict[str, float], now: dict[str, float] | None) -> bool:
    return (
        now is not None
        and then.keys() == now.keys()
        and all(math.isclose(then[name], now[name], rel_tol=TOLERANCE) for name in then)
    )


def _tell_settings(scope: Scope, history: History, study_file: Path) -> None:
    """Note which settings were changed after results were seen: between successive study files."""
    used = [event for event in history.of(Used) if event.study_file in history.studies]
    measured = [event.when for event in history.of(Evaluated)]
    steps: list[tuple[float, Path]] = [
        (event.when, history.studies[str(event.study_file)]) for event in used[-MOST_STUDIES:]
    ]
    steps.append((math.inf, study_file))
    changed: dict[str, None] = {}
    for (_, before), (when, after) in itertools.pairwise(steps):
        old_file, new_file = _settings(before), _settings(after)
        if old_file and new_file and any(then < when for then in measured):
            for name, (old, new) in different(old_file, new_file).items():
                changed[f"{name}: {in_words(old)} -> {in_words(new)}"] = None
    if changed:
        scope.notes.append(
            f"{len(changed)} settings were changed after results were seen: {_few(changed)}"
        )


def _settings(path: Path) -> dict[str, Any]:
    """Return the values of a study file by their keys; none of one that cannot be read."""
    try:
        content = store.read_yaml(path)
    except BadInput:
        return {}
    return dict(_keys(content, ""))


def _keys(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the values in a mapping by their dotted keys; a list is one value."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _keys(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
