from scaletrace import contract
from scaletrace.jobs.command import ENVIRONMENT, argument, describe
from scaletrace.workflow import stage

# Every job is one call of the job wrapper.
EXPORTS = " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
shell.prefix(f"set -euo pipefail; export {EXPORTS}; ")

JOB = (
    f"exec python -m scaletrace.job {{params.stage}} --study {STUDY} --job {{params.job:q}}"
    " --settings {params.settings:q} --threads {threads} > {log} 2>&1"
)


def settings(chosen):
    return argument(STUDY, contract.plain(chosen))


def job(wildcards, input, output):
    return describe(STUDY, wildcards, input, output)


def raw_text(wildcards):
    return {"files": RAW_FILES} if RAW_FILES else {}


# Longest chains first: a job is as urgent as the FLOPs that still lie between it and the end.
def urgency(wildcards, **_):
    if "run" in wildcards.keys():
        return PLAN.urgency(
            PLAN.runs[wildcards.run].size, PLAN.start(PLAN.runs[wildcards.run])
        )
    before = PLAN.state_before(wildcards.size, int(wildcards.tokens))
    return PLAN.urgency(wildcards.size, before)


def trunk_folder(size, seed, tokens):
    return f"{RESULTS}/trunks/{size}-s{seed}/{tokens}"


def previous_state(wildcards):
    before = PLAN.state_before(wildcards.size, int(wildcards.tokens))
    folder = trunk_folder(wildcards.size, wildcards.seed, before)
    return {"state": f"{folder}/state.safetensors"} if before else {}


def branch_state(wildcards):
    run = PLAN.runs[wildcards.run]
    folder = trunk_folder(run.size, run.seed, PLAN.start(run))
    return {"state": f"{folder}/state.safetensors"} if PLAN.start(run) else {}


# Training reads the rate from the law, so that another law trains the ladder again, and it alone.
def tuned_law(wildcards):
    run = wildcards.get("run")
    size = PLAN.runs[run].size if run else wildcards.size
    if not PLAN.is_tuned(size):
        return {}
    return {"law": expand(rules.tune.output.law, family=PLAN.family(size))}


# A figure depends on what it shows alone, so that a new fit redraws no training curve.
def shown(wildcards):
    if wildcards.figure == "tuning":
        return {
            name: expand(path, family=PLAN.tuned_families())
            for name, path in rules.tune.output.items()
        }
    observations = {"observations": rules.observe.output.observations}
    if wildcards.figure != "training_curves":
        return observations | {"fits": expand(rules.fit.output.fit, fit=PLAN.fits())}
    folders = [
        trunk_folder(size, seed, tokens) for size, seed, tokens in PLAN.trunk_states()
    ]
    return observations | {
        "curves": expand(rules.anneal.output.curve, run=TRAINED),
        "trunk_curves": [f"{folder}/curve.csv" for folder in folders],
    }
