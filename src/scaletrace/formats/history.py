"""What was tried in a study: one small file for each study file used, result, failure and fit.

A file's name holds two hashes: of what happened, which a rerun with the same outcome repeats, and
of the whole content. So a rerun adds no file, and two branches that are merged never conflict.
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import ClassVar

from scaletrace.errors import BadInput
from scaletrace.formats import files, typed_json, untrusted
from scaletrace.formats.evaluation import EvaluatedRun
from scaletrace.formats.typed_json import Named, Number, Text

WHAT = "an event of a study's history"
# Letters of each hash in a name.
SHORT = 16


@dataclasses.dataclass(frozen=True)
class Event:
    """study_file: sha256 of the study file in use, None if unknown; when: seconds since 1970."""

    study_file: Text | None
    when: Number

    # Which fields say what happened; the others may differ when it happens again.
    SAME: ClassVar[tuple[str, ...]] = ("study_file",)

    @property
    def name(self) -> str:
        """The name of the event's file."""
        whole = dataclasses.asdict(self)
        same = files.json_sha256({name: whole[name] for name in self.SAME})
        content = hashlib.sha256(files.to_json(whole).encode()).hexdigest()
        return f"{type(self).__name__.lower()}-{same[:SHORT]}-{content[:SHORT]}.json"


@dataclasses.dataclass(frozen=True)
class Used(Event):
    """A job ran under this study file for the first time."""


@dataclasses.dataclass(frozen=True)
class Evaluated(Event):
    """A run was evaluated.

    record: id of the first job record of it. reused_from: the study whose result was taken.
    """

    run: Text
    evaluation: EvaluatedRun
    record: Text
    reused_from: Text | None = None

    SAME: ClassVar[tuple[str, ...]] = ("run", "evaluation")


@dataclasses.dataclass(frozen=True)
class Failed(Event):
    """A process ended without the result of a job."""

    rule: Text
    wildcards: Named[Text]
    reason: Text

    SAME: ClassVar[tuple[str, ...]] = ("rule", "wildcards", "reason")


@dataclasses.dataclass(frozen=True)
class Fitted(Event):
    """A law was fitted to observations, of which the sha256 is given."""

    fit: Text
    law: Text
    params: Named[Number]
    observations: Text
    record: Text

    SAME: ClassVar[tuple[str, ...]] = ("fit", "law", "params", "observations")


KINDS = {kind.__name__.lower(): kind for kind in (Used, Evaluated, Failed, Fitted)}


def write_event(folder: Path, event: Event) -> None:
    """Write an event, unless the folder has one of the same outcome."""
    kind, same, _ = event.name.split("-")
    if next(folder.glob(f"{kind}-{same}-*.json"), None) is None:
        files.write_json(folder / event.name, dataclasses.asdict(event))


def event_in(content: bytes, path: Path) -> Event:
    """Return the event in the content of a file.

    Raises:
        BadInput: it is none, or not the one that the file's name was given for.
    """
    kind = KINDS.get(path.name.partition("-")[0])
    if kind is None:
        raise BadInput(f"{path}: not {WHAT} (names begin with {', '.join(KINDS)})")
    event = typed_json.parse(content, path, kind, WHAT)
    if event.name != path.name or files.to_json(dataclasses.asdict(event)).encode() != content:
        raise BadInput(f"{path}: not {WHAT} (its content belongs to the name {event.name})")
    return event


def read_event(path: Path) -> Event:
    """Return an event.

    Raises:
        BadInput: it cannot be read, or is none, see `event_in`.
    """
    try:
        content = untrusted.read_bytes(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    return event_in(content, path)
