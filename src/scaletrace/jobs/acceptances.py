"""Which versions of a stage's code were accepted as equal, so that nothing is computed again.

`scaletrace accept` writes the notes; they lie in provenance/accepted/STUDY, for git.
"""

import dataclasses
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.acceptance import Acceptance, read_acceptance
from scaletrace.formats.record import Identity, read_record
from scaletrace.jobs import ledger
from scaletrace.jobs.ledger import PROVENANCE

# Of a note's words and of its sample, in a sentence.
SHOWN = 400
MOST_NAMED = 10


def folder_of(study: str) -> Path:
    """Return where the notes of a study lie."""
    return PROVENANCE / "accepted" / study


def path_of(acceptance: Acceptance) -> Path:
    """Return where a note lies: by its stage and the two versions of its code."""
    versions = "-".join(code.fingerprint[:16] for code in (acceptance.then, acceptance.now))
    return folder_of(acceptance.study) / f"{acceptance.stage}-{versions}.json"


class Acceptances:
    """The notes of a study.

    unreadable: one sentence for each file that is none, or lies where another belongs.
    """

    def __init__(self, study: str) -> None:
        self.by_path: dict[Path, Acceptance] = {}
        self.unreadable: dict[Path, str] = {}
        for path in sorted(folder_of(study).glob("*.json")):
            try:
                acceptance = read_acceptance(path)
                if acceptance.study != study or path_of(acceptance) != path:
                    raise BadInput(f"{path}: lies where another note belongs")
                records = PROVENANCE / "jobs" / study / acceptance.stage
                if any(Path(once.record).parent != records for once in acceptance.sample):
                    raise BadInput(f"{path}: its sample is not of the records in {records}")
                self.by_path[path] = acceptance
            except BadInput as problem:
                self.unreadable[path] = str(problem)
        self._steps: dict[tuple[str, str], list[tuple[str, Acceptance]]] = {}
        for note in self.by_path.values():
            then, now = note.then.fingerprint, note.now.fingerprint
            # In both directions: who goes back to the earlier code reruns nothing either.
            self._steps.setdefault((note.stage, then), []).append((now, note))
            self._steps.setdefault((note.stage, now), []).append((then, note))

    def between(self, stage: str, then: str, now: str) -> list[Acceptance] | None:
        """Return the notes that lead from one version of a stage's code to another.

        Args:
            stage: name of the stage.
            then: fingerprint of the one.
            now: fingerprint of the other.

        Returns:
            None of them where the two are the same; None where they are not accepted as equal.
        """
        ways = self._ways(stage, then)
        if now not in ways:
            return None
        notes, here = [], now
        while (step := ways[here]) is not None:
            here, note = step
            notes.append(note)
        return notes[::-1]

    def _ways(self, stage: str, then: str) -> dict[str, tuple[str, Acceptance] | None]:
        """Return each version that is accepted as equal to one, with the last step on the way."""
        ways: dict[str, tuple[str, Acceptance] | None] = {then: None}
        waiting = [then]
        # In the order in which they are reached, so that a way has as few notes as any.
        for here in waiting:
            for end, note in self._steps.get((stage, here), ()):
                if end not in ways:
                    ways[end] = here, note
                    waiting.append(end)
        return ways

    def around(self, stage: str, code: str) -> list[Acceptance]:
        """Return all notes on a version of a stage's code, and on those that are equal to it."""
        ways = self._ways(stage, code)
        return [
            note
            for note in self.by_path.values()
            if note.stage == stage and note.then.fingerprint in ways
        ]

    def same(self, stage: str, then: str, now: str) -> bool:
        """Tell whether two versions of a stage's code are one, or accepted as equal."""
        return self.between(stage, then, now) is not None


def stands(study: str, identity: Identity) -> bool:
    """Tell whether the record of a job that was run again stands, so that others may name it still.

    It does where code that was accepted as equal read and made the same, byte for byte.

    Args:
        study: its name.
        identity: what the job read and made now.
    """
    try:
        path = ledger.path_of(study, identity.rule, identity.wildcards)
        recorded = read_record(path).identity
    except BadInput:
        return False
    then, now = recorded.code.fingerprint, identity.code.fingerprint
    return (
        then != now
        and dataclasses.replace(recorded, code=identity.code) == identity
        and Acceptances(study).same(identity.rule, then, now)
    )


def sentence(acceptance: Acceptance) -> str:
    """Return in a line, of whatever content, what was accepted, by whom, why, on what evidence."""
    names = [Path(each.record).stem for each in acceptance.sample]
    named = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    line = (
        f"{acceptance.stage}: code {acceptance.then.fingerprint[:12]} was accepted as equal to "
        f"{acceptance.now.fingerprint[:12]} by {acceptance.by[:SHOWN]}, because "
        f"{acceptance.because[:SHOWN]!r}: {len(names)} of {acceptance.jobs} jobs were computed "
        f"again, byte for byte the same ({named})"
    )
    return "".join(letter if letter.isprintable() else "?" for letter in line)
