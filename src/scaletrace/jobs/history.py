"""What was tried in a study: jobs note it as it happens, in provenance/history/STUDY, for git.

A run that is dropped from the study file leaves its loss here, and a fit that is made again its
parameters. `studies/` beside the events holds each study file under which a job ran, by its sha256.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted, yaml_files
from scaletrace.formats.evaluation import read_evaluation
from scaletrace.formats.fit_file import read_parameters
from scaletrace.formats.history import (
    Evaluated,
    Event,
    Failed,
    Fitted,
    Used,
    read_event,
    write_event,
)
from scaletrace.formats.record import Identity
from scaletrace.jobs.ledger import PROVENANCE
from scaletrace.study.config import file_of
from scaletrace.study.rules import EVALUATE, FIT, RULES

FOLDER = PROVENANCE / "history"
STUDIES = "studies"
# Names for the jobs of an invocation the study file that it was read with.
VARIABLE = "SCALETRACE_STUDY_FILE"
# Letters of a reason that are kept.
LONGEST_REASON = 400
E = TypeVar("E", bound=Event)


def folder_of(study: str) -> Path:
    """Return where the history of a study lies."""
    return FOLDER / study


def _copies(study: str) -> Path:
    return Path("work", study, STUDIES)


def announce(study_file: Path, study: str) -> None:
    """Keep the study file of this invocation for its jobs: it may be edited while they run."""
    content = untrusted.read_bytes(study_file, yaml_files.LARGEST)
    copy = _copies(study) / f"{hashlib.sha256(content).hexdigest()}.yaml"
    if not copy.exists():
        with files.replacing(copy) as draft:
            draft.write_bytes(content)
    os.environ[VARIABLE] = str(copy)


def _study_file(study: str) -> bytes | None:
    """Return the study file that a job runs under; None where there is none."""
    announced = Path(os.environ.get(VARIABLE, ""))
    place = announced if announced.parent == _copies(study) else file_of(study)
    try:
        content = untrusted.read_bytes(place, yaml_files.LARGEST)
    except OSError:
        return None
    sound = place != announced or hashlib.sha256(content).hexdigest() == announced.stem
    return content if sound else None


@contextlib.contextmanager
def _whatever_the_disk() -> Iterator[None]:
    """Go on where an event cannot be written: a result is worth more than its mention."""
    try:
        yield
    except OSError as problem:
        print(
            f"{FOLDER}: not written ({problem.strerror or problem}); scaletrace record adds what "
            "recorded results say"
        )


def begins(study: str, when: float) -> str | None:
    """Keep the study file that a job runs under, and since when; return its sha256."""
    content = _study_file(study)
    if content is None:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    copy = folder_of(study) / STUDIES / f"{sha256}.yaml"
    with _whatever_the_disk():
        if not copy.exists():
            with files.replacing(copy) as draft:
                draft.write_bytes(content)
        write_event(folder_of(study), Used(sha256, when))
    return sha256


def finished(
    study: str,
    identity: Identity,
    record: str,
    study_file: str | None,
    reused_from: str | None,
    when: float,
) -> None:
    """Note what a job measured or fitted; other jobs leave no event.

    Args:
        study: the job's.
        identity: what decided the outcome.
        record: id of the job's record.
        study_file: sha256 of the one that it ran under.
        reused_from: the study whose result was taken, if one was.
        when: seconds since 1970.
    """
    with _whatever_the_disk(), contextlib.suppress(BadInput):
        event = _outcome(identity, record, study_file, reused_from, when)
        if event is not None:
            write_event(folder_of(study), event)


def _outcome(
    identity: Identity, record: str, study_file: str | None, reused_from: str | None, when: float
) -> Event | None:
    output = next(iter(identity.outputs), None)
    if output is None or identity.rule not in (EVALUATE.name, FIT.name):
        return None
    path, names = Path(output.path), identity.wildcards
    if identity.rule == EVALUATE.name:
        return Evaluated(study_file, when, names["run"], read_evaluation(path), record, reused_from)
    law, table = str(identity.settings.get("law")), identity.inputs[0].sha256
    return Fitted(study_file, when, names["fit"], law, read_parameters(path), table, record)


def failed(
    study: str, rule: str, wildcards: dict[str, str], study_file: str | None, reason: str
) -> None:
    """Note that a process ended without the result of a job, and why; text says nothing of runs."""
    if RULES[rule].kind != "text":
        reason = reason.partition("\n")[0][:LONGEST_REASON]
        with _whatever_the_disk():
            event = Failed(study_file, time.time(), rule, wildcards, reason)
            write_event(folder_of(study), event)


class History:
    """All that is noted of a study.

    events: by their paths. studies: the kept study files by their sha256. unreadable: one sentence
    for each file that is neither.
    """

    def __init__(self, study: str) -> None:
        self.events: dict[Path, Event] = {}
        self.studies: dict[str, Path] = {}
        self.unreadable: dict[Path, str] = {}
        folder = folder_of(study)
        for path in sorted(folder.glob("*")):
            if path.name == STUDIES or path.name.startswith("."):
                continue
            try:
                self.events[path] = read_event(path)
            except BadInput as problem:
                self.unreadable[path] = str(problem)
        for path in sorted((folder / STUDIES).glob("[!.]*")):
            try:
                content = untrusted.read_bytes(path, yaml_files.LARGEST)
                sha256 = hashlib.sha256(content).hexdigest()
                if path.name != f"{sha256}.yaml":
                    raise ValueError(f"its content has the sha256 {sha256}")
                self.studies[sha256] = path
            except (OSError, ValueError) as problem:
                self.unreadable[path] = f"{path}: not a kept study file ({problem})"

    @property
    def paths(self) -> list[Path]:
        """Every file of the history, sorted."""
        return sorted([*self.events, *self.studies.values()])

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind, oldest first."""
        events: Iterable[Any] = (one for one in self.events.values() if isinstance(one, kind))
        return sorted(events, key=lambda event: event.when)
