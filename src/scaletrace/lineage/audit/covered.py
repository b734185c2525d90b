"""Is there anything among a study's results, or in its pipeline, that no recorded job made?"""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted, yaml_files
from scaletrace.formats.record import require_circumstances
from scaletrace.jobs import ledger, timings
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope, in_words
from scaletrace.lineage.drift import ABSENT, different, leaves
from scaletrace.lineage.dvc import pipeline, store
from scaletrace.lineage.hashing import hashes_of
from scaletrace.study.rules import LARGE, RESULTS, timings_path

# What jobs and DVC leave among results that is none: logs, drafts of jobs under way.
LOGS, HIDDEN = "logs", "."
# Files that no job made, to name.
MOST = 1000
STRANGER = "made by no recorded job"


def check(scope: Scope, study_file: Path) -> Iterator[Finding]:
    """Compare all that lies in the study's places with what its records and its root name.

    Args:
        scope: what to audit; a part of a study says nothing of what else there is.
        study_file: its configuration.
    """
    if not scope.whole:
        return
    yield from _files(scope)
    yield from _second_study_files(scope, study_file)
    try:
        held = root.read(scope.study)
        place = pipeline.place(scope.study)
        content = store.read_yaml(place.yaml)
    except BadInput:  # of which the check of locks tells
        return
    recorded = [job for job in scope.ancestry.jobs if str(job.path) in held["records"]]
    yield from _timings(scope, recorded, held)
    if not place.shared:
        yield from _shown(scope, recorded, place, content)
        _tell_own_pipeline(scope)


def _files(scope: Scope) -> Iterator[Finding]:
    """Name the files among the results that are no output of a recorded job."""
    results, known = RESULTS / scope.study, {str(timings_path(scope.study))}
    strangers = 0
    for folder, folders, names in os.walk(results):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(HIDDEN) and here / name != results / LOGS
        )
        if links := [name for name in folders if (here / name).is_symlink()]:
            scope.notes.append(
                f"{here / links[0]}: a link, in which no other files were looked for"
            )
        for path in (str(here / name) for name in sorted(names) if not name.startswith(HIDDEN)):
            maker = scope.ancestry.makers.get(path)
            if maker is None and path not in known:
                strangers += 1
                if strangers > MOST:
                    return
                yield Finding(path, "file", "an output of a recorded job", STRANGER)
            elif maker is not None and maker.path in scope.left:
                yield from _left(scope, path, maker)


def _left(scope: Scope, path: str, maker: RecordedJob) -> Iterator[Finding]:
    """Compare what is left of a job that is asked for no more, and that no other check reads."""
    recorded = next(out for out in maker.identity.outputs if out.path == path)
    if scope.large or not path.endswith(LARGE):
        hashed = hashes_of({path: recorded.size})[path]
        actual = hashed if isinstance(hashed, str) else str(hashed["sha256"])
        if actual != recorded.sha256:
            yield Finding(path, "sha256", recorded.sha256, actual)


def _second_study_files(scope: Scope, study_file: Path) -> Iterator[Finding]:
    for path in sorted(Path("config").rglob("*.y*ml")):
        if path == study_file:
            continue
        try:
            content = untrusted.read_bytes(path, yaml_files.LARGEST)
            name = store.from_yaml(content, path).get("study")
        except (BadInput, OSError):
            continue
        if name == scope.study:
            yield Finding(
                str(path), "study", f"one file of this name, {study_file}", "a second one"
            )


def _timings(scope: Scope, recorded: list[RecordedJob], held: dict[str, Any]) -> Iterator[Finding]:
    """Compare timings.csv with the records that it is printed from."""
    path, text = timings_path(scope.study), io.StringIO()
    try:
        for job in recorded:
            require_circumstances(job.record, job.path)
        timings.write(scope.study, text, [job.path for job in recorded])
        there = untrusted.read_text(path)
        if there == text.getvalue():
            return
        told, printed = _by_job(there), _by_job(text.getvalue())
    except FileNotFoundError:
        yield Finding(str(path), "file", "what the records say that jobs took", "missing")
        return
    except (BadInput, OSError, ValueError) as problem:
        yield Finding(str(path), "", "a table as jobs print it", str(problem))
        return
    moved = _written_since(recorded, held)
    known = {(job.rule, job.path.stem) for job in scope.ancestry.jobs}
    apart = [
        f"{' '.join(name)}: {column}"
        for name in sorted(told.keys() | printed.keys())
        if name not in moved and (name in printed or name not in known)
        for column in different(printed.get(name, {}), told.get(name, {}))
    ]
    if not apart and not moved and told.keys() == printed.keys():
        yield Finding(str(path), "form", "the bytes that jobs print", "other bytes, same values")
    elif apart and "history" in held:
        expected, actual = "the values that the records give", f"{len(apart)} others"
        yield Finding(str(path), apart[0], expected, actual)
    elif apart:
        scope.notes.append(
            f"{path}: {len(apart)} values are not those of the records, as earlier releases left "
            "them after a rerun; scaletrace record prints it anew"
        )


def _by_job(text: str) -> dict[tuple[str, str], dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(text), strict=True))
    return {(row.get("rule") or "", row.get("job") or ""): row for row in rows}


def _written_since(recorded: list[RecordedJob], held: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the jobs that ran again since the study was recorded, which the locks tell of."""
    changed = {line.partition(": ")[0] for line in root.changed_since(held)}
    return {(job.rule, job.path.stem) for job in recorded if str(job.path) in changed}


def _shown(
    scope: Scope, recorded: list[RecordedJob], place: pipeline.Place, content: dict[str, Any]
) -> Iterator[Finding]:
    """Compare what a pipeline shows to `dvc metrics` and `dvc plots` with what it compiles to."""
    expected = pipeline.shown(recorded, scope.study)
    rest = {key: value for key, value in content.items() if key != "stages"}
    for field, (made, there) in different(leaves(expected, ""), leaves(rest, "")).items():
        yield Finding(str(place.yaml), field.removeprefix("."), in_words(made), in_words(there))
    folder = ledger.PROVENANCE / "metrics" / scope.study
    known = pipeline.metrics_files(scope.ancestry.jobs, scope.study)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in known:
            yield Finding(str(path), "file", "the parameters of a recorded fit", ABSENT)


def _tell_own_pipeline(scope: Scope) -> None:
    """Note where the author's own pipeline names results of the study: nobody compiled that."""
    own = pipeline.SHARED.yaml
    try:
        named = f"{RESULTS / scope.study}/" in untrusted.read_text(own)
    except (OSError, ValueError):
        return
    if named:
        scope.notes.append(
            f"{own}: names files under {RESULTS / scope.study}/, in stages, metrics or plots of "
            "its author's own, which no record vouches for"
        )
