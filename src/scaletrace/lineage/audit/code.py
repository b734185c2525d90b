"""Is the code that each record names the code that stands in the commit it names?"""

import contextlib
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from scaletrace.jobs import meaning
from scaletrace.jobs.acceptances import Acceptances
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.sources import Sources
from scaletrace.lineage import code_at
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.audit.finding import Finding, Scope
from scaletrace.lineage.snapshot import module_paths, objects

UNCOMMITTED = "ran with uncommitted changes, which no commit shows"
NO_COMMIT = "name no commit of this repository"
MODULE = r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*"


def check(scope: Scope, asked: dict[Path, AskedJob]) -> Iterator[Finding]:
    """Read the modules of every fingerprint at the recorded commit, and hash their meaning.

    Code that no commit shows is noted where it is the installed code; else it is not verified.
    """
    by_commit: dict[str, dict[tuple[str, str], list[RecordedJob]]] = {}
    reaching: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[RecordedJob]] = {}
    unknown, dirty = set[RecordedJob](), set[RecordedJob]()
    for job in scope.jobs:
        git = job.record.circumstances.git
        commit = git.commit or ""
        if not re.fullmatch("[0-9a-f]{40,64}", commit):
            unknown.add(job)
            continue
        changed = [str(line) for line in git.changed or ()]
        odd = [m for m in job.identity.code.modules if not re.fullmatch(MODULE, m)]
        if odd:
            yield scope.finding(str(job.path), "code.modules", "names of modules", odd[0])
        elif job.identity.code.scheme > 1:
            sources = code_at.of_commit(commit)
            if sources is None:
                unknown.add(job)
            elif any(_touches_code(line, job, sources) for line in changed):
                dirty.add(job)
            else:
                modules = tuple(sorted(job.identity.code.modules.items()))
                reaching.setdefault((commit, job.rule, modules), []).append(job)
        else:
            if left_out := _left_out(commit, job):
                expected = f"{min(left_out)}, which runs too"
                yield scope.finding(str(job.path), "code.modules", expected, "not named")
            for module, digest in job.identity.code.modules.items():
                if any(_touches(line, path) for line in changed for path in module_paths(module)):
                    dirty.add(job)
                else:
                    held = by_commit.setdefault(commit, {})
                    held.setdefault((module, digest), []).append(job)
    yield from _compare(scope, by_commit, unknown)
    for (commit, rule, modules), jobs in reaching.items():
        yield from _compare_reached(scope, commit, rule, dict(modules), jobs)
    known, installed = Acceptances(scope.study), set[RecordedJob]()
    for job in dirty | unknown:
        wanted = asked.get(job.path)
        code = job.identity.code.fingerprint
        if wanted and known.same(job.rule, code, wanted.fingerprint):
            installed.add(job)
    for jobs, told, why in (
        (dirty & installed, scope.notes, UNCOMMITTED),
        (unknown & installed, scope.notes, NO_COMMIT),
        (dirty - installed, scope.unverified, UNCOMMITTED),
        (unknown - installed, scope.unverified, NO_COMMIT),
    ):
        if jobs:
            first = min(job.name for job in jobs)
            only = "of their code only the fingerprint is known"
            told.append(f"{len(jobs)} jobs {why}: {only} ({first})")


def _compare(
    scope: Scope,
    by_commit: dict[str, dict[tuple[str, str], list[RecordedJob]]],
    unknown: set[RecordedJob],
) -> Iterator[Finding]:
    wanted = [
        f"{commit}:{path}"
        for commit, modules in by_commit.items()
        for module in dict.fromkeys(module for module, _ in modules)
        for path in module_paths(module)
    ]
    sources = objects([*by_commit, *wanted])
    for commit, modules in by_commit.items():
        if sources.get(commit) is None:
            unknown |= {job for jobs in modules.values() for job in jobs}
            continue
        for (module, digest), jobs in modules.items():
            texts = (sources.get(f"{commit}:{path}") for path in module_paths(module))
            text = next((text for text in texts if text is not None), None)
            actual = "no such module" if text is None else _meaning(text)
            if actual != digest:
                yield Finding(
                    f"{commit[:12]}:{module_paths(module)[-1]}",
                    f"code.modules.{module}",
                    f"{digest} as in {jobs[0].path}",
                    actual,
                    _resting(scope, jobs),
                )


def _compare_reached(
    scope: Scope, commit: str, rule: str, modules: dict[str, str], jobs: list[RecordedJob]
) -> Iterator[Finding]:
    """Compare what counts for jobs in a commit with what their records say of it."""
    sources = code_at.of_commit(commit)
    reached = code_at.counted(sources, rule, modules) if sources else None
    actual = {name: one.hash for name, one in (reached or {}).items()}
    why = "no code of this stage" if reached is None else "nothing that counts"
    for name in sorted(modules.keys() | actual.keys()):
        expected, here = modules.get(name), actual.get(name)
        if expected != here:
            yield Finding(
                f"{commit[:12]}:{_place(name, sources)}",
                f"code.modules.{name}",
                f"{expected or 'not named'} as in {jobs[0].path}",
                here or why,
                _resting(scope, jobs),
            )


def _left_out(commit: str, job: RecordedJob) -> set[str]:
    """Return what a job loads in a commit and its record, by the first scheme, does not name."""
    sources, named = code_at.of_commit(commit), job.identity.code.modules
    return code_at.loaded(sources, job.rule, named) - named.keys() if sources else set()


def _place(name: str, sources: Sources | None) -> str:
    module = None
    # A text that no parser gets through is named where a module of its name would lie.
    with contextlib.suppress(*code_at.NO_PYTHON):
        module = sources.module(name) if sources else None
    return module_paths(name)[0 if module is not None and module.package == name else 1]


def _resting(scope: Scope, jobs: list[RecordedJob]) -> tuple[str, ...]:
    return tuple(sorted({n for j in jobs for n in (j.name, *scope.affected(str(j.path)))}))


def _touches(line: str, path: str) -> bool:
    """Tell whether a line of `git status --porcelain` is about a file or a folder around it."""
    name = line.strip().split(" ")[-1].strip('"')
    return path == name or (name.endswith("/") and path.startswith(name))


def _touches_code(line: str, job: RecordedJob, sources: Sources) -> bool:
    """Tell whether a line of `git status --porcelain` is about code that a job may have run."""
    modules = code_at.loaded(sources, job.rule, job.identity.code.modules)
    return any(_touches(line, path) for name in modules for path in module_paths(name))


@functools.lru_cache(maxsize=4096)
def _meaning(source: bytes) -> str:
    try:
        return meaning.module_meaning(source.decode("utf-8"))
    except code_at.NO_PYTHON as error:
        return f"no Python ({error})"
