"""`scaletrace accept`: show that edited code gives the bytes of the recorded jobs, and say so."""

import dataclasses
import getpass
import hashlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.acceptance import Acceptance, CodeVersion, RunAgain, write_acceptance
from scaletrace.formats.fields import NAME
from scaletrace.formats.record import Record, read_record
from scaletrace.jobs import acceptances, fingerprint, git, ledger, surroundings
from scaletrace.jobs.lease import lease
from scaletrace.lineage import links
from scaletrace.lineage.machine import on_same_machine
from scaletrace.lineage.repeat import repeated
from scaletrace.lineage.snakemake import memory
from scaletrace.study.rules import RULES

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Version:
    """The recorded jobs of a stage that one version of its code made, and its code today."""

    then: CodeVersion
    now: CodeVersion
    jobs: list[tuple[Path, Record]]


@dataclasses.dataclass(frozen=True)
class Other:
    """An output that the code of today does not give as it was recorded."""

    job: str
    path: str
    recorded: str
    found: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What was accepted, and what stands against it: with any of that, nothing was written.

    taken: how many jobs snakemake takes for done, which it would have run again.
    """

    accepted: list[Acceptance]
    others: list[Other]
    taken: int = 0


def _recorded(study: str, stage: str) -> Iterator[tuple[Path, Record, str]]:
    """Yield the recorded jobs of a stage, each with the fingerprint of its code today.

    Jobs whose settings today's code does not take, such as those of a law that is gone, are left
    out: it cannot run them.
    """
    for path in ledger.paths(study):
        if path.parent.name != stage:
            continue
        record = read_record(path)
        rule, wildcards = record.identity.rule, record.identity.wildcards
        if rule != stage or ledger.path_of(study, rule, wildcards) != path:
            raise BadInput(f"{path}: holds the record of another job")
        try:
            kinds = fingerprint.kinds_of(stage, record.identity.settings)
        except BadInput:
            continue
        yield path, record, fingerprint.fingerprint(stage, kinds)


def _versions(study: str, stage: str) -> list[Version]:
    """Return the versions of a stage's code that nobody has accepted as equal to today's."""
    known = acceptances.Acceptances(study)
    versions: dict[tuple[str, str], Version] = {}
    for path, record, now in _recorded(study, stage):
        code = record.identity.code
        if known.same(stage, code.fingerprint, now):
            continue
        version = versions.setdefault(
            (code.fingerprint, now),
            Version(
                CodeVersion(code.fingerprint, code.scheme),
                CodeVersion(now, fingerprint.SCHEME),
                [],
            ),
        )
        version.jobs.append((path, record))
    return list(versions.values())


def _drawn(version: Version, sample: int) -> list[tuple[Path, Record]]:
    """Return jobs drawn by a hash, which nobody chooses, of those whose inputs are here."""

    def drawn(job: tuple[Path, Record]) -> str:
        return hashlib.sha256(f"{job[1].id} {version.now.fingerprint}".encode()).hexdigest()

    def lacks(record: Record) -> list[str]:
        return [file.path for file in record.identity.inputs if not Path(file.path).is_file()]

    able = [job for job in version.jobs if not lacks(job[1])]
    if len(able) < min(sample, len(version.jobs)):
        path, record = next(job for job in version.jobs if job not in able)
        lacking = lacks(record)[0]
        raise BadInput(
            f"--sample: found {sample}; the inputs of {len(able)} of {len(version.jobs)} jobs are "
            f"here ({lacking} of {path} is not): run `scaletrace restore`, or give a smaller sample"
        )
    return sorted(able, key=drawn)[:sample]


def _again(path: Path, record: Record) -> tuple[RunAgain, list[Other]]:
    """Compute a job once more; return what came out and how it differs."""
    outputs, others = {}, []
    with repeated(path, record) as made:
        for output in record.identity.outputs:
            sha256 = str(files.hashes(made[output.name])["sha256"])
            outputs[output.path] = sha256
            if sha256 != output.sha256:
                others.append(Other(path.stem, output.path, output.sha256, sha256))
    return RunAgain(str(path), record.id, outputs), others


def _compared(record: Record, others: list[Other]) -> str:
    if not others:
        return "equal, byte for byte"
    same, machine = on_same_machine(record)
    # There the recorded code may give other bytes as well.
    return "differs" if same else f"differs; it was made on another machine ({machine})"


def _who() -> str:
    try:
        name, address = (git.text("config", f"user.{key}").strip() for key in ("name", "email"))
        who = f"{name} <{address}>"
    except (OSError, subprocess.CalledProcessError):
        who = f"{_login()}@{socket.gethostname()}"
    return "".join(letter if letter.isprintable() else "?" for letter in who)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container a user may have a number alone.
        return f"user {os.getuid()}"


def accept(study: str, stage: str, because: str, sample: int, tell: Tell = print) -> Answer:
    """Compute recorded jobs of a stage again with today's code; if all are equal, write it down.

    Each version of the code that made recorded jobs is sampled by itself, so that a model family
    or a law whose code was not touched vouches for no other. Afterwards snakemake takes the jobs of
    accepted code for done, also those that were accepted before.

    Args:
        study: its name.
        stage: name of the stage.
        because: what was changed and why the bytes are the same.
        sample: jobs to compute of each version, or all that there are.
        tell: gets a line for each job.

    Raises:
        BadInput: there is nothing to accept, no reason is given, inputs are missing, or the code
            was edited meanwhile.
    """
    links.require_none()
    if stage not in RULES:
        raise BadInput(f"found stage {stage[:80]!r}; allowed are {', '.join(RULES)}")
    if not re.fullmatch(NAME, study):
        raise BadInput(f"--study: found {study[:80]!r}; a study's name is like {NAME}")
    because = " ".join(because.split())
    if not because or not because.isprintable() or sample < 1:
        raise BadInput("--because needs words, in letters that can be printed; --sample at least 1")
    versions = _versions(study, stage)
    if not versions:
        # Also after a kill in the middle, an edit taken back, or a colleague's note.
        if taken := _taken(study, stage):
            return Answer([], [], taken)
        recorded = any(path.parent.name == stage for path in ledger.paths(study))
        why = (
            "its recorded jobs are today's code's, or have settings that it does not take"
            if recorded
            else "it has no recorded jobs here"
        )
        raise BadInput(f"{study}: {stage}: nothing to accept: {why}")
    commit, changed = _commit()
    by = _who()
    chosen = [(version, _drawn(version, sample)) for version in versions]
    accepted, others = [], []
    for version, jobs in chosen:
        evidence = []
        for path, record in jobs:
            tell(f"{stage} {path.stem}: computed again …")
            once, different = _again(path, record)
            tell(f"{stage} {path.stem}: {_compared(record, different)}")
            evidence.append(once)
            others += different
        accepted.append(
            Acceptance(
                study=study,
                stage=stage,
                then=version.then,
                now=version.now,
                because=because,
                by=by,
                when=time.time(),
                host=socket.gethostname(),
                commit=commit,
                changed=changed,
                jobs=len(version.jobs),
                sample=evidence,
            )
        )
    if others:
        return Answer([], others)
    with lease(Path("work") / "record"):
        fingerprint.forget()
        if _versions(study, stage) != versions:
            raise BadInput(
                f"{study}: {stage}: its code, its records or what is accepted of them changed "
                "while jobs were computed; nothing was written: accept it again"
            )
        for acceptance in accepted:
            write_acceptance(acceptances.path_of(acceptance), acceptance)
        return Answer(accepted, [], _taken(study, stage))


def _taken(study: str, stage: str) -> int:
    """Make snakemake take the jobs of accepted code for done; return how many it did not before."""
    known, taken = acceptances.Acceptances(study), 0
    for _, record, now in _recorded(study, stage):
        if known.same(stage, record.identity.code.fingerprint, now):
            taken += memory.rename_code(
                record, now, lambda then, now=now: known.same(stage, then, now)
            )
    return taken


def _commit() -> tuple[str | None, list[str]]:
    checkout = surroundings.here()["git"] or {}
    return checkout.get("commit"), [str(line) for line in checkout.get("changed") or ()]
