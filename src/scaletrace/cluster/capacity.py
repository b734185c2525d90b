"""What a SLURM cluster can give, asked before jobs are submitted that would wait for ever."""

import dataclasses
import math
import re
import sys
from collections.abc import Mapping
from typing import Any

from scaletrace.cluster.site import read_partitions
from scaletrace.cluster.slurm import ask, seconds

PATIENCE = 30
SINFO = ("sinfo", "--exact", "--noheader", "--format", "%P|%m|%c|%G|%l")


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Nodes of one kind in one partition, and the partition's time limit."""

    partition: str
    memory_mb: int
    cpus: int
    gpus: int
    minutes: float
    default: bool


@dataclasses.dataclass(frozen=True)
class Need:
    """What one submission asks for; zero where it does not say."""

    name: str
    partition: str | None
    memory_mb: int
    cpus: int
    gpus: int
    minutes: int


@dataclasses.dataclass(frozen=True)
class Room:
    """How many times its time and its memory a submission could have."""

    minutes: float = math.inf
    memory: float = math.inf


# Attribute of nodes and needs, and the words for an amount of it.
AMOUNTS = {
    "memory_mb": "{:,.0f} MB",
    "cpus": "{:,.0f} CPUs",
    "gpus": "{:,.0f} GPUs",
    "minutes": "{:,.0f} minutes",
}


def minutes(limit: str) -> float:
    """Return a time limit of sinfo in minutes: no end where it is `infinite` or `n/a`."""
    known = seconds(limit)
    return math.inf if known is None else known / 60


def parse(printed: str) -> list[Nodes]:
    """Return the nodes of which sinfo said this, asked as in `SINFO`."""
    groups = []
    for line in printed.split():
        partition, memory, cpus, gres, limit = line.split("|")
        gpus = sum(int(count) for count in re.findall(r"gpu(?::[^:,(]+)?:(\d+)", gres))
        name = partition.removesuffix("*")
        default = partition != name
        groups.append(Nodes(name, int(memory), int(cpus), gpus, minutes(limit), default))
    return groups


def need(job: Any) -> Need:
    """Return what a job or group of Snakemake asks for."""

    def number(name: str) -> int:
        amount = job.resources.get(name, 0)
        return amount if isinstance(amount, int) else 0

    gres = re.search(r"gpu(?::[^:]+)?:(\d+)", str(job.resources.get("gres", "")))
    jobs = getattr(job, "jobs", [job])
    names = [" ".join((each.rule.name, *map(str, each.wildcards))) for each in jobs]
    return Need(
        name=", ".join(sorted(names)),
        partition=job.resources.get("slurm_partition"),
        memory_mb=number("mem_mb"),
        cpus=number("cpus_per_task") or job.threads,
        gpus=number("gpu") or int(gres[1] if gres else 0),
        minutes=number("runtime"),
    )


def reachable(
    need: Need, there: list[Nodes], partitions: Mapping[str, Mapping[str, Any]]
) -> list[Nodes]:
    """Return the nodes that a submission may go to, whether they suffice or not.

    None where it may go to partitions of which sinfo says nothing.

    Args:
        need: what it asks for.
        there: the cluster's nodes.
        partitions: that jobs are distributed over, with the table's limits; a job that fits into
            none of them is sent to the default partition, and without any all are.
    """
    if need.partition:
        wanted = need.partition.split(",")
        return [node for node in there if node.partition in wanted]
    if partitions.keys() - {node.partition for node in there}:
        return []
    tabled = [
        _limited(node, partitions[node.partition]) for node in there if node.partition in partitions
    ]
    if able(need, tabled):
        return tabled
    return tabled + [node for node in there if node.default]


def _limited(node: Nodes, limits: Mapping[str, Any]) -> Nodes:
    """Return a node as a partition table lets jobs use it."""
    return dataclasses.replace(
        node,
        memory_mb=min(node.memory_mb, limits.get("max_mem_mb", math.inf)),
        cpus=min(
            node.cpus, *(limits.get(key, math.inf) for key in ("max_threads", "max_cpus_per_task"))
        ),
        gpus=min(node.gpus, limits.get("max_gpu", 0)),
        minutes=min(node.minutes, limits.get("max_runtime", math.inf)),
    )


def able(need: Need, nodes: list[Nodes]) -> list[Nodes]:
    """Return the nodes that give all that a submission asks for."""
    return [
        node
        for node in nodes
        if all(getattr(need, name) <= getattr(node, name) for name in AMOUNTS)
    ]


def refusal(need: Need, nodes: list[Nodes]) -> str | None:
    """Return why none of the nodes could ever run a submission, and None where one could."""
    if not nodes or able(need, nodes):
        return None
    where = f"partition {' and '.join(sorted({node.partition for node in nodes}))}"
    for name, words in AMOUNTS.items():
        asked, most = getattr(need, name), max(getattr(node, name) for node in nodes)
        if asked > most:
            return f"{need.name}: needs {words.format(asked)}; {where} gives {words.format(most)}"
    together = ", ".join(words.format(getattr(need, name)) for name, words in AMOUNTS.items())
    return f"{need.name}: needs {together}; no node of {where} gives all of that"


def crowded(job: Any) -> str | None:
    """Return why a job or group cannot do with the part of a GPU that it asks for."""
    gres = str(job.resources.get("gres", ""))
    if not gres or gres.startswith("gpu") or job.threads == 1:
        return None
    return (
        f"{need(job).name}: trained by {job.threads} processes, and all of them would share "
        f"{gres}; take gpu_share out of slurm/site.yaml for this study"
    )


def room(need: Need, nodes: list[Nodes]) -> Room:
    """Return how far the later attempts of a submission may grow, before they would wait for ever.

    The node with the longest time limit tells, of those that could run the first attempt.
    """
    fitting = able(need, nodes)
    if not fitting:
        return Room()
    most = max(fitting, key=lambda node: (node.minutes, node.memory_mb))
    return Room(most.minutes / max(1, need.minutes), most.memory_mb / max(1, need.memory_mb))


def require_possible_or_exit(workflow: Any) -> dict[frozenset[tuple[str, str]], Room]:
    """End with one line per submission that no node of the cluster could ever run.

    So too where no cluster answers: snakemake would wait for one for ever.

    Args:
        workflow: Snakemake's, about to start; nothing is asked where its jobs do not go to SLURM.

    Returns:
        How far the later attempts of the submissions may grow, by the wildcards of their jobs.
    """
    if workflow.executor_plugin.name != "slurm":
        return {}
    partitions = read_partitions(getattr(workflow.executor_settings, "partition_config", None))
    said = ask(*SINFO, patience=PATIENCE)
    if said.returncode:
        last = (said.stderr.strip() or f"sinfo ends with {said.returncode}").splitlines()[-1]
        print(f"nothing was submitted, for SLURM does not answer: {last}; see scaletrace doctor")
        sys.exit(1)
    there, dag = parse(said.stdout), workflow.dag
    waiting = [job for job in dag.needrun_jobs() if not job.is_local]
    lines, rooms = [], {}
    for submission in dict.fromkeys(dag.get_job_group(job) or job for job in waiting):
        asked = need(submission)
        within = reachable(asked, there, partitions)
        lines.append(refusal(asked, within))
        for job in getattr(submission, "jobs", [submission]):
            rooms[frozenset(job.wildcards.items())] = room(asked, within)
        lines.append(crowded(submission))
    if lines := [line for line in lines if line]:
        print("\n".join(["nothing was submitted, for this would wait for ever:", *lines]))
        sys.exit(1)
    return rooms
