FITS = PLAN.fits()
FIGURES = PLAN.figures()


def curves(wildcards):
    if wildcards.figure != "training_curves":
        return {}
    return {
        "curves": expand(rules.anneal.output.curve, run=TRAINED),
        "trunk_curves": [
            f"{trunk_folder(size, seed, step)}/curve.csv" for size, seed, step in PLAN.trunk_states()
        ],
    }


rule fit:
    input:
        observations=rules.observe.output.observations,
    output:
        fit=f"{RESULTS}/fits/{{fit}}.json",
    log:
        f"{RESULTS}/logs/fit/{{fit}}.log",
    params:
        job=job,
        settings=lambda w: settings(FITS[w.fit]),
        code=fingerprint("fit"),
    shell:
        JOB


rule figures:
    input:
        unpack(curves),
        observations=rules.observe.output.observations,
        fits=expand(rules.fit.output.fit, fit=FITS),
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        svg=f"{RESULTS}/figures/{{figure}}.svg",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            category="Figures",
            caption="../workflow/report/{figure}.rst",
        ),
        csv=f"{RESULTS}/figures/{{figure}}.csv",
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    params:
        job=job,
        settings=lambda w: settings(FIGURES[w.figure]),
        code=fingerprint("figures"),
    shell:
        JOB
