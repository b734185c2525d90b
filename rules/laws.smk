FITS = PLAN.fits()
FIGURES = PLAN.figures()


rule fit:
    input:
        observations=rules.observe.output.observations,
    output:
        fit=f"{RESULTS}/fits/{{fit}}.json",
    log:
        f"{RESULTS}/logs/fit/{{fit}}.log",
    conda:
        "../environment.yml"
    resources:
        runtime=analysis_minutes,
        mem_mb=analysis_mb,
        slots=SIDE_BY_SIDE,
    params:
        stage=stage("fit"),
        job=job,
        settings=lambda w: settings(FITS[w.fit]),
    shell:
        JOB


rule figures:
    input:
        unpack(shown),
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        svg=f"{RESULTS}/figures/{{figure}}.svg",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            category="Figures",
            caption="../workflow/report/figures.rst",
        ),
        csv=f"{RESULTS}/figures/{{figure}}.csv",
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    conda:
        "../environment.yml"
    resources:
        runtime=analysis_minutes,
        mem_mb=analysis_mb,
        slots=SIDE_BY_SIDE,
    params:
        stage=stage("figures"),
        job=job,
        settings=lambda w: settings(FIGURES[w.figure]),
    shell:
        JOB
