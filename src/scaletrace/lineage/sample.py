"""Some trainings of a study, drawn so that its author could not choose them, and what they prove.

Of the n trainings whose records the root of a study fixes, the K are drawn for which the sha256 of
the text `ROOT SEED RECORD` (the root, the seed and the path of the record, a space between) is
smallest, as numbers in hexadecimal digits. Anybody can compute that by hand:

    printf '%s %s %s' ROOT SEED RECORD | sha256sum

If m of the n are forged, a sample misses all of them with probability C(n - m, K) / C(n, K).
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterable
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.lineage import root
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.study.rules import RULES

# Of the trainings, in percent, to say what the sample proves of so many.
SHARES = (5, 10, 25, 50)
# The probability up to which forgeries may be missed that are said to be found.
SMALL = 0.05


def order(root_hash: str, seed: str, records: Iterable[str]) -> list[str]:
    """Return paths of records in the order in which a seed draws them."""

    def drawn(record: str) -> str:
        return hashlib.sha256(f"{root_hash} {seed} {record}".encode()).hexdigest()

    return sorted(records, key=drawn)


def missed(trainings: int, forged: int, sample: int) -> float:
    """Return the probability that a sample has none of the forged among all trainings."""
    return math.comb(trainings - forged, sample) / math.comb(trainings, sample)


def fewest_found(trainings: int, sample: int, probability: float = SMALL) -> int:
    """Return how many have to be forged to be missed with no more than a probability."""
    forged = range(1, trainings + 1)
    return next(m for m in forged if missed(trainings, m, sample) <= probability)


@dataclasses.dataclass(frozen=True)
class Sample:
    """Trainings that a seed has drawn of those that the root of a study fixes, so many."""

    root: str
    seed: str
    trainings: int
    jobs: tuple[RecordedJob, ...]


def draw(ancestry: Ancestry, count: int, seed: str) -> Sample:
    """Draw trainings of a study: segments of trunks, runs and trials.

    Raises:
        BadInput: the study has no root, a file is not as the root fixes it, or it has not so many
            trainings.
    """
    study = ancestry.study
    if not root.path_of(study).is_file():
        raise BadInput(
            f"{root.path_of(study)}: missing, and a sample is drawn by the root of a study: "
            f"run `scaletrace record --study {study}`"
        )
    fixed = root.read(study)
    if changed := root.changed_since(fixed):
        raise BadInput(f"{changed[0]}; a sample is drawn of what the root fixes")
    trainings = {
        str(job.path): job
        for job in ancestry.jobs
        if str(job.path) in fixed["records"]
        and job.rule in RULES
        and RULES[job.rule].kind == "training"
    }
    if not 1 <= count <= len(trainings):
        raise BadInput(f"--sample: found {count}; study {study} has {len(trainings)} trainings")
    if not seed or not seed.isprintable():
        raise BadInput(f"--seed: found {seed[:80]!r}; a number or words are needed")
    drawn = order(fixed["root"], seed, trainings)[:count]
    return Sample(fixed["root"], seed, len(trainings), tuple(trainings[path] for path in drawn))


def proofs(sample: Sample) -> list[tuple[int, float]]:
    """Return numbers of forged trainings, each with the probability to miss all of them."""
    n, count = sample.trainings, len(sample.jobs)
    shares = {math.ceil(n * share / 100) for share in SHARES}
    return [(m, missed(n, m, count)) for m in sorted({1, fewest_found(n, count), *shares})]


def to_json(sample: Sample, reproduced: bool) -> dict[str, Any]:
    """Return as plain data what was drawn, and what it proves if all of it was reproduced."""
    proof = [{"forged": m, "missed": p} for m, p in proofs(sample)] if reproduced else None
    drawn = [str(job.path) for job in sample.jobs]
    shown = {"root": sample.root, "seed": sample.seed, "trainings": sample.trainings}
    return {**shown, "drawn": drawn, "proof": proof}


def to_text(sample: Sample, reproduced: bool) -> str:
    """Return in sentences what was drawn, and what it proves if all of it was reproduced."""
    n, count = sample.trainings, len(sample.jobs)
    lines = [f"drawn: {count} of {n} trainings, by root {sample.root} and seed {sample.seed}"]
    if not reproduced:
        lines.append("not all were reproduced bit for bit: this proves nothing of the others")
        return untrusted.printable(lines)
    lines += [
        f"if {m} or more of the {n} trainings were forged, a sample like this would have missed "
        # Rounded up, so that the sentence holds.
        f"all of them with probability at most {math.ceil(p * 1000) / 1000:.3f}"
        for m, p in proofs(sample)
    ]
    lines.append(
        f"the smallest number with a probability of at most {SMALL} is {fewest_found(n, count)} of "
        f"{n}. Forged is a training whose recorded inputs do not give its recorded outputs, or "
        "whose evaluation is another; whoever fixed the root must not have known the seed"
    )
    return untrusted.printable(lines)
