"""What the Snakefile and the rules ask of the package, and how they end where it cannot answer."""

import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.io import temp

from scaletrace import contract
from scaletrace.cluster.capacity import Room
from scaletrace.errors import BadInput
from scaletrace.jobs import fingerprint, history, planted
from scaletrace.jobs.command import argument, describe
from scaletrace.jobs.planned import open_graph
from scaletrace.study.config import file_of
from scaletrace.study.cost import mb_to_ask, minutes_to_ask
from scaletrace.study.graph import Graph, Job
from scaletrace.study.rules import RULES

DEFAULT = file_of("demo")


def study_file(configfiles: list[Path], config: dict[str, Any]) -> Path:
    """Return the one study file of an invocation of snakemake.

    Raises:
        BadInput: there are two, or single keys were given on the command line.
    """
    if config:
        raise BadInput(
            f"--config: found {', '.join(config)}; a study is one file, so that its results can "
            "be traced to it: edit a copy and give it with --configfile"
        )
    if len(configfiles) > 1:
        raise BadInput(
            f"--configfile: found {' and '.join(map(str, configfiles))}; snakemake would merge "
            "them: give one, and name a file that is to be made before --configfile"
        )
    if not configfiles:
        return DEFAULT
    path = Path(configfiles[0])
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def open_graph_or_exit(configfiles: list[Path], config: dict[str, Any]) -> Graph:
    """Return what `open_graph` does; end with the message alone and exit code 2 if it cannot.

    So it ends in a clone that brings what stands for results or code. No process that is started
    from here on, on a cluster's nodes either, takes a module of the working folder for a library.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        planted.require_none()
        path = study_file(configfiles, config)
        graph = open_graph(path)
        history.announce(path, graph.study)
        return graph
    except BadInput as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)


def tell_failures(graph: Graph) -> None:
    """Print the failed jobs of a study, each with its reason and its log, and what helps then."""
    from scaletrace.jobs.status import Status

    statuses = Status(graph.plan, list(graph.jobs())).look().values()
    failed = [one for one in statuses if one.state == "failed"]
    if failed:
        print("\nfailed:", file=sys.stderr)
    for one in failed:
        print(f"  {one.job.name}: {one.failed[-1].problem}", file=sys.stderr)
        print(f"      {one.job.log}", file=sys.stderr)
    if any(one.job.run for one in failed):
        print(
            "The same command tries again and goes on from what is saved. A run that cannot be "
            "helped goes under `exclude: {RUN: reason}` in the study file; the rest is then "
            "completed without it.",
            file=sys.stderr,
        )


@functools.cache
def stage(name: str, kinds: tuple[str, ...]) -> str:
    """Return a stage as STAGE@FINGERPRINT: a change of its code is a change of this parameter.

    Args:
        name: of the stage.
        kinds: modules that it loads by name.
    """
    return f"{name}@{fingerprint.fingerprint(name, kinds)}"


class Asked:
    """What a rule file asks of the graph: for each directive of a rule what it says of a job.

    Args:
        graph: the study's.
        rule: name of the rule.
        room: how far the cluster lets a job grow, by its wildcards; filled in when jobs are about
            to be submitted.
    """

    def __init__(
        self, graph: Graph, rule: str, room: Mapping[frozenset[tuple[str, str]], Room]
    ) -> None:
        self._graph, self._room = graph, room
        self._rule = RULES[rule]
        keep = graph.plan.study.keep
        self.outputs = {
            name: temp(pattern) if keep.drops(pattern) else pattern
            for name, pattern in self._rule.patterns(graph.study).items()
        }
        self.log = str(graph.results / self._rule.log)
        self._words = functools.cache(self._tell)

    def _job(self, wildcards: Any) -> Job:
        return self._graph.job(self._rule.name, *wildcards)

    def _tell(self, *wildcards: str) -> tuple[str, str]:
        """Return a job's stage and settings as words of its command."""
        settings = self._graph.job(self._rule.name, *wildcards).settings()
        word = argument(self._graph.study, contract.plain(settings))
        return stage(self._rule.name, contract.kinds(self._rule.stage, settings)), word

    def inputs(self, wildcards: Any) -> dict[str, Any]:
        """Return the inputs of a job by name."""
        inputs = self._job(wildcards).inputs
        return {
            name: [str(path) for path in paths]
            if isinstance(getattr(inputs, name), tuple)
            else str(paths[0])
            for name, paths in contract.files_by_name(inputs).items()
        }

    def stage(self, wildcards: Any) -> str:
        """Return STAGE@FINGERPRINT."""
        return self._words(*wildcards)[0]

    def settings(self, wildcards: Any) -> str:
        """Return the settings as a word of the command."""
        return self._words(*wildcards)[1]

    # Snakemake remembers no parameter that depends on inputs or outputs, and this one repeats them.
    def job(self, wildcards: Any, input: Any, output: Any) -> str:
        """Return wildcards, inputs and outputs as a word of the command."""
        drops = any(map(self._graph.plan.study.keep.drops, output))
        return describe(self._graph.study, wildcards, input, output, cached=not drops)

    def priority(self, wildcards: Any) -> int:
        """Return how urgent a job is."""
        return self._job(wildcards).priority

    def cores(self, wildcards: Any) -> int:
        """Return the processes that work together in a job, a core each."""
        return self._job(wildcards).takes.cores

    def gpus(self, wildcards: Any) -> int:
        """Return the GPUs of a job."""
        return self._job(wildcards).takes.gpus

    # What each job asks a scheduler for: its estimate with room to spare, more after a failure.

    def minutes(self, wildcards: Any, attempt: int) -> int:
        """Return the time limit of an attempt at a job."""
        times = min(attempt, self._room_of(wildcards).minutes)
        return minutes_to_ask(self._job(wildcards).takes.seconds, times)

    def memory(self, wildcards: Any, attempt: int) -> int:
        """Return the memory limit of an attempt at a job, MiB."""
        times = min(attempt, self._room_of(wildcards).memory)
        return mb_to_ask(self._job(wildcards).takes.memory_mb, times)

    def _room_of(self, wildcards: Any) -> Room:
        return self._room.get(frozenset(wildcards.items()), Room())
