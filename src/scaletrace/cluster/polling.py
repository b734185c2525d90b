"""How Snakemake's plugin learns what became of its jobs: from squeue, or from sacct."""

from scaletrace.cluster.site import Site
from scaletrace.cluster.slurm import ask

# What a command of SLURM may take before it counts as not answering, in seconds.
PATIENCE = 10
# Snakemake asks less and less often while nothing ends, at last this far apart, in seconds.
LONGEST_POLL = 180


def status_command(site: Site) -> str:
    """Return `squeue`, or `sacct` where SLURM forgets finished jobs before they are asked for.

    Snakemake's plugin takes what sacct calls "CANCELLED by 0" for a job that runs, and waits
    for it for ever.
    """
    known = _min_job_age()
    if site.status:
        return site.status
    forgets = known is not None and known < known_seconds(site)
    return "sacct" if forgets and sacct_answers() else "squeue"


def known_seconds(site: Site) -> int:
    """Return how long SLURM has to know finished jobs, so that squeue can tell of each.

    The plugin itself turns to sacct, here or not, where that is under three polls.
    """
    return max(LONGEST_POLL, 3 * site.poll_seconds)


def _min_job_age() -> int | None:
    """Return how long SLURM knows finished jobs, and let Snakemake's plugin in this process know.

    The plugin would ask again before each look at its jobs, and turn to sacct whenever slurmctld
    is away; where there are no accounts, it would then forget its jobs and wait for ever.
    """
    import snakemake_executor_plugin_slurm as plugin

    known = plugin.get_min_job_age()
    plugin.get_min_job_age = lambda: known
    return known


def sacct_answers() -> bool:
    """Tell whether the cluster keeps accounts of its jobs."""
    words = ("sacct", "--allocations", "--noheader", "--starttime", "now")
    return not ask(*words, patience=PATIENCE).returncode
