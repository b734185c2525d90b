TUNING_SPLIT = PLAN.tuning_split


rule trial:
    input:
        tokens=rules.tokenize.output.train,
        header=rules.tokenize.output.train_header,
        held_out=f"{RESULTS}/tokens/{TUNING_SPLIT}.bin",
        held_out_header=f"{RESULTS}/tokens/{TUNING_SPLIT}.json",
    output:
        result=f"{RESULTS}/tuning/{{family}}/trials/{{trial}}.json",
    log:
        f"{RESULTS}/logs/trial/{{family}}-{{trial}}.log",
    priority: 10**9
    conda:
        "../environment.yml"
    threads: training_processes
    resources:
        runtime=training_minutes,
        mem_mb=training_mb,
        gpu=training_gpus,
    params:
        stage=lambda w: stage("trial", w.family),
        job=job,
        settings=lambda w: settings(PLAN.trial(PLAN.trials[w.trial])),
    shell:
        JOB


rule tune:
    input:
        trials=lambda w: expand(
            rules.trial.output.result,
            family=w.family,
            trial=[name for name, t in PLAN.trials.items() if t.family == w.family],
        ),
    output:
        law=f"{RESULTS}/tuning/{{family}}/law.json",
        trials=f"{RESULTS}/tuning/{{family}}/trials.csv",
    log:
        f"{RESULTS}/logs/tune/{{family}}.log",
    priority: 10**9
    conda:
        "../environment.yml"
    resources:
        runtime=analysis_minutes,
        mem_mb=analysis_mb,
        slots=SIDE_BY_SIDE,
    params:
        stage=stage("tune"),
        job=job,
        settings=lambda w: settings(PLAN.tune(w.family)),
    shell:
        JOB
