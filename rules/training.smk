PRETRAIN, ANNEAL = map(asked, ("pretrain", "anneal"))


rule pretrain:
    input:
        unpack(PRETRAIN.inputs),
    output:
        **PRETRAIN.outputs,
    log:
        PRETRAIN.log,
    priority: PRETRAIN.priority
    conda:
        "../environment.yml"
    threads: PRETRAIN.cores
    resources:
        runtime=PRETRAIN.minutes,
        mem_mb=PRETRAIN.memory,
        gpu=PRETRAIN.gpus,
    params:
        stage=PRETRAIN.stage,
        job=PRETRAIN.job,
        settings=PRETRAIN.settings,
    shell:
        JOB


rule anneal:
    input:
        unpack(ANNEAL.inputs),
    output:
        **ANNEAL.outputs,
    log:
        ANNEAL.log,
    priority: ANNEAL.priority
    conda:
        "../environment.yml"
    threads: ANNEAL.cores
    resources:
        runtime=ANNEAL.minutes,
        mem_mb=ANNEAL.memory,
        gpu=ANNEAL.gpus,
    params:
        stage=ANNEAL.stage,
        job=ANNEAL.job,
        settings=ANNEAL.settings,
    shell:
        JOB
