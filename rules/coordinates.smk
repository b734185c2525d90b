COORDINATES = asked("coordinates")


rule coordinates:
    input:
        unpack(COORDINATES.inputs),
    output:
        **COORDINATES.outputs,
    log:
        COORDINATES.log,
    conda:
        "../environment.yml"
    resources:
        runtime=COORDINATES.minutes,
        mem_mb=COORDINATES.memory,
    params:
        stage=COORDINATES.stage,
        job=COORDINATES.job,
        settings=COORDINATES.settings,
    shell:
        JOB
