from scaletrace.jobs import records

SPLIT = PLAN.study.evaluation.split
TRAINED = [run.name for run in PLAN.trained_runs()]
# An excluded run keeps the numbers that it has, but nothing is trained for it. Its record tells,
# which git carries, so that a fresh clone is asked for the same as the place where it was trained.
TABLED = TRAINED + [
    run
    for run in PLAN.study.exclude
    if records.path_of(STUDY, "evaluate", {"run": run}).exists()
]


rule evaluate:
    input:
        model=rules.anneal.output.model,
        outcome=rules.anneal.output.outcome,
        tokens=f"{RESULTS}/tokens/{SPLIT}.bin",
        header=f"{RESULTS}/tokens/{SPLIT}.json",
    output:
        result=f"{RESULTS}/evals/{{run}}.json",
    log:
        f"{RESULTS}/logs/evaluate/{{run}}.log",
    conda:
        "../environment.yml"
    resources:
        runtime=evaluation_minutes,
        mem_mb=training_mb,
        gpu=evaluation_gpus,
    params:
        stage=lambda w: stage("evaluate", PLAN.family(PLAN.runs[w.run].size)),
        job=job,
        settings=lambda w: settings(PLAN.evaluate(PLAN.runs[w.run])),
    shell:
        JOB


rule observe:
    input:
        evals=expand(rules.evaluate.output.result, run=TABLED),
        outcomes=expand(rules.anneal.output.outcome, run=TABLED),
        laws=expand(rules.tune.output.law, family=PLAN.tuned_families()),
    output:
        observations=report(
            f"{RESULTS}/observations.csv",
            category="Tables",
            caption="../workflow/report/observations.rst",
        ),
    log:
        f"{RESULTS}/logs/observe.log",
    conda:
        "../environment.yml"
    resources:
        runtime=analysis_minutes,
        mem_mb=analysis_mb,
    params:
        stage=stage("observe"),
        job=job,
        settings=settings(PLAN.observe()),
    shell:
        JOB


# What varies between identical executions stays out of every table that a fit reads.
rule timings:
    input:
        rules.observe.output.observations,
    output:
        f"{RESULTS}/timings.csv",
    log:
        f"{RESULTS}/logs/timings.log",
    conda:
        "../environment.yml"
    resources:
        runtime=analysis_minutes,
        mem_mb=analysis_mb,
    params:
        study=STUDY,
    shell:
        "python -m scaletrace.jobs.timings {params.study} > {output} 2> {log}"
