TRIAL, TUNE = map(asked, ("trial", "tune"))


rule trial:
    input:
        unpack(TRIAL.inputs),
    output:
        **TRIAL.outputs,
    log:
        TRIAL.log,
    priority: TRIAL.priority
    conda:
        "../environment.yml"
    threads: TRIAL.cores
    resources:
        runtime=TRIAL.minutes,
        mem_mb=TRIAL.memory,
        gpu=TRIAL.gpus,
    params:
        stage=TRIAL.stage,
        job=TRIAL.job,
        settings=TRIAL.settings,
    shell:
        JOB


rule tune:
    input:
        unpack(TUNE.inputs),
    output:
        **TUNE.outputs,
    log:
        TUNE.log,
    conda:
        "../environment.yml"
    resources:
        runtime=TUNE.minutes,
        mem_mb=TUNE.memory,
    params:
        stage=TUNE.stage,
        job=TUNE.job,
        settings=TUNE.settings,
    shell:
        JOB
