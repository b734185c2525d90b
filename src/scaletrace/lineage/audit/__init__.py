"""`scaletrace audit`: is everything that is known of a study still one and the same story?"""

import dataclasses
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.figure_identity import read_identity
from scaletrace.jobs import ledger
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage import links, root, signature
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.audit import (
    accepted,
    acting,
    asked,
    chain,
    code,
    content,
    covered,
    drawn,
    environment,
    forms,
    locks,
    recomputed,
    reused,
    selection,
    workflow_files,
)
from scaletrace.lineage.audit.finding import Finding, Scope, in_few_words
from scaletrace.study.config import file_of, keep_of
from scaletrace.study.rules import RESULTS

ALIKE = 3  # findings about one field of one file, such as a setting of many jobs, to print


@dataclasses.dataclass
class AuditReport:
    """What an audit found; `proof` says what the answer is worth.

    unverified: what the code that audits does not know, such as a law of the author's own: nothing
    contradicts it, and nothing confirms it.
    """

    study: str
    jobs: int
    files: int
    findings: list[Finding]
    notes: list[str]
    signed: str | None
    unverified: list[str]

    @property
    def verified(self) -> bool:
        """Whether nothing contradicts, and nothing was left that this code does not know."""
        return not self.findings and not self.unverified

    @property
    def proof(self) -> str:
        """What the audit can and cannot prove."""
        if self.signed:
            return (
                f"The root of the study is signed: {self.signed} What the signed records fix was "
                "not changed since; whether it was true then, the signer vouches for."
            )
        return (
            "Unsigned: this shows that files, records, locks and commits agree with one another, "
            "and with what a note says was made again. Somebody who rewrote an evaluation, or what "
            "was trained, and all that rests on it would not be found here: making that again "
            "would find it (scaletrace reproduce), and a signature over the study's root "
            "(scaletrace sign) shows that nothing was rewritten since it was given."
        )


def study_of(paths: list[Path]) -> str | None:
    """Return the one study that paths belong to; None without paths.

    Raises:
        BadInput: they belong to none, or to several.
    """
    studies = {_study_of(path) for path in paths}
    if len(studies) > 1:
        raise BadInput(f"paths of studies {', '.join(sorted(studies))}: audit one study at a time")
    return next(iter(studies), None)


def _study_of(path: Path) -> str:
    parts = _within(path).parts
    if parts[:1] == (RESULTS.name,) and len(parts) > 1:
        return parts[1]
    if parts[:2] == (ledger.PROVENANCE.name, "jobs") and len(parts) > 2:
        return parts[2]
    return read_identity(path)["study"]


def _within(path: Path) -> Path:
    """Return a path as seen from the repository's root, where it lies in it."""
    whole = Path(path).absolute()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else path


def audit(
    study: str,
    paths: list[Path] | None = None,
    *,
    large: bool = True,
    signers: Path | None = None,
    jobs: dict[Path, AskedJob] | None = None,
    make_again: bool = True,
    earlier: Path | None = None,
) -> AuditReport:
    """Recompute and compare all that is known of a study, or of what some files rest on.

    Args:
        study: its name.
        paths: artifacts, folders of them, records, or copies of figures anywhere; none for all.
        large: whether to read checkpoints, token files and texts.
        signers: allowed signers of the root, see `signature.verify`.
        jobs: the study's, if they are known.
        make_again: tables, fits and figures, which takes seconds to minutes.
        earlier: a root of the study that the reader kept.

    Raises:
        BadInput: there are no records of the study, a path is not in them, or `earlier` is no root.
    """
    links.require_none()
    ancestry = Ancestry(study)
    if not ancestry.jobs and not ancestry.unreadable:
        raise BadInput(f"{study}: no job records in {ledger.PROVENANCE}/jobs/{study}")
    findings: list[Finding] = []
    chosen: list[RecordedJob] = []
    for path in paths or ():
        chosen += _chosen(path, ancestry, findings)
    study_file, unverified = file_of(study), list[str]()
    if jobs is None:
        jobs = _asked(study_file, findings, unverified)
    left = _left(ancestry, jobs)
    whole = [job for job in ancestry.jobs if job.path not in left]
    within = ancestry.upstream(chosen) if paths else whole
    scope = Scope(
        *(study, ancestry, within),
        whole=not paths,
        large=large,
        keep=keep_of(study_file),
        unverified=unverified,
        left=left,
    )
    text = {path for job in jobs.values() for paths in job.inputs.values() for path in paths}
    findings += chain.check(scope)
    findings += content.check(scope, text)
    findings += forms.check(scope)
    findings += locks.check(scope, study_file)
    findings += drawn.check(scope)
    findings += acting.check(scope)
    findings += code.check(scope, jobs)
    findings += accepted.check(scope)
    if jobs:
        findings += asked.check(scope, study_file, jobs)
        findings += recomputed.check(scope, jobs) if make_again else ()
    findings += covered.check(scope, study_file)
    findings += selection.check(scope, study_file, earlier)
    findings += workflow_files.check(scope)
    reused.check(scope)
    environment.check(scope)
    read = sum(len(job.identity.outputs) for job in within)
    signed = _signed(scope, signers, findings)
    notes = list(dict.fromkeys(scope.notes))
    return AuditReport(study, len(within), read, findings, notes, signed, scope.unverified)


def _chosen(path: Path, ancestry: Ancestry, findings: list[Finding]) -> list[RecordedJob]:
    """Return the jobs that made what a path names; a copy of a figure is compared with it."""
    name = _within(path).as_posix()
    jobs = [
        job
        for job in ancestry.jobs
        if str(job.path) == name
        or any(
            output.path == name or output.path.startswith(f"{name}/")
            for output in job.identity.outputs
        )
    ]
    if jobs:
        return jobs
    if not path.exists() and Path(name) in ancestry.unreadable:
        return []
    identity = read_identity(path)
    for job in ancestry.jobs:
        recorded = job.identity.output(path.suffix.lower()[1:])
        if recorded is None or job.identity.settings.get("figure") != identity["figure"]:
            continue
        if (sha256 := files.hashes(path)["sha256"]) != recorded.sha256:
            findings.append(Finding(str(path), "sha256", recorded.sha256, str(sha256)))
        table = job.identity.output("csv")
        if table is None or table.sha256 != (stated := identity["csv_sha256"]):
            expected = table.sha256 if table else "the hash of a table"
            findings.append(Finding(str(path), "identity.csv_sha256", expected, stated))
        return [job]
    raise BadInput(f"{path}: no record of study {ancestry.study} says how it was made")


def _asked(
    study_file: Path, findings: list[Finding], unverified: list[str]
) -> dict[Path, AskedJob]:
    if not study_file.is_file():
        findings.append(Finding(str(study_file), "", "the configuration of the study", "missing"))
        return {}
    try:
        return asked_jobs(study_file)
    except BadInput as problem:
        unverified.append(f"what the study asks for: {problem}")
        return {}


def _left(ancestry: Ancestry, asked: Collection[Path]) -> frozenset[Path]:
    """Return the records that nothing names any more; none where what is asked is not known."""
    try:
        fixed = root.read(ancestry.study)["records"]
    except BadInput:
        return frozenset()
    paths = {job.path for job in ancestry.jobs} if asked else set()
    return frozenset(path for path in paths if path not in asked and str(path) not in fixed)


def _signed(scope: Scope, signers: Path | None, findings: list[Finding]) -> str | None:
    """Return who signed the root, None where nobody has."""
    file = signature.path_of(scope.study)
    if not file.exists():
        if signers is not None:
            findings.append(Finding(str(file), "file", "a signature of the root", "missing"))
        return None
    if signers is None and not signature.can_be_checked():
        scope.notes.append(f"{file}: not checked, because ssh-keygen is not installed here")
        return None
    try:
        if not root.path_of(scope.study).is_file():
            raise BadInput("there is no root that it could be of")
        return signature.verify(scope.study, signers)
    except BadInput as problem:
        findings.append(Finding(str(file), "signature", "one of the root's bytes", str(problem)))
        return None


def to_json(report: AuditReport) -> dict[str, Any]:
    """Return a report as plain data."""
    return {"verified": report.verified, **dataclasses.asdict(report), "proof": report.proof}


def to_text(report: AuditReport) -> str:
    """Return a report for people: each finding with its file, or the word `verified`."""
    lines: list[str] = []
    alike: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        kind = (finding.file, re.sub(r"\[\d+\]", "", finding.field))
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] > ALIKE:
            continue
        lines.append(f"{finding.file}: {finding.field or 'content'}")
        lines.append(f"  expected {finding.expected}")
        lines.append(f"  found    {finding.found}")
        if finding.affects:
            lines.append(f"  affects  {in_few_words(finding.affects)}")
    more = sum(count - ALIKE for count in alike.values() if count > ALIKE)
    if more:
        lines.append(f"and {more} more about the same fields; --json lists them all")
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"not verified: {unknown}" for unknown in report.unverified]
    read = f"{report.jobs} jobs and {report.files} files of study {report.study}"
    if report.findings:
        lines.append(f"{len(report.findings)} mismatches in {read}")
    elif report.unverified:
        lines.append(f"no mismatch, and not all verified, in {read}")
    else:
        lines.append(f"verified: {read}")
    lines.append(report.proof)
    return untrusted.printable(line for text in lines for line in text.split("\n"))
