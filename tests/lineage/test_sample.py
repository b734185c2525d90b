"""Which trainings a seed draws, and what it proves that all of them were reproduced."""

import itertools
import subprocess
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.lineage import root, sample
from scaletrace.lineage.ancestry import Ancestry
from tests.lineage import small_study
from tests.lineage.small_study import TEXT, edit, text

RUNS = tuple(f"r{number}" for number in range(12))


@pytest.fixture
def trained(study):
    """The records of a study of twelve trainings, which its root fixes."""
    for run in RUNS:
        outcome = f"results/s/runs/{run}/outcome.json"
        text(outcome, "{}")
        small_study.job("anneal", {"run": run}, {"tokens": TEXT}, {"outcome": outcome})
    small_study.write_root()
    return Ancestry("s")


def test_records_are_drawn_as_by_hand(trained):
    paths = [f"provenance/jobs/s/anneal/run={run}.json" for run in RUNS]
    fixed = root.read("s")["root"]
    digests = {}
    for path in paths:
        asked = ["sha256sum"]
        text_of = f"{fixed} 20 jan {path}".encode()
        digests[subprocess.run(asked, input=text_of, capture_output=True, check=True).stdout] = path
    drawn = sample.draw(trained, 3, "20 jan")
    assert [str(job.path) for job in drawn.jobs] == [digests[key] for key in sorted(digests)][:3]
    assert (drawn.root, drawn.trainings) == (fixed, 12)


def test_known_digests_give_a_known_order():
    # printf '%s %s %s' abc 7 a | sha256sum begins with the digits beside each.
    records = {"a": "0c", "b": "72", "c": "2a"}
    assert sample.order("abc", "7", records) == sorted(records, key=lambda name: records[name])


def test_another_seed_draws_others_and_the_same_seed_the_same(trained):
    def drawn(seed):
        return [job.path for job in sample.draw(trained, 4, seed).jobs]

    assert drawn("1") == drawn("1")
    assert len({tuple(drawn(str(seed))) for seed in range(8)}) == 8


def test_the_probability_is_that_of_counting():
    n, m, k = 7, 2, 3
    choices = list(itertools.combinations(range(n), k))
    without = [choice for choice in choices if not {0, 1} & set(choice)]
    assert sample.missed(n, m, k) == pytest.approx(len(without) / len(choices))


def test_known_probabilities():
    # By hand: 41 * 40 * 39 * 38 * 37 / (51 * 50 * 49 * 48 * 47).
    assert sample.missed(51, 5, 10) == pytest.approx(0.31902, abs=1e-5)
    assert sample.missed(10, 1, 10) == 0
    assert sample.missed(10, 10, 1) == 0
    assert sample.missed(10, 1, 1) == pytest.approx(0.9)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (12, 2), (51, 10), (51, 51), (300, 20)])
def test_the_fewest_found_is_the_smallest(n, k):
    m = sample.fewest_found(n, k)
    assert sample.missed(n, m, k) <= 0.05
    assert m == 1 or sample.missed(n, m - 1, k) > 0.05


def test_what_it_proves_is_said_only_when_all_was_reproduced(trained):
    drawn = sample.draw(trained, 4, "1")
    said = sample.to_text(drawn, reproduced=True)
    # C(6, 4) / C(12, 4) = 0.0303; of five forged it is C(7, 4) / C(12, 4) = 0.0707.
    assert "if 6 or more of the 12 trainings were forged" in said
    assert "with probability at most 0.031" in said
    assert "with a probability of at most 0.05 is 6 of 12" in said
    assert {"forged": 6, "missed": 15 / 495} in sample.to_json(drawn, True)["proof"]
    said = sample.to_text(drawn, reproduced=False)
    assert "proves nothing" in said
    assert "probability" not in said
    assert sample.to_json(drawn, False)["proof"] is None


@pytest.mark.parametrize(
    ("count", "seed", "said"),
    [
        (0, "1", "--sample: found 0; study s has 12 trainings"),
        (13, "1", "--sample: found 13; study s has 12 trainings"),
        (1, "", "--seed: found ''; a number or words are needed"),
        (1, "a\nb", "--seed: found"),
    ],
)
def test_what_cannot_be_drawn(trained, count, seed, said):
    with pytest.raises(BadInput, match=said):
        sample.draw(trained, count, seed)


def test_only_what_the_root_fixes_is_drawn(trained):
    path = "provenance/jobs/s/anneal/run=r3.json"
    later = "results/s/runs/later/outcome.json"
    text(later, "{}")
    small_study.job("anneal", {"run": "later"}, {"tokens": TEXT}, {"outcome": later})
    drawn = sample.draw(Ancestry("s"), 12, "1")
    assert {job.run for job in drawn.jobs} == {*RUNS}
    edit(path, '"threads": 1', '"threads": 2')
    with pytest.raises(BadInput, match=f"{path}: changed since .* what the root fixes"):
        sample.draw(trained, 2, "1")
    Path(root.path_of("s")).unlink()
    with pytest.raises(BadInput, match="run `scaletrace record --study s`"):
        sample.draw(trained, 2, "1")
