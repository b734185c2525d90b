rule corpus:
    input:
        unpack(raw_text),
    output:
        train=f"{RESULTS}/corpus/train.jsonl",
        valid=f"{RESULTS}/corpus/valid.jsonl",
        test=f"{RESULTS}/corpus/test.jsonl",
        manifest=f"{RESULTS}/corpus/manifest.json",
    log:
        f"{RESULTS}/logs/corpus.log",
    conda:
        "../environment.yml"
    resources:
        runtime=text_minutes,
        mem_mb=text_mb,
    params:
        stage=stage("corpus"),
        job=job,
        settings=settings(PLAN.corpus(PACKAGES)),
    shell:
        JOB


rule vocab:
    input:
        train=rules.corpus.output.train,
    output:
        vocabulary=f"{RESULTS}/vocab/vocabulary.json",
    log:
        f"{RESULTS}/logs/vocab.log",
    conda:
        "../environment.yml"
    resources:
        runtime=text_minutes,
        mem_mb=text_mb,
    params:
        stage=stage("vocab"),
        job=job,
        settings=settings(PLAN.vocabulary()),
    shell:
        JOB


rule tokenize:
    input:
        vocabulary=rules.vocab.output.vocabulary,
        train=rules.corpus.output.train,
        valid=rules.corpus.output.valid,
        test=rules.corpus.output.test,
    output:
        train=f"{RESULTS}/tokens/train.bin",
        valid=f"{RESULTS}/tokens/valid.bin",
        test=f"{RESULTS}/tokens/test.bin",
        train_header=f"{RESULTS}/tokens/train.json",
        valid_header=f"{RESULTS}/tokens/valid.json",
        test_header=f"{RESULTS}/tokens/test.json",
    log:
        f"{RESULTS}/logs/tokenize.log",
    conda:
        "../environment.yml"
    resources:
        runtime=text_minutes,
        mem_mb=text_mb,
    params:
        stage=stage("tokenize"),
        job=job,
        settings=settings(PLAN.tokens()),
    shell:
        JOB
