"""Which versions of a stage's code were accepted as equal, so that nothing is computed again.

`scaletrace accept` writes the notes; they lie in provenance/accepted/STUDY, for git.
"""

from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats.acceptance import Acceptance, read_acceptance
from scaletrace.jobs.ledger import PROVENANCE


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
                self.by_path[path] = acceptance
            except BadInput as problem:
                self.unreadable[path] = str(problem)

    def between(self, stage: str, then: str, now: str) -> list[Acceptance] | None:
        """Return the notes that lead from one version of a stage's code to another.

        Args:
            stage: name of the stage.
            then: fingerprint of the one.
            now: fingerprint of the other.

        Returns:
            None of them where the two are the same; None where they are not accepted as equal.
        """
        steps = [each for each in self.by_path.values() if each.stage == stage]
        ways: dict[str, list[Acceptance]] = {then: []}
        waiting = [then]
        while waiting:
            here = waiting.pop(0)
            for step in steps:
                ends = step.then.fingerprint, step.now.fingerprint
                # In both directions: who goes back to the earlier code reruns nothing either.
                for start, end in (ends, ends[::-1]):
                    if start == here and end not in ways:
                        ways[end] = [*ways[here], step]
                        waiting.append(end)
        return ways.get(now)

    def same(self, stage: str, then: str, now: str) -> bool:
        """Tell whether two versions of a stage's code are one, or accepted as equal."""
        return self.between(stage, then, now) is not None


def sentence(acceptance: Acceptance) -> str:
    """Return in a line what was accepted, by whom, why and on what evidence."""
    return (
        f"{acceptance.stage}: code {acceptance.then.fingerprint[:12]} was accepted as equal to "
        f"{acceptance.now.fingerprint[:12]} by {acceptance.by}, because {acceptance.because!r}: "
        f"{len(acceptance.sample)} of {acceptance.jobs} jobs were computed again, byte for byte "
        f"the same ({', '.join(Path(each.record).stem for each in acceptance.sample)})"
    )
