"""What SLURM says of jobs: asked for, waiting, running, accounted. Nothing where there is none."""

import dataclasses
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 20
QUEUE_FORMAT = "%i|%T|%N|%r|%k|%j|%Z"
ACCOUNT_FIELDS = ("JobIDRaw", "State", "ElapsedRaw", "TotalCPU", "MaxRSS", "ReqMem", "TimelimitRaw")
MEMORY_UNITS = {"": 1 / 2**20, "K": 1 / 2**10, "M": 1.0, "G": 2.0**10, "T": 2.0**20}
# The group of slurm/config.yaml that is no run.
TEXT = "text"


@dataclasses.dataclass(frozen=True)
class Queued:
    """A job in SLURM's queue; `name` is the plugin's comment: rule_RULE_wildcards_VALUES."""

    job: str
    state: str
    node: str
    reason: str
    name: str


def ask(*words: str, patience: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a command of SLURM; one that is missing or does not answer in time has failed, too."""
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=patience)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))


def _ask(*words: str) -> str:
    """Return what a command of SLURM prints; nothing where it fails."""
    done = ask(*words)
    return "" if done.returncode else done.stdout


def megabytes(text: str) -> float | None:
    """Return MiB from SLURM's 4000M, 4G or 123456K; None where it is no such amount."""
    amount = re.fullmatch(r"([0-9.]+)([KMGT]?)[cn]?", text)
    return float(amount[1]) * MEMORY_UNITS[amount[2]] if amount else None


def seconds(text: str) -> float | None:
    """Return seconds from SLURM's [days-][hours:]minutes:seconds; None where it is no such time."""
    clock = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", text)
    if not clock:
        return None
    days, hours, minutes, rest = (float(part or 0) for part in clock.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def requested() -> dict[str, Any] | None:
    """Return what the SLURM job around this process asked for; None outside of SLURM.

    minutes: time limit. memory_mb: on each node, MiB. What SLURM does not say is None.
    """
    job = os.environ.get("SLURM_JOB_ID")
    answer = _ask("scontrol", "--oneliner", "show", "job", job) if job else ""
    if not answer:
        return None
    fields = dict(word.split("=", 1) for word in answer.split() if "=" in word)
    limit = seconds(fields.get("TimeLimit", ""))
    gpus = re.search(r"gres[/:]gpu(?::[A-Za-z]\w*)?[=:](\d+)", answer)
    cpus = fields.get("NumCPUs", "")
    return {
        "partition": fields.get("Partition"),
        "minutes": limit and limit / 60,
        "memory_mb": megabytes(fields.get("MinMemoryNode", "")),
        "cpus": int(cpus) if cpus.isdigit() else None,
        "gpus": int(gpus[1]) if gpus else 0,
    }


def queue(prefix: str) -> list[Queued]:
    """Return this user's jobs in the queue that were submitted here, under names PREFIX_…."""
    answer = _ask("squeue", "--me", "--array", "--noheader", "--format", QUEUE_FORMAT)
    rows = [line.split("|", 6) for line in answer.splitlines()]
    return [
        Queued(*row[:5])
        for row in rows
        if len(row) == 7 and row[5].rpartition("_")[0] == prefix and _is_here(row[6])
    ]


def _is_here(folder: str) -> bool:
    return Path(folder).resolve() == Path.cwd().resolve()


def names(comment: str, rules: Iterable[str]) -> list[str]:
    """Return the jobs that a submission stands for, each as its rule and the rest of its name.

    A group's comment is rule_GROUP_RULE_RULE, where the group is a run's name or `text`.

    Args:
        comment: the plugin's.
        rules: names of the rules that may share submissions.
    """
    rule, _, values = comment.removeprefix("rule_").partition("_wildcards_")
    known = "|".join(rules)
    group = re.fullmatch(rf"(.+?)_((?:{known})(?:_(?:{known}))*)", rule)
    if values or not group:
        return [f"{rule} {values}"]
    run = "" if group[1] == TEXT else group[1]
    return [f"{rule} {run}" for rule in group[2].split("_")]


def logs(folder: Path) -> dict[str, Path]:
    """Return the files with what SLURM printed for submissions, under a folder of such, by id.

    The plugin deletes that of a submission that succeeded.
    """
    # As the plugin lays them down; what else lies in the folder, which may be any, is not walked.
    patterns = ("rule_*/**/*.log", "group_*/**/*.log")
    return {path.stem: path for pattern in patterns for path in folder.glob(pattern)}


def last_logs(folder: Path, rules: Iterable[str]) -> dict[str, Path]:
    """Return the newest of those files by job, named as in `names`."""
    newest: dict[str, Path] = {}
    for path in sorted(logs(folder).values(), key=lambda path: path.stat().st_mtime):
        place, *values = path.relative_to(folder).parent.parts
        comment = "_wildcards_".join((place.replace("group_", "rule_", 1), *values))
        newest.update(dict.fromkeys(names(comment, rules), path))
    return newest


def accounted(jobs: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return what accounting holds of jobs, by id; steps fill in what the job itself leaves open.

    Of a job that was queued again under its number it is the last execution, and `EarlierRaw` the
    seconds of those before. Empty where there is no accounting.
    """
    wanted = sorted(set(jobs))
    if not wanted:
        return {}
    form = ["--parsable2", "--noheader", "--format", ",".join(ACCOUNT_FIELDS)]
    answer = _ask("sacct", "--duplicates", *form, "--jobs", ",".join(wanted))
    accounts: dict[str, dict[str, str]] = {}
    for line in answer.splitlines():
        row = dict(zip(ACCOUNT_FIELDS, line.split("|"), strict=False))
        job, _, step = row.pop("JobIDRaw").partition(".")
        if not step and (before := accounts.pop(job, None)):
            earlier = int(before.get("EarlierRaw", 0)) + int(before.get("ElapsedRaw", 0))
            accounts[job] = {"EarlierRaw": str(earlier)}
        known = accounts.setdefault(job, {})
        for name, value in row.items():
            largest = name == "MaxRSS" and (megabytes(value) or 0) > (
                megabytes(known.get(name, "")) or 0
            )
            if value and (largest or not known.get(name)):
                known[name] = value
    return accounts
