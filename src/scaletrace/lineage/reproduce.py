"""`scaletrace reproduce`: train one run or trunk segment again and compare it with the record."""

import dataclasses
import re
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.curve import read_curve
from scaletrace.formats.fields import NAME
from scaletrace.formats.record import Record, read_record
from scaletrace.jobs import acceptances, fingerprint, ledger
from scaletrace.lineage import links
from scaletrace.lineage.drift import different
from scaletrace.lineage.machine import on_same_machine
from scaletrace.lineage.repeat import repeated, verified
from scaletrace.study.rules import ANNEAL, PRETRAIN


@dataclasses.dataclass
class Outcome:
    """How a training that was repeated compares with its record."""

    job: str
    outputs: dict[str, dict[str, str]]
    identical: bool
    same_machine: bool
    machine: str
    loss: tuple[float, float] | None
    tolerance: float

    @property
    def reproduced(self) -> bool:
        """Bit for bit on the same kind of machine, within the tolerance elsewhere."""
        if self.identical or self.same_machine or self.loss is None:
            return self.identical
        return abs(self.loss[0] - self.loss[1]) <= self.tolerance


def _record_path(name: str, study: str) -> Path:
    segment = re.fullmatch(r"(?P<size>[a-z0-9_-]+)-s(?P<seed>\d+)/(?P<tokens>\d+)", name)
    if not re.fullmatch(NAME, study) or not (segment or re.fullmatch(r"[A-Za-z0-9_.-]+", name)):
        raise BadInput(
            f"found {study[:80]!r}, {name[:80]!r}; give SIZE-sSEED-BUDGET of a run or "
            "SIZE-sSEED/TOKENS of a trunk segment, and --study"
        )
    rule, wildcards = (PRETRAIN, segment.groupdict()) if segment else (ANNEAL, {"run": name})
    path = ledger.path_of(study, rule.name, wildcards)
    if not path.exists():
        recorded = path.parents[1].glob(f"{ANNEAL.name}/*.json")
        known = sorted(each.stem.partition("=")[2] for each in recorded)
        raise BadInput(f"{path}: no such record; runs of {study}: {', '.join(known) or 'none'}")
    return path


def _require_code(path: Path, record: Record, study: str) -> None:
    identity = record.identity
    kinds = fingerprint.kinds_of(identity.rule, identity.settings)
    known = acceptances.Acceptances(study)
    today = fingerprint.fingerprint(identity.rule, kinds)
    if known.same(identity.rule, identity.code.fingerprint, today):
        return
    names = different(identity.code.modules, fingerprint.modules(identity.rule, kinds))
    commit = record.circumstances.git.commit
    raise BadInput(
        f"{path}: code: {', '.join(names)} changed since; git checkout {commit} to repeat what was "
        "done then"
    )


def _last_loss(curve: Path) -> float | None:
    points = read_curve(curve)
    return points[-1].loss if points else None


def reproduce(name: str, study: str, tolerance: float) -> Outcome:
    """Train a run or trunk segment again, from its recorded inputs, in a scratch folder.

    Args:
        name: `SIZE-sSEED-BUDGET`, a run, or `SIZE-sSEED/TOKENS`, a segment of a trunk.
        study: name of the study.
        tolerance: of the last loss on another kind of machine, nats per token.

    Raises:
        BadInput: no such record, its inputs are not here, or the code is another.
    """
    links.require_none()
    path = _record_path(name, study)
    record = read_record(path)
    identity = record.identity
    if ledger.path_of(study, identity.rule, identity.wildcards) != path:
        raise BadInput(f"{path}: holds the record of another job")
    _require_code(path, record, study)
    recorded = {output.name: output for output in identity.outputs}
    same_machine, machine = on_same_machine(record)
    with repeated(path, record) as made:
        outputs = {
            recorded[n].path: {
                "recorded": recorded[n].sha256,
                "found": str(files.hashes(file)["sha256"]),
            }
            for n, file in made.items()
        }
        identical = all(pair["recorded"] == pair["found"] for pair in outputs.values())
        loss = None
        if not identical:
            then, now = _last_loss(verified(path, recorded["curve"])), _last_loss(made["curve"])
            loss = None if then is None or now is None else (then, now)
    job = f"{identity.rule} {name}"
    return Outcome(job, outputs, identical, same_machine, machine, loss, tolerance)
