"""Say whether jobs can run here and on a cluster's compute nodes, and what to do where not.

Looks at this machine and, where SLURM is, at the cluster and, through a short job, at a compute
node: Python and packages against the lock, GPU, folders, clocks, DVC remote. Exit code 1 when
something is wrong.
"""

import argparse
import dataclasses
import json
import shutil
import socket
import time
import uuid
from typing import Any

from scaletrace import python_command
from scaletrace.cluster.checks import SHARED, SKEW_SECONDS, Check, checks
from scaletrace.cluster.polling import LONGEST_POLL, known_seconds, sacct_answers, status_command
from scaletrace.cluster.site import Site, read_partitions, read_site
from scaletrace.cluster.slurm import ask

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
MARKS = {True: "✓", False: "✗", None: "-"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--gpu", action="store_true", help="ask the compute node for a GPU")
    parser.add_argument(
        "--wait", type=int, default=300, metavar="SECONDS", help="for the job to start (300)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings of every place that was looked at."""
    site = read_site()
    places = {f"this machine, {socket.gethostname()}": checks()}
    if shutil.which("sbatch") is None:
        places["cluster"] = [
            Check("SLURM", None, "none here (no sbatch); jobs run on this machine")
        ]
    else:
        places["cluster"] = results = _cluster(site)
        if all(check.good is not False for check in results if check.name != "preemption"):
            name, there = _compute_node(site, arguments.gpu, arguments.wait)
            places[name] = there
    good = all(check.good is not False for results in places.values() for check in results)
    if arguments.json:
        listed = {
            place: [dataclasses.asdict(check) for check in results]
            for place, results in places.items()
        }
        print(json.dumps({"good": good, "places": listed}, indent=2, ensure_ascii=False))
    else:
        for place, results in places.items():
            _print(place, results)
    return 0 if good else 1


def _print(place: str, results: list[Check]) -> None:
    print(place)
    for check in results:
        print(f"  {MARKS[check.good]} {check.name}: {check.found}")
        if check.good is False and check.remedy:
            print(f"      {check.remedy}")


def _cluster(site: Site) -> list[Check]:
    missing = [name for name in COMMANDS if shutil.which(name) is None]
    commands = Check(
        "SLURM commands",
        not missing,
        f"not found: {', '.join(missing)}" if missing else "found",
        "install slurm-client, or load the site's module",
    )
    answer = ask("scontrol", "show", "config")
    if answer.returncode:
        reason = (answer.stderr.strip() or "scontrol fails").splitlines()[0][:200]
        remedy = "export SLURM_CONF=the cluster's slurm.conf, or ask whether slurmctld is down"
        return [commands, Check("slurmctld", False, reason, remedy)]
    lines = [line.partition("=") for line in answer.stdout.splitlines()]
    settings = {name.strip(): value.strip() for name, _, value in lines}
    return [
        commands,
        Check("slurmctld", True, f"{settings['ClusterName']}, SLURM {settings['SLURM_VERSION']}"),
        _status_of_jobs(site, int(settings["MinJobAge"].split()[0])),
        _preemption(site),
        _partitions(site),
    ]


def _status_of_jobs(site: Site, age: int) -> Check:
    """Look at what answers how jobs are; `age` is how long SLURM knows finished ones, seconds."""
    name = "status of jobs"
    if status_command(site) == "sacct":
        if not sacct_answers():
            remedy = "slurm/site.yaml: status: squeue, for this cluster keeps no accounts"
            return Check(name, False, "sacct does not answer", remedy)
        answer = (
            "sacct answers; after scancel stop snakemake and start it again, for it waits for ever "
            "for a job that sacct calls cancelled"
        )
        return Check(name, None, answer)
    needed = known_seconds(site)
    return Check(
        name,
        age >= needed,
        f"squeue answers; finished jobs are known for {age} s",
        f"snakemake may ask too late: MinJobAge has to be {needed} s or more without accounting"
        + ("; or poll_seconds smaller in slurm/site.yaml" if needed > LONGEST_POLL else ""),
    )


def _wanted(site: Site) -> set[str]:
    if site.partition:
        return set(site.partition.split(","))
    return set(read_partitions(site.partitions))


def _preemption(site: Site) -> Check:
    """Look at the partitions that jobs may go to; at all where the site names none."""
    lines = ask("scontrol", "--oneliner", "show", "partition").stdout.splitlines()
    shown = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
    modes = {one["PartitionName"]: one.get("PreemptMode", "OFF") for one in shown}
    wanted = _wanted(site) & modes.keys() or modes.keys()
    cancel = sorted(name for name in wanted if "CANCEL" in modes[name])
    return Check(
        "preemption",
        not cancel,
        f"cancels jobs of {', '.join(cancel)}" if cancel else "cancels no job",
        "snakemake waits for ever for a job that is preempted and cancelled: use a partition "
        "whose PreemptMode is REQUEUE or OFF",
    )


def _partitions(site: Site) -> Check:
    there = set(ask("sinfo", "--noheader", "--format", "%R").stdout.split())
    wanted = _wanted(site)
    unknown, sound = sorted(wanted - there), sorted(wanted or there)
    return Check(
        "partitions",
        not unknown,
        f"unknown: {', '.join(unknown)}" if unknown else ", ".join(sound),
        f"slurm/site.yaml: this cluster has {', '.join(sorted(there))}",
    )


def _compute_node(site: Site, gpu: bool, wait: int) -> tuple[str, list[Check]]:
    """Look at a compute node through a short job."""
    token = f".doctor-{uuid.uuid4().hex}"
    options = {
        "account": site.account,
        "partition": site.partition or ",".join(read_partitions(site.partitions)),
        "qos": site.qos,
        "constraint": site.constraint,
        "reservation": site.reservation,
        "gpus": "1" if gpu else None,
    }
    command = ["srun", "--time=2", "--ntasks=1", "--mem=2000", "--job-name=doctor", "--quiet"]
    command += [f"--{name}={value}" for name, value in options.items() if value]
    command.append(f"--immediate={wait}")
    (SHARED / token).touch()
    before = time.time()
    try:
        looks = python_command.words("scaletrace.cluster.checks", token)
        asked = ask(*command, *looks, patience=wait + 180)
        answer: dict[str, Any] = json.loads(asked.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        remedy = f"try it: {' '.join(command)} hostname"
        return "compute node", [Check("a short job", False, asked.stderr.strip()[-300:], remedy)]
    finally:
        (SHARED / token).unlink(missing_ok=True)
    # The answer was written between the two times, had both hosts the same clock.
    skew = max(before - answer["time"], answer["time"] - time.time(), 0.0)
    clock = Check(
        "clock against this machine",
        skew < SKEW_SECONDS,
        f"{skew:.1f} s apart at least" if skew else "no difference seen",
        "have both clocks synchronised (NTP)",
    )
    return f"compute node {answer['host']}", [*(Check(**c) for c in answer["checks"]), clock]
