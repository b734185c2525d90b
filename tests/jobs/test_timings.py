"""The table of what each job took."""

import io
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code, Identity
from scaletrace.jobs import ledger, timings


def write(rule, wildcards, settings=None, **circumstances):
    identity = Identity(rule, wildcards, settings or {}, Code("", {}), (), ())
    return ledger.write("s", identity, {"start": 1.0, "seconds": 60.0} | circumstances)


def test_a_row_for_each_job_up_to_the_table(folder):
    write("corpus", {}, host="h", threads=1)
    write(
        "anneal",
        {"run": "a"},
        {"compute": {"processes": 2}},
        cpu_seconds=110.0,
        peak_memory_mb=300.0,
        measured={"tokens_per_s": 5.0, "flops_per_s": 8e9, "peak_memory_mb": 200.0},
        matrix={"flops_per_s": 1e10},
        attempts=[{"start": 0.0}, {"start": 1.0}],
        slurm_job="7",
    )
    write("fit", {"fit": "x"})
    write("figures", {"figure": "x"})
    text = io.StringIO()
    timings.write("s", text)
    assert text.getvalue().splitlines() == [
        "rule,job,seconds,cpu_seconds,tokens_per_s,flops_per_s,utilisation,peak_memory_mb,"
        "peak_gpu_memory_mb,attempts,threads,host,cpu,gpu,slurm_job",
        "anneal,run=a,60.0,110.0,5.0,8000000000.0,0.4,200.0,,2,,,,,7",
        "corpus,corpus,60.0,,,,,,,1,1,h,,,",
    ]


def test_no_utilisation_without_both_of_its_parts(folder):
    assert timings.utilisation(write("anneal", {}, measured={"flops_per_s": 1.0})) is None
    assert timings.utilisation(write("anneal", {}, matrix={"flops_per_s": 1.0})) is None


def test_what_no_job_wrote_is_refused(folder):
    write("anneal", {}, seconds="long")
    with pytest.raises(BadInput, match=r"circumstances\.seconds: found 'long'"):
        timings.job_timings("s")
    Path("provenance/jobs/s/anneal/anneal.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="no readable job record"):
        timings.job_timings("s")


def test_a_study_without_records_has_a_head(folder):
    text = io.StringIO()
    timings.write("s", text)
    assert text.getvalue() == ",".join(timings.COLUMNS) + "\n"
