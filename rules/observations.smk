EVALUATE, OBSERVE = map(asked, ("evaluate", "observe"))


rule evaluate:
    input:
        unpack(EVALUATE.inputs),
    output:
        **EVALUATE.outputs,
    log:
        EVALUATE.log,
    conda:
        "../environment.yml"
    resources:
        runtime=EVALUATE.minutes,
        mem_mb=EVALUATE.memory,
        gpu=EVALUATE.gpus,
    params:
        stage=EVALUATE.stage,
        job=EVALUATE.job,
        settings=EVALUATE.settings,
    shell:
        JOB


rule observe:
    input:
        unpack(OBSERVE.inputs),
    output:
        observations=report(
            OBSERVE.outputs["observations"],
            category="Tables",
            caption="../workflow/report/observations.rst",
        ),
    log:
        OBSERVE.log,
    conda:
        "../environment.yml"
    resources:
        runtime=OBSERVE.minutes,
        mem_mb=OBSERVE.memory,
    params:
        stage=OBSERVE.stage,
        job=OBSERVE.job,
        settings=OBSERVE.settings,
    shell:
        JOB


# What varies between identical executions stays out of every table that a fit reads.
rule timings:
    input:
        rules.observe.output.observations,
    output:
        GRAPH.timings,
    log:
        f"{GRAPH.results}/logs/timings.log",
    conda:
        "../environment.yml"
    resources:
        runtime=OBSERVE.minutes,
        mem_mb=OBSERVE.memory,
    params:
        study=GRAPH.study,
    shell:
        f"{python_command.in_shell('scaletrace.jobs.timings')}"
        " {params.study} > {output} 2> {log}"
