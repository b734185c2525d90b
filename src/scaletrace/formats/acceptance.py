"""A note that two versions of a stage's code give the same bytes, as jobs that were run showed."""

import dataclasses
import re
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files, typed_json
from scaletrace.formats.typed_json import Listed, Named, Number, Text, Whole

WHAT = "a note of `scaletrace accept`"
is_sha256 = re.compile(r"[0-9a-f]{64}").fullmatch


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
    note = typed_json.read(path, Acceptance, WHAT)
    hashes = [note.then.fingerprint, note.now.fingerprint]
    for once in note.sample:
        hashes += [once.id, *once.outputs.values()]
    if not all(map(is_sha256, hashes)):
        raise BadInput(f"{path}: not {WHAT} (a hash is not one)")
    records = {once.record for once in note.sample}
    if not 0 < len(note.sample) == len(records) <= note.jobs:
        found = f"{len(records)} jobs in a sample of {len(note.sample)}, of {note.jobs}"
        raise BadInput(f"{path}: not {WHAT} (found {found})")
    return note


def write_acceptance(path: Path, acceptance: Acceptance) -> None:
    """Write the note, in one step."""
    files.write_json(path, dataclasses.asdict(acceptance))
