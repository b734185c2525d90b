"""What planned runs cannot carry is what the job would refuse."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import yaml

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting.settings import LEAST_RESAMPLES
from scaletrace.fitting.table_fit import fit_table
from scaletrace.formats.observations import COLUMNS
from scaletrace.study.config import load
from scaletrace.study.fit_rows import require_enough
from scaletrace.study.plan import Plan

TINY = yaml.safe_load((Path(__file__).parents[2] / "config/tiny.yaml").read_text(encoding="utf-8"))
FEW = {"law": "power_n", "per": "all"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def plan(sizes, entry=None, **keys):
    """A study of the first sizes of the tiny one."""
    content = TINY | {"sizes": dict([*TINY["sizes"].items()][:sizes])} | keys
    content["fits"] = [entry]
    if entry is None:
        del content["fits"]
    if "flops" in keys:
        content["training"] = TINY["training"] | {"warmup": 64}
        del content["budgets"]
    Path("study.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return Plan(load(Path("study.yaml")))


def told(plan):
    """What is said before training; nothing where the fits may succeed."""
    try:
        require_enough(plan)
    except BadInput as problem:
        return str(problem).splitlines()
    return []


def refused_by_job(plan):
    """The fits whose jobs refuse the table of runs that went as a law has it."""
    random, names = np.random.default_rng(0), []
    with Path("observations.csv").open("w", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        for run in plan.runs.values():
            row = {"run": run.name, "status": "excluded", **dataclasses.asdict(run)}
            if run.name not in plan.study.exclude:
                loss = 1.8 + 400 / run.n_non_embedding**0.6 + 300 / run.n_tokens**0.55
                loss *= np.exp(0.003 * random.normal())
                row |= {"status": "ok", "loss": loss, "unique_tokens": run.n_tokens}
                row |= {"perplexity": np.exp(loss), "bits_per_byte": loss / 3, "loss_se": 0.005}
            writer.writerow(row)
    for name, settings in plan.fits().items():
        few = dataclasses.replace(settings, resamples=LEAST_RESAMPLES)
        try:
            fit_table(Path("observations.csv"), few, {few.law: kinds.load("laws", few.law).LAW})
        except BadInput:
            names.append(name)
    return names


@pytest.mark.parametrize(
    ("sizes", "entry", "keys", "said"),
    [
        (5, None, {}, ""),
        (
            4,
            None,
            {},
            "power_n-32k: 4 usable rows; power_n with 3 free parameters needs at least 5",
        ),
        (3, {"law": "chinchilla"}, {}, "6 usable rows; chinchilla with 5 free parameters"),
        (4, {"law": "chinchilla"}, {}, ""),
        (2, {"law": "power_n", "per": "all", "fixed": {"E": 1.0}}, {}, "2 clusters; a bootstrap"),
        (5, {"law": "power_n", "drop_highest": 1}, {}, "power_n-32k: 4 usable rows"),
        (5, {"law": "power_n", "cluster": "budget"}, {}, "power_n-32k: 1 clusters"),
        (5, None, {"exclude": {"d8-l1-s0-32k": "x"}}, "power_n-32k: 4 usable rows"),
        (5, FEW | {"unit": "seed"}, {"seeds": [0, 1]}, ""),
        (5, FEW, {"seeds": [0], "budgets": [32_000]}, ""),
    ],
)
def test_check_says_what_the_job_would(sizes, entry, keys, said, folder):
    planned = plan(sizes, entry, **keys)
    lines = told(planned)
    assert said in "".join(lines)
    assert [line.split(": ")[1] for line in lines] == refused_by_job(planned)
    assert bool(lines) == bool(said)


@pytest.mark.long
@pytest.mark.parametrize(
    "law",
    [
        name
        for name in kinds.names("laws")
        if (kinds.load("laws", name).LAW.along, kinds.load("laws", name).LAW.describes)
        == (None, "loss")
    ],
)
def test_check_refuses_no_rows_that_the_job_of_a_law_would_take(law, folder):
    for sizes in (2, 3, 4, 5):
        for budgets in ([32_000, 48_000], [32_000, 48_000, 64_000]):
            planned = plan(sizes, {"law": law, "per": "all"}, budgets=budgets)
            said = {line.split(": ")[1] for line in told(planned)}
            # A law of many parameters may find no minimum in rows that are enough.
            assert said <= {*refused_by_job(planned)}
