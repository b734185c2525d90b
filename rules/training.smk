# Longest chains first: a job is as urgent as the FLOPs that still lie between it and the end.
def urgency(wildcards, **_):
    if "run" in wildcards.keys():
        return PLAN.urgency(PLAN.runs[wildcards.run].size, PLAN.start(PLAN.runs[wildcards.run]))
    return PLAN.urgency(wildcards.size, PLAN.trunk_step(wildcards.tokens, before=True))


def trunk_folder(size, seed, step):
    return f"{RESULTS}/trunks/{size}-s{seed}/{PLAN.tokens(step)}"


def previous_state(wildcards):
    step = PLAN.trunk_step(wildcards.tokens, before=True)
    folder = trunk_folder(wildcards.size, wildcards.seed, step)
    return {"state": f"{folder}/state.safetensors"} if step else {}


def branch_state(wildcards):
    run = PLAN.runs[wildcards.run]
    folder = trunk_folder(run.size, run.seed, PLAN.start(run))
    return {"state": f"{folder}/state.safetensors"} if PLAN.start(run) else {}


rule pretrain:
    input:
        unpack(previous_state),
        tokens=rules.tokenize.output.train,
        header=rules.tokenize.output.train_header,
    output:
        state=f"{RESULTS}/trunks/{{size}}-s{{seed}}/{{tokens}}/state.safetensors",
        curve=f"{RESULTS}/trunks/{{size}}-s{{seed}}/{{tokens}}/curve.csv",
    log:
        f"{RESULTS}/logs/pretrain/{{size}}-s{{seed}}-{{tokens}}.log",
    priority: urgency
    params:
        job=job,
        settings=lambda w: settings(PLAN.pretrain(w.size, int(w.seed), w.tokens)),
        code=fingerprint("pretrain"),
    shell:
        JOB


rule anneal:
    input:
        unpack(branch_state),
        tokens=rules.tokenize.output.train,
        header=rules.tokenize.output.train_header,
    output:
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        curve=f"{RESULTS}/runs/{{run}}/curve.csv",
        outcome=f"{RESULTS}/runs/{{run}}/outcome.json",
    log:
        f"{RESULTS}/logs/anneal/{{run}}.log",
    priority: urgency
    params:
        job=job,
        settings=lambda w: settings(PLAN.anneal(PLAN.runs[w.run])),
        code=fingerprint("anneal"),
    shell:
        JOB
