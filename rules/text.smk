CORPUS, VOCAB, TOKENIZE = map(asked, ("corpus", "vocab", "tokenize"))


rule corpus:
    input:
        unpack(CORPUS.inputs),
    output:
        **CORPUS.outputs,
    log:
        CORPUS.log,
    conda:
        "../environment.yml"
    resources:
        runtime=CORPUS.minutes,
        mem_mb=CORPUS.memory,
    params:
        stage=CORPUS.stage,
        job=CORPUS.job,
        settings=CORPUS.settings,
    shell:
        JOB


rule vocab:
    input:
        unpack(VOCAB.inputs),
    output:
        **VOCAB.outputs,
    log:
        VOCAB.log,
    conda:
        "../environment.yml"
    resources:
        runtime=VOCAB.minutes,
        mem_mb=VOCAB.memory,
    params:
        stage=VOCAB.stage,
        job=VOCAB.job,
        settings=VOCAB.settings,
    shell:
        JOB


rule tokenize:
    input:
        unpack(TOKENIZE.inputs),
    output:
        **TOKENIZE.outputs,
    log:
        TOKENIZE.log,
    conda:
        "../environment.yml"
    resources:
        runtime=TOKENIZE.minutes,
        mem_mb=TOKENIZE.memory,
    params:
        stage=TOKENIZE.stage,
        job=TOKENIZE.job,
        settings=TOKENIZE.settings,
    shell:
        JOB
