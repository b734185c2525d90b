"""The tune stage: its choices, the places at an edge, its refusals, and its table."""

import csv
import json
from itertools import product

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import read_rate_law
from scaletrace.stages import tune

N = {"small": 10_000, "middle": 30_000, "large": 90_000}
RATES = [0.003, 0.006, 0.012, 0.024, 0.048]


def loss(n, rate, batch=1024, beta2=0.95, d=64_000, decay=None):
    """A parabola about 0.012 (N / 30k)^-0.3 (D / 64k)^-0.2.

    It is lowest at a batch of 512, a beta2 of 0.95 and a decay of 0.002.
    """
    centre = np.log(0.012) - 0.3 * np.log(n / 3e4) - 0.2 * np.log(d / 64e3)
    rest = 0.01 * (batch != 512) + 0.02 * (beta2 != 0.95) + 0.04 * (decay not in (None, 0.002))
    return 3.0 + rest + 0.05 * (np.log(rate) - centre) ** 2


@pytest.fixture
def tuned(tmp_path):
    """Run the stage on trials that are known by their losses."""

    def run(rates=RATES, batches=(1024,), beta2s=(0.95,), diverged=(), tokens=(64_000,), **others):
        trials, paths = [], []
        places = [(size, n, d) for size, n in N.items() for d in tokens]
        every = list(product(batches, beta2s, others.get("decays", [None]), rates))
        for (size, n, d), (batch, beta2, decay, rate) in product(places, every):
            name = f"{size}-s0-{d}-lr{rate}-b{batch}-beta{beta2}-decay{decay}"
            gone = rate in diverged or (size, rate) in diverged
            value = None if gone else loss(n, rate, batch, beta2, d, decay)
            path = tmp_path / f"{name}.json"
            status = "diverged" if value is None else "ok"
            path.write_text(json.dumps({"status": status, "loss": value, "loss_se": value}))
            paths.append(path)
            trial = {"trial": name, "size": size, "seed": 0, "n_non_embedding": n}
            trial |= {"budget": str(d), "n_tokens": d, "flops_exact": 6 * n * d}
            own_batch = others["batch_of"][size] if "batch_of" in others else batch
            trial |= {"learning_rate": rate, "batch_tokens": own_batch, "beta2": beta2}
            trials.append(trial | {"weight_decay": decay})
        outputs = {"law": tmp_path / "out-law.json", "trials": tmp_path / "out-trials.csv"}
        settings = {"family": "decoder", "trials": trials}
        contract.run(tune, {"trials": paths}, outputs, settings, tmp_path)
        with outputs["trials"].open(encoding="utf-8", newline="") as stream:
            return outputs["law"], list(csv.DictReader(stream))

    return run


def test_the_law_behind_the_losses_is_found(tuned):
    path, table = tuned()
    law = read_rate_law(path)
    assert law.rate(30_000, 64_000) == pytest.approx(0.012)
    assert law.rate(3e6, 64_000) == law.rate(3e6, 1e9) == pytest.approx(0.012 * 100**-0.3)
    evidence = json.loads(path.read_text())
    assert evidence["next"] == []
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


def test_the_decay_with_the_lowest_minima_is_chosen(tuned):
    path, table = tuned(decays=(0.0, 0.002))
    assert read_rate_law(path).weight_decay == 0.002
    assert {row["weight_decay"] for row in table if row["used"] == "yes"} == {"0.002"}
    choices = json.loads(path.read_text())["choices"]
    assert [choice["loss"] for choice in choices] == pytest.approx([3.05, 3.01])


def test_a_batch_that_every_size_has_of_its_own_is_no_choice(tuned):
    path, _ = tuned(batch_of={"small": 256, "middle": 512, "large": 1024})
    law = read_rate_law(path)
    assert law.batch_tokens is None
    assert law.rate(30_000, 64_000) == pytest.approx(0.012)


def test_several_budgets_give_a_law_of_n_and_d(tuned):
    path, _ = tuned(tokens=(16_000, 64_000, 128_000))
    law = read_rate_law(path)
    assert (law.n_exponent, law.d_exponent) == pytest.approx((-0.3, -0.2))
    assert law.rate(3e6, 6.4e6) == pytest.approx(0.012 * 100**-0.5)
    evidence = json.loads(path.read_text())
    assert [size["n_tokens"] for size in evidence["sizes"][:3]] == [16_000, 64_000, 128_000]
    low, high = (evidence["d_exponent_interval"][end] for end in ("low", "high"))
    assert low <= law.d_exponent <= high


def test_places_at_an_edge_are_left_out_and_said_with_the_next_trial_cheapest_first(tuned, capsys):
    # The best of small at 16k is 0.022, that of large at 128k 0.0075.
    rates = [0.0068, 0.0085, 0.0102, 0.0122, 0.0147, 0.0176]
    path, table = tuned(rates=rates, tokens=(16_000, 64_000, 128_000))
    law = read_rate_law(path)
    assert (law.n_exponent, law.d_exponent) == pytest.approx((-0.3, -0.2))
    following = json.loads(path.read_text())["next"]
    assert [(each["size"], each["n_tokens"], each["edge"]) for each in following] == [
        ("small", 16_000, "highest"),
        ("small", 64_000, "highest"),
        ("large", 128_000, "lowest"),
    ]
    assert [each["rate"] for each in following] == pytest.approx(
        [0.0176**2 / 0.0147] * 2 + [0.0068**2 / 0.0085]
    )
    assert [each["flops_exact"] for each in following] == [
        6 * N[each["size"]] * each["n_tokens"] for each in following
    ]
    said = capsys.readouterr().out
    assert "size small at 16000 tokens: the best rate is the highest tried, 0.0176; try 0.0211"
    assert said.count("tune: size") == 3
    places = {(each["size"], str(each["n_tokens"])) for each in following}
    used = {(row["size"], row["n_tokens"]) for row in table if row["used"] == "yes"}
    assert len(used) == 9 - 3
    assert not used & places


def test_a_size_at_which_all_diverged_is_an_edge(tuned):
    path, _ = tuned(diverged=[("large", rate) for rate in RATES])
    (only,) = json.loads(path.read_text())["next"]
    assert (only["size"], only["edge"], only["rate"]) == ("large", "lowest", 0.0015)
    assert read_rate_law(path).n_exponent == pytest.approx(-0.3)


def test_too_few_minima_for_a_law_are_refused_by_place(tuned):
    with pytest.raises(BadInput, match=r"tuning\.rates: 1 of 3 sizes and budgets") as refused:
        tuned(rates=[0.011, 0.012, 0.013])
    said = str(refused.value)
    assert "a law needs two sizes" in said
    assert "size small at 64000 tokens: the loss is lowest at the highest candidate" in said
    assert "size large at 64000 tokens: the loss is lowest at the lowest candidate" in said
    with pytest.raises(BadInput, match="size large at 64000 tokens: every candidate diverged"):
        tuned(diverged=RATES)
    rates = [0.0068, 0.0085, 0.0102, 0.0122, 0.0147, 0.0176, 0.0211]
    with pytest.raises(BadInput, match=r"3 of 9 .* three sizes and budgets, two of each"):
        tuned(rates=rates, tokens=(64_000, 64_000 * 10**5, 64_000 * 10**6))


def test_trials_that_diverged_are_rows_without_numbers(tuned):
    _, table = tuned(diverged=(0.048,))
    some = [row for row in table if row["status"] == "diverged"]
    assert len(some) == 3
    assert {(row["loss"], row["used"]) for row in some} == {("", "no")}
