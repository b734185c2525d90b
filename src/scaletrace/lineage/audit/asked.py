"""Were the jobs run with what the configuration asks for now?"""

from collections.abc import Iterator
from pathlib import Path

from scaletrace.formats.record import Identity
from scaletrace.jobs import libraries
from scaletrace.jobs.acceptances import Acceptances, sentence
from scaletrace.jobs.command import AskedJob
from scaletrace.lineage import drift
from scaletrace.lineage.audit.finding import Finding, Scope


def check(scope: Scope, study_file: Path, asked: dict[Path, AskedJob]) -> Iterator[Finding]:
    """Compare each job of the workflow's graph with its record.

    What the graph asks for follows from the configuration and the rules alone: times and
    Snakemake's metadata, which `snakemake --touch` rewrites, have no part in it.

    Args:
        scope: what to audit.
        study_file: the configuration.
        asked: every job of the graph by its record's path.
    """
    recorded = {job.path: job for job in scope.ancestry.jobs}
    within = {job.path for job in scope.jobs}
    moved, stale = set(), sorted(recorded.keys() - asked.keys())
    known, accepted = Acceptances(scope.study), dict[str, None]()
    for path, wanted in asked.items():
        job = recorded.get(path)
        if job is None:
            if scope.whole and path not in scope.ancestry.unreadable:
                yield Finding(str(path), "file", f"a record of {drift.job_name(wanted)}", "missing")
            continue
        if path not in within:
            continue
        if absent := [name for name in job.packages if not libraries.has(name)]:
            scope.notes.append(
                f"{', '.join(absent)}: not installed here; that these are the versions that the "
                "text was read from rests on its record"
            )
        for field, then, now in _differences(job.identity, wanted):
            affects = (job.name, *scope.affected(str(path)))
            if field.startswith(drift.PACKAGES) and then and now:
                scope.notes.append(
                    f"{field.removeprefix(drift.PACKAGES)} {then} was read, {now} is installed here"
                )
            else:
                yield Finding(str(study_file), field, str(then), str(now), affects)
        then = job.identity.code.fingerprint
        steps = known.between(job.rule, then, wanted.fingerprint)
        if steps is None:
            moved.add(job.rule)
        accepted.update(dict.fromkeys(map(sentence, steps or ())))
    scope.notes += accepted
    if moved:
        scope.notes.append(
            f"the code of {', '.join(sorted(moved))} here is not that which made the results: "
            "snakemake would run these jobs again"
        )
    if stale and scope.whole:
        scope.notes.append(
            f"{len(stale)} records are of jobs that the configuration does not ask for: {stale[0]}"
        )


def _differences(identity: Identity, wanted: AskedJob) -> Iterator[tuple[str, object, object]]:
    """Yield field, recorded value and asked value, where they differ."""
    sides = [(drift.leaves(identity.settings), drift.leaves(wanted.settings))]
    read = [(n, p) for n, paths in wanted.inputs.items() for p in paths]
    for side, recorded, files in (
        ("inputs", identity.inputs, read),
        ("outputs", identity.outputs, list(wanted.outputs.items())),
    ):
        made = {f"{side}: {file.path}": file.name for file in recorded}
        sides.append((made, {f"{side}: {path}": name for name, path in files}))
    for then, now in sides:
        for field in sorted(then.keys() | now.keys()):
            if then.get(field) != now.get(field) or (field in then) != (field in now):
                yield field, then.get(field), now.get(field)
