"""The tune stage: its choice of batch and beta2, its refusals, and its table."""

import csv
import json

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import read_rate_law
from scaletrace.stages import tune

N = {"small": 10_000, "middle": 30_000, "large": 90_000}
RATES = [0.003, 0.006, 0.012, 0.024, 0.048]


def loss(n, rate, batch=1024, beta2=0.95):
    """A parabola about 0.012 (N / 30k)^-0.3, best at a batch of 512 and a beta2 of 0.95."""
    centre = np.log(0.012) - 0.3 * np.log(n / 3e4)
    rest = 0.01 * (batch != 512) + 0.02 * (beta2 != 0.95)
    return 3.0 + rest + 0.05 * (np.log(rate) - centre) ** 2


@pytest.fixture
def tuned(tmp_path):
    """Run the stage on trials that are known by their losses."""

    def run(rates=RATES, batches=(1024,), beta2s=(0.95,), diverged=()):
        trials, paths = [], []
        for size, n in N.items():
            for batch in batches:
                for beta2 in beta2s:
                    for rate in rates:
                        name = f"{size}-s0-lr{rate}-b{batch}-beta{beta2}"
                        value = None if rate in diverged else loss(n, rate, batch, beta2)
                        path = tmp_path / f"{name}.json"
                        status = "diverged" if value is None else "ok"
                        path.write_text(
                            json.dumps({"status": status, "loss": value, "loss_se": value})
                        )
                        paths.append(path)
                        trial = {"trial": name, "size": size, "seed": 0, "n_non_embedding": n}
                        numbers = {"learning_rate": rate, "batch_tokens": batch, "beta2": beta2}
                        trials.append({**trial, **numbers, "n_tokens": 64_000})
        outputs = {"law": tmp_path / "out-law.json", "trials": tmp_path / "out-trials.csv"}
        settings = {"family": "decoder", "trials": trials}
        contract.run(tune, {"trials": paths}, outputs, settings, tmp_path)
        with outputs["trials"].open(encoding="utf-8", newline="") as stream:
            return outputs["law"], list(csv.DictReader(stream))

    return run


def test_the_law_behind_the_losses_is_found(tuned):
    path, table = tuned()
    law = read_rate_law(path)
    assert law.rate(30_000) == pytest.approx(0.012)
    assert law.rate(3e6) == pytest.approx(0.012 * 100**-0.3)
    evidence = json.loads(path.read_text())
    assert [size["rate"] for size in evidence["sizes"]] == pytest.approx(
        [0.012 * (n / 3e4) ** -0.3 for n in N.values()]
    )
    assert len(table) == 15
    used = [
        float(row["learning_rate"])
        for row in table
        if (row["size"], row["used"]) == ("middle", "yes")
    ]
    assert used == [0.006, 0.012, 0.024]


def test_batch_and_beta2_with_the_lowest_minima_are_chosen(tuned):
    path, table = tuned(batches=(1024, 512), beta2s=(0.95, 0.99))
    law = read_rate_law(path)
    assert (law.batch_tokens, law.beta2) == (512, 0.95)
    assert {(r["batch_tokens"], r["beta2"]) for r in table if r["used"] == "yes"} == {
        ("512", "0.95")
    }
    losses = [choice["loss"] for choice in json.loads(path.read_text())["choices"]]
    assert losses == pytest.approx([3.01, 3.03, 3.0, 3.02])


def test_candidates_that_enclose_no_minimum_are_refused_by_size(tuned):
    with pytest.raises(BadInput, match="size large: the loss is lowest at the lowest candidate"):
        tuned(rates=[0.010, 0.012, 0.024])
    with pytest.raises(BadInput, match="every trial of a size diverged"):
        tuned(diverged=RATES)


def test_trials_that_diverged_are_rows_without_numbers(tuned):
    _, table = tuned(diverged=(0.048,))
    some = [row for row in table if row["status"] == "diverged"]
    assert len(some) == 3
    assert {(row["loss"], row["used"]) for row in some} == {("", "no")}
