from scaletrace import kinds

FIT, FIGURES = map(asked, ("fit", "figures"))
# What the report says below each figure.
config["captions"] = {
    name: kinds.load("figures", name).CAPTION for name in kinds.names("figures")
}


rule fit:
    input:
        unpack(FIT.inputs),
    output:
        **FIT.outputs,
    log:
        FIT.log,
    conda:
        "../environment.yml"
    resources:
        runtime=FIT.minutes,
        mem_mb=FIT.memory,
        slots=SIDE_BY_SIDE,
    params:
        stage=FIT.stage,
        job=FIT.job,
        settings=FIT.settings,
    shell:
        JOB


rule figures:
    input:
        unpack(FIGURES.inputs),
    output:
        **FIGURES.outputs
        | {
            "png": report(
                FIGURES.outputs["png"],
                category="Figures",
                caption="../workflow/report/figures.rst",
            )
        },
    log:
        FIGURES.log,
    conda:
        "../environment.yml"
    resources:
        runtime=FIGURES.minutes,
        mem_mb=FIGURES.memory,
        slots=SIDE_BY_SIDE,
    params:
        stage=FIGURES.stage,
        job=FIGURES.job,
        settings=FIGURES.settings,
    shell:
        JOB
