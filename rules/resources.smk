from scaletrace.cluster.capacity import Room
from scaletrace.study.cost import mb_to_ask, minutes_to_ask
from scaletrace.study.estimates import ANALYSIS_MB, ANALYSIS_SECONDS
from scaletrace.workflow import estimates_or_exit

# What each job asks a scheduler for: its estimate with room to spare, and more after a failure.
ESTIMATES = estimates_or_exit(PLAN, RAW_FILES)
# How far the cluster lets a job grow, by its wildcards; known when jobs are about to be submitted.
ROOM = {}

# Of the one slot that the profile has for each submission: local jobs share none.
SIDE_BY_SIDE = 0


def minutes_times(wildcards, attempt):
    return min(attempt, ROOM.get(frozenset(wildcards.items()), Room()).minutes)


def memory_times(wildcards, attempt):
    return min(attempt, ROOM.get(frozenset(wildcards.items()), Room()).memory)


# The trial or run that a job trains, and on how many tokens; a trunk's is its longest run.
def trained(wildcards):
    if "trial" in wildcards.keys():
        trial = PLAN.trials[wildcards.trial]
        return trial, trial.n_tokens
    if "run" in wildcards.keys():
        run = PLAN.runs[wildcards.run]
        return run, run.n_tokens - PLAN.start(run)
    tokens = int(wildcards.tokens)
    before = PLAN.state_before(wildcards.size, tokens)
    return PLAN.longest[wildcards.size], tokens - before


def training_minutes(wildcards, attempt):
    run, tokens = trained(wildcards)
    seconds = ESTIMATES.training_seconds(run.size, tokens, run.batch_tokens)
    return minutes_to_ask(seconds, minutes_times(wildcards, attempt))


def training_mb(wildcards, attempt):
    run, _ = trained(wildcards)
    return mb_to_ask(
        ESTIMATES.training_mb(run.size, run.batch_tokens),
        memory_times(wildcards, attempt),
    )


# Processes that train one model together have a core each, and a GPU each where the study has.
def training_processes(wildcards):
    return PLAN.processes[trained(wildcards)[0].size]


def training_gpus(wildcards):
    return PLAN.gpus(trained(wildcards)[0].size)


def evaluation_gpus(wildcards):
    return min(1, PLAN.gpus(PLAN.runs[wildcards.run].size))


def evaluation_minutes(wildcards, attempt):
    seconds = ESTIMATES.evaluation_seconds(PLAN.runs[wildcards.run])
    return minutes_to_ask(seconds, minutes_times(wildcards, attempt))


def text_minutes(wildcards, attempt):
    return minutes_to_ask(ESTIMATES.text_seconds(), minutes_times(wildcards, attempt))


def text_mb(wildcards, attempt):
    return mb_to_ask(ESTIMATES.text_mb(), memory_times(wildcards, attempt))


def analysis_minutes(wildcards, attempt):
    return minutes_to_ask(ANALYSIS_SECONDS, minutes_times(wildcards, attempt))


def analysis_mb(wildcards, attempt):
    return mb_to_ask(ANALYSIS_MB, memory_times(wildcards, attempt))
