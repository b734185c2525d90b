# Every job is one call of the job wrapper; the environment keeps its threads to what it was given
# and stops the C library from returning memory that the next training step asks for again.
shell.prefix(
    "set -euo pipefail;"
    " export OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0"
    " MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=67108864; "
)

JOB = (
    f"exec python -m scaletrace.job {{rule}} --study {STUDY} --job {{params.job:q}}"
    " --settings {params.settings:q} --code {params.code} --threads {threads} > {log} 2>&1"
)


def job(wildcards, input, output):
    return describe(STUDY, wildcards, input, output)


settings = partial(argument, STUDY)
