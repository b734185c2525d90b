rule pretrain:
    input:
        unpack(previous_state),
        unpack(tuned_law),
        tokens=rules.tokenize.output.train,
        header=rules.tokenize.output.train_header,
    output:
        state=f"{RESULTS}/trunks/{{size}}-s{{seed}}/{{tokens}}/state.safetensors",
        curve=f"{RESULTS}/trunks/{{size}}-s{{seed}}/{{tokens}}/curve.csv",
    log:
        f"{RESULTS}/logs/pretrain/{{size}}-s{{seed}}-{{tokens}}.log",
    priority: urgency
    conda:
        "../environment.yml"
    threads: training_processes
    resources:
        runtime=training_minutes,
        mem_mb=training_mb,
        gpu=training_gpus,
    params:
        stage=lambda w: stage("pretrain", PLAN.family(w.size)),
        job=job,
        settings=lambda w: settings(PLAN.pretrain(w.size, int(w.seed), int(w.tokens))),
    shell:
        JOB


rule anneal:
    input:
        unpack(branch_state),
        unpack(tuned_law),
        tokens=rules.tokenize.output.train,
        header=rules.tokenize.output.train_header,
    output:
        model=f"{RESULTS}/runs/{{run}}/model.safetensors",
        curve=f"{RESULTS}/runs/{{run}}/curve.csv",
        outcome=f"{RESULTS}/runs/{{run}}/outcome.json",
    log:
        f"{RESULTS}/logs/anneal/{{run}}.log",
    priority: urgency
    conda:
        "../environment.yml"
    threads: training_processes
    resources:
        runtime=training_minutes,
        mem_mb=training_mb,
        gpu=training_gpus,
    params:
        stage=lambda w: stage("anneal", PLAN.family(PLAN.runs[w.run].size)),
        job=job,
        settings=lambda w: settings(PLAN.anneal(PLAN.runs[w.run])),
    shell:
        JOB
