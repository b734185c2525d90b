"""A note that two versions of a stage's code give the same bytes, as jobs that were run showed."""

import dataclasses
from pathlib import Path

from scaletrace.formats import files, typed_json
from scaletrace.formats.typed_json import Listed, Named, Number, Text, Whole

WHAT = "a note of `scaletrace accept`"


@dataclasses.dataclass(frozen=True)
class CodeVersion:
    """Code as a job record names it: its fingerprint, and the scheme by which that was made."""

    fingerprint: Text
    scheme: Whole = 1


@dataclasses.dataclass(frozen=True)
class RunAgain:
    """A recorded job that the later code computed once more, with the sha256 of each output."""

    record: Text
    id: Text
    outputs: Named[Text]


@dataclasses.dataclass(frozen=True)
class Acceptance:
    """Two versions of a stage's code that were accepted as equal, by whom, and on what evidence.

    jobs: how many the study has of the earlier version; the sample is of these. commit: of the
    later code, with what was changed beside it. when: seconds since 1970.
    """

    study: Text
    stage: Text
    then: CodeVersion
    now: CodeVersion
    because: Text
    by: Text
    when: Number
    host: Text
    commit: Text | None
    changed: Listed[Text]
    jobs: Whole
    sample: Listed[RunAgain]


def read_acceptance(path: Path) -> Acceptance:
    """Return the content of such a note.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    return typed_json.read(path, Acceptance, WHAT)


def write_acceptance(path: Path, acceptance: Acceptance) -> None:
    """Write the note, in one step."""
    files.write_json(path, dataclasses.asdict(acceptance))
