"""The site file: what one cluster needs to know besides the profile, `slurm/site.yaml`."""

import contextlib
import dataclasses
import re
import sys
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from scaletrace.formats.fields import Count, Positive, Section
from scaletrace.formats.yaml_files import read

SITE = Path("slurm/site.yaml")
KEYS = "slurm/site.example.yaml"


class Site(Section):
    """A cluster's own settings; every key may be left out."""

    account: str | None = Field(None, description="account that is charged (sbatch --account)")
    partition: str | None = Field(None, description="partition for every job")
    partitions: Path | None = Field(
        None, description="partition table: each job goes to the partition that fits it best"
    )
    qos: str | None = Field(None, description="quality of service (sbatch --qos)")
    constraint: str | None = Field(None, description="node features (sbatch --constraint)")
    reservation: str | None = Field(None, description="reservation (sbatch --reservation)")
    logs: Path = Field(Path("work/slurm"), description="folder for the output of SLURM jobs")
    poll_seconds: Count = Field(30, description="between two questions to SLURM, seconds")
    warning_seconds: Count = Field(
        120, description="TERM comes this long before a job's time limit, seconds"
    )
    status: Literal["squeue", "sacct"] | None = Field(
        None, description="what answers how jobs are; without it, squeue if it can and sacct if not"
    )
    flops_per_s: Positive | None = Field(
        None,
        description="training speed of one GPU or core for time estimates, FLOP/s of a large model",
    )
    pack: Literal["run", "size"] = Field(
        "run",
        description="what shares a submission: a run's annealing and evaluation, or every job of "
        "a size and seed",
    )
    together: Count = Field(
        1, description="packs that share one submission, one after another in one allocation"
    )
    gpu_share: str | None = Field(
        None,
        pattern=r"^[a-z]+(:[\w.-]+)?:[0-9]+$",
        description="what training asks for in place of a GPU: shard:1, mps:25 (sbatch --gres)",
    )

    @model_validator(mode="after")
    def _sees_shares(self) -> Self:
        if self.gpu_share and self.partitions and not self.partition:
            raise ValueError(
                "gpu_share: a table (partitions) does not tell which partition has shares; "
                "name one (partition)"
            )
        return self

    @property
    def group(self) -> str:
        """The group of training's jobs: those of one that are linked share a submission.

        `{run}` stands for the run's name, which people then find in the queue; only a group of one
        name for all can be put together.
        """
        return "{run}" if self.pack == "run" and self.together == 1 else "training"


def _minutes(partition: str, limit: Any) -> float:
    from snakemake_executor_plugin_slurm.partitions import PartitionLimits
    from snakemake_interface_common.exceptions import WorkflowError

    with contextlib.suppress(TypeError, ValueError, WorkflowError):
        return float(PartitionLimits(max_runtime=limit).max_runtime)
    raise ValueError(
        f"{partition}: max_runtime: found {limit!r}; allowed are minutes, or a time: 2-00:00:00"
    )


class Table(Section):
    """A partition table: what each partition gives, in the words of snakemake's SLURM plugin."""

    partitions: dict[str, dict[str, Any]] = Field(min_length=1)

    @field_validator("partitions")
    @classmethod
    def _known(cls, partitions: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        from snakemake_executor_plugin_slurm.partitions import PartitionLimits

        kinds = {field.name: field.type for field in dataclasses.fields(PartitionLimits)}
        known = {*kinds, "cluster"}
        for name, limits in partitions.items():
            if unknown := sorted(limits.keys() - known):
                raise ValueError(
                    f"{name}: found {', '.join(unknown)}; allowed are {', '.join(sorted(known))}"
                )
            for key, limit in limits.items():
                if key == "max_runtime":
                    limits[key] = _minutes(name, limit)
                elif kinds.get(key) in (int, float) and type(limit) not in (int, float):
                    raise ValueError(f"{name}: {key}: found {limit!r}; allowed are numbers")
        return partitions


def read_partitions(path: Path | None) -> dict[str, dict[str, Any]]:
    """Return the partitions of a partition table with their limits; none without a table.

    Raises:
        BadInput: a line per mistake, with the file, the key and what is allowed.
    """
    return read(path, Table, keys=KEYS).partitions if path else {}


def read_site(path: Path = SITE) -> Site:
    """Return the site's settings; the defaults where there is no site file.

    Raises:
        BadInput: a line per mistake, with the file, the key and what is allowed.
    """
    site = read(path, Site, keys=KEYS) if path.exists() else Site()  # pyright: ignore[reportCallIssue]
    # Snakemake's plugin would end with a traceback at a table that it does not understand.
    read_partitions(site.partitions)
    return site


def job_prefix(argv: list[str] | None = None) -> str:
    """Return what the names of SLURM jobs begin with: the study, by the name of its file."""
    argv = sys.argv if argv is None else argv
    for place, word in enumerate(argv):
        name, _, value = word.partition("=")
        if name in ("--configfile", "--configfiles"):
            return prefix_of(Path(value or "".join(argv[place + 1 : place + 2])).stem)
    return prefix_of("demo")


def prefix_of(study: str) -> str:
    """Return what the names of a study's SLURM jobs begin with: all of it that the plugin takes."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", study)[:50]
