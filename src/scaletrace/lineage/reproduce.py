"""`scaletrace reproduce`: make recorded jobs again, one after another, and compare the outputs."""

import dataclasses
import graphlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.jobs import acceptances, fingerprint, ledger
from scaletrace.lineage import links
from scaletrace.lineage.agreement import MOST_NAMED, apart, values
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.lineage.drift import different
from scaletrace.lineage.machine import on_same_machine
from scaletrace.lineage.repeat import repeat, verified
from scaletrace.study.rules import ANNEAL, EVALUATE, RULES

Result = Literal["reproduced", "agrees", "differs", "not comparable"]
# Names of each kind of job to tell whoever gave another.
MOST_KNOWN = 6


@dataclasses.dataclass(frozen=True)
class Output:
    """A file of a job: its recorded sha256, that of the one made now, and what differs inside.

    apart: some values that differ, recorded and now, by their places; none are known of what is
    no table or JSON, or of a recorded file that is not here. agrees: whether the values are known
    and the same to one part in a million.
    """

    path: str
    recorded: str
    found: str
    agrees: bool = True
    apart: dict[str, tuple[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a job that was made again compares with its record.

    comparable: whether equal bytes were to be expected: it was made on this kind of machine, from
    inputs that are the recorded ones or come out of such jobs. where: why not, or on what kind.
    """

    job: str
    kind: str
    outputs: tuple[Output, ...]
    comparable: bool
    where: str

    @property
    def result(self) -> Result:
        """What the comparison says; bytes that differ elsewhere are no proof of anything."""
        if all(output.recorded == output.found for output in self.outputs):
            return "reproduced"
        if self.comparable:
            return "differs"
        agrees = self.kind == "analysis" and all(output.agrees for output in self.outputs)
        return "agrees" if agrees else "not comparable"


def jobs_of(name: str, ancestry: Ancestry) -> list[RecordedJob]:
    """Return the jobs that a name means: of a run its training and its evaluation.

    Args:
        name: what stands in the path of an output for the job (SIZE-sSEED-BUDGET of a run,
            SIZE-sSEED/TOKENS of a trunk segment, a fit, a figure, `observations`), or an output.
        ancestry: the records of a study.

    Raises:
        BadInput: nothing has the name, or several things have.
    """
    named = [
        job
        for job in ancestry.jobs
        if name == _name(job) or name in (output.path for output in job.identity.outputs)
    ]
    if not named:
        known = "; ".join(_known(ancestry)) or "none"
        raise BadInput(f"{name[:80]!r}: no such record of study {ancestry.study}; known: {known}")
    if len(named) > 1 and {job.rule for job in named} != {ANNEAL.name, EVALUATE.name}:
        paths = [job.identity.outputs[0].path for job in named if job.identity.outputs]
        raise BadInput(
            f"{name[:80]!r} means {len(named)} things; name one by its file: {', '.join(paths[:9])}"
        )
    return named


def _name(job: RecordedJob) -> str | None:
    """Return what people call a job: what stands for it in the path of its main output."""
    rule = RULES.get(job.rule)
    main = rule and job.identity.output(rule.main)
    if rule is None or main is None:
        return None
    folder, wildcard, rest = rule.patterns(job.path.parts[2])[rule.main].partition("{")
    if not wildcard:
        return rule.main if rule.kind == "analysis" else rule.name
    return main.path.removeprefix(folder).removesuffix(rest.rpartition("}")[2])


def _known(ancestry: Ancestry) -> Iterator[str]:
    """Yield the names of the jobs of each rule, or some of them and how many more."""
    for rule in RULES.values():
        names = [name for job in ancestry.jobs if job.rule == rule.name and (name := _name(job))]
        if names and rule is not EVALUATE:
            more = f" and {len(names) - MOST_KNOWN} more" if len(names) > MOST_KNOWN else ""
            yield f"{rule.title}: {', '.join(names[:MOST_KNOWN])}{more}"


def records_of(study: str) -> Ancestry:
    """Return the job records of a study.

    Raises:
        BadInput: there are none, one cannot be read, or the clone brings links.
    """
    links.require_none()
    ancestry = Ancestry(study)
    if problem := next(iter(ancestry.unreadable.values()), None):
        raise BadInput(problem)
    if not ancestry.jobs:
        raise BadInput(f"{study}: no job records in {ledger.PROVENANCE}/jobs/{study}")
    return ancestry


def with_evaluation(job: RecordedJob, ancestry: Ancestry) -> list[RecordedJob]:
    """Return a job and, where it finishes a run, the evaluation of that."""
    evaluations = [each for each in ancestry.jobs if each.rule == EVALUATE.name]
    return [job, *(e for e in evaluations if job.rule == ANNEAL.name and e.run == job.run)]


def with_downstream(jobs: list[RecordedJob], ancestry: Ancestry) -> list[RecordedJob]:
    """Return jobs and all that rests on them, makers first.

    Raises:
        BadInput: the records go round in a circle.
    """
    made = [output.path for job in jobs for output in job.identity.outputs]
    within = dict.fromkeys([*jobs, *ancestry.downstream(made)])
    order = {job: [maker for maker in ancestry.parents(job) if maker in within] for job in within}
    try:
        return list(graphlib.TopologicalSorter(order).static_order())
    except graphlib.CycleError as circle:
        raise BadInput(
            f"{circle.args[1][0].path}: its outputs are among what it rests on"
        ) from None


def _require_repeatable(jobs: list[RecordedJob], study: str) -> None:
    """Require that jobs can be made again here, before hours are spent on the first of them.

    Raises:
        BadInput: an input that none of them makes is not here, code is other than it was, or a
            record is not what it says.
    """
    known = acceptances.Acceptances(study)
    makes = {output.path for job in jobs for output in job.identity.outputs}
    seen: set[tuple[str, str]] = set()
    for job in jobs:
        record, identity = job.record, job.identity
        if job.rule not in RULES:
            raise BadInput(f"{job.path}: rule {job.rule[:80]!r} is none that is known here")
        if record.id != (actual := record.hashed_id):
            raise BadInput(f"{job.path}: id: found {record.id}; its identity hashes to {actual}")
        if ledger.path_of(study, job.rule, identity.wildcards) != job.path:
            raise BadInput(f"{job.path}: holds the record of another job")
        kinds = fingerprint.kinds_of(job.rule, identity.settings)
        now = fingerprint.fingerprint(job.rule, kinds)
        if not known.same(job.rule, identity.code.fingerprint, now):
            changed = different(identity.code.modules, fingerprint.modules(job.rule, kinds))
            raise BadInput(
                f"{job.path}: code: {', '.join(changed)} changed since; git checkout "
                f"{record.circumstances.git.commit} to repeat what was done then"
            )
        for file in identity.inputs:
            if file.path not in makes and (file.path, file.sha256) not in seen:
                verified(job.path, file)
                seen.add((file.path, file.sha256))


def reproduce(chains: list[list[RecordedJob]], study: str) -> Iterator[Outcome]:
    """Make jobs again, in scratch folders; yield how each compares, once it is done.

    Args:
        chains: jobs, makers first; each reads what those before it in its chain have made now, and
            else the recorded files.
        study: its name.

    Raises:
        BadInput: an input is not here, code is other than it was, or a stage cannot be run with
            the recorded settings.
    """
    for jobs in chains:
        _require_repeatable(jobs, study)
    for jobs in chains:
        yield from _made_again(jobs)


def _made_again(jobs: list[RecordedJob]) -> Iterator[Outcome]:
    # Files made now that are not as recorded, where other bytes had to be expected.
    elsewhere: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="scaletrace-") as scratch:
        for job in jobs:
            print(untrusted.printable([f"{job.name} …"]), file=sys.stderr, flush=True)
            same, where = on_same_machine(job.record)
            for file in job.identity.inputs:
                if same and file.path in elsewhere:
                    same, where = False, f"rests on {elsewhere[file.path]}, which is not comparable"
            made = repeat(job.path, job.record, Path(scratch))
            outputs = tuple(
                _compared(output.path, output.sha256, made[output.name])
                for output in job.identity.outputs
            )
            if not same:
                elsewhere |= {o.path: job.name for o in outputs if o.recorded != o.found}
            yield Outcome(job.name, RULES[job.rule].kind, outputs, same, where)


def _compared(path: str, recorded: str, made: Path) -> Output:
    found = str(files.hashes(made)["sha256"])
    there = Path(path)
    if found == recorded:
        return Output(path, recorded, found)
    if not there.is_file() or files.hashes(there)["sha256"] != recorded:
        return Output(path, recorded, found, agrees=False)
    differing = apart(there, made, exactly=True)
    return Output(
        path,
        recorded,
        found,
        agrees=bool(values(there)) and not apart(there, made, exactly=False),
        apart={at: (str(a), str(b)) for at, (a, b) in list(differing.items())[:MOST_NAMED]},
    )


def to_text(outcome: Outcome) -> str:
    """Return an outcome for people: each file, values that differ, and what the comparison says."""
    lines: list[str] = []
    for output in outcome.outputs:
        same = output.recorded == output.found
        lines.append(f"{output.path}: {'equal' if same else 'other'}, sha256 {output.found}")
        lines += [f"  {at}: recorded {a}, now {b}" for at, (a, b) in output.apart.items()]
    said = {
        "reproduced": "reproduced bit for bit",
        "agrees": "agrees to one part in a million, not byte for byte, with what was made on "
        f"another kind of machine ({outcome.where})",
        "differs": f"differs, on the same kind of machine ({outcome.where})",
        "not comparable": f"not comparable: {outcome.where}",
    }
    return untrusted.printable([*lines, f"{outcome.job}: {said[outcome.result]}"])


def summary(outcomes: list[Outcome]) -> str:
    """Return in a line what came out of several jobs."""
    others = [outcome for outcome in outcomes if outcome.result != "reproduced"]
    if not others:
        return f"{len(outcomes)} of {len(outcomes)} jobs: reproduced bit for bit"
    counts = Counter(outcome.result for outcome in outcomes)
    results = ", ".join(f"{count} {result}" for result, count in counts.items())
    return f"{len(outcomes)} jobs: {results}; the first is {others[0].job}: {others[0].result}"
