"""Which jobs share a submission to SLURM, and what is asked for where they share a GPU.

For the profile (slurm/config.yaml), which hands it to Snakemake by the names of rules.
"""

from scaletrace.cluster.site import Site
from scaletrace.cluster.slurm import TEXT
from scaletrace.study.rules import RULES


def groups(site: Site) -> dict[str, str]:
    """Return the group of each rule whose linked jobs share submissions."""
    packed = {"run"} if site.pack == "run" else {"run", "size"}
    names = {"text": TEXT} | dict.fromkeys(packed, site.group)
    return {name: names[rule.pack] for name, rule in RULES.items() if rule.pack in names}


def components(site: Site) -> dict[str, int]:
    """Return how many packs of a group share a submission."""
    return {site.group: site.together}


def shares(site: Site) -> dict[str, dict[str, int | str]]:
    """Return what rules that use a GPU ask for where GPUs are shared: part of one."""
    if not site.gpu_share:
        return {}
    share: dict[str, int | str] = {"gpu": 0, "gres": repr(site.gpu_share)}
    kinds = ("training", "measurement")
    return {name: share for name, rule in RULES.items() if rule.kind in kinds}
