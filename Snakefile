from snakemake.utils import min_version

from scaletrace.cluster.capacity import require_possible_or_exit
from scaletrace.jobs import attempts, run_cache
from scaletrace.lineage.snakemake.contents import compare_contents
from scaletrace.workflow import open_graph_or_exit, tell_failures

min_version("9.0")
compare_contents()

GRAPH = open_graph_or_exit(
    workflow.config_settings.configfiles, workflow.config_settings.config
)
# How far the cluster lets a job grow, by its wildcards; known when jobs are about to be submitted.
ROOM = {}


report: "workflow/report/study.rst"


# Seconds of work on small files: done where snakemake runs, without queueing.
localrules:
    all,
    tune,
    observe,
    fit,
    figures,
    timings,


onstart:
    ROOM.update(require_possible_or_exit(workflow))


onsuccess:
    attempts.forget(GRAPH.study)
    run_cache.trim(GRAPH.study, GRAPH.plan.study.keep.drops)


onerror:
    tell_failures(GRAPH)


wildcard_constraints:
    size="[a-z0-9_-]+",
    seed="[0-9]+",
    tokens="[0-9]+",
    run="[A-Za-z0-9_.-]+",
    family="[a-z_]+",
    trial="[A-Za-z0-9_.-]+",
    check="[a-z0-9_-]+",


include: "rules/common.smk"
include: "rules/text.smk"
include: "rules/tuning.smk"
include: "rules/coordinates.smk"
include: "rules/training.smk"
include: "rules/observations.smk"
include: "rules/laws.smk"


rule all:
    default_target: True
    input:
        GRAPH.targets(),
