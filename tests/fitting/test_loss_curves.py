"""Laws along whole trainings: areas of schedules, and parameters from made-up curves."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from scaletrace.errors import BadInput
from scaletrace.fitting.loss_curves import areas, prepare_curves, warmed_up
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.table_fit import fit_curves
from scaletrace.formats.curve import CurvePoint, write_curve
from scaletrace.laws import annealing
from scaletrace.training.schedules import cosine, wsd

TRUE = {"L0": 2.6, "A": 0.6, "alpha": 0.5, "C": 0.4}
MOMENTUM = 0.99
SETTINGS = Settings("annealing", None, resamples=100)
LAWS = {"annealing": annealing.LAW}
WSD = [0.01 * wsd(step, 20, 400, 500) for step in range(500)]
COSINE = [0.01 * cosine(step, 20, 600) for step in range(600)]
CONSTANT = [0.01 * wsd(step, 20, 300, 300) for step in range(300)]


def curve(folder: Path, name: str, rates: list[float], noise: float = 0.0) -> Path:
    """Write a curve of every step, with the law's losses."""
    s1, s2 = areas(np.array(rates), MOMENTUM)
    random = np.random.default_rng(len(rates))
    loss = annealing.LAW.predict(TRUE, {"s1": s1, "s2": s2})
    loss *= np.exp(noise * random.normal(size=len(loss)))
    points = zip(range(1, len(rates) + 1), loss.tolist(), rates, strict=True)
    path = folder / f"{name}.csv"
    write_curve(path, (CurvePoint(step, 32 * step, y, rate) for step, y, rate in points))
    return path


@pytest.fixture
def curves(tmp_path) -> list[Path]:
    every = {"wsd": WSD, "cosine": COSINE, "constant": CONSTANT}
    return [curve(tmp_path, name, rates) for name, rates in every.items()]


def test_areas_by_hand():
    s1, s2 = areas(np.array([1.0, 2.0, 2.0, 1.0, 1.0]), 0.999)
    np.testing.assert_allclose(s1, [1.0, 3.0, 5.0, 6.0, 7.0])
    # One fall of 1 at the fourth step; its momentum is 1, then 0.999.
    np.testing.assert_allclose(s2, [0.0, 0.0, 0.0, 1.0, 1.999])
    assert warmed_up(np.array([1.0, 2.0, 2.0, 1.0, 1.0])) == 2


def test_made_up_curves_give_the_parameters_back(curves):
    found = fit_curves(curves, SETTINGS, LAWS)
    for name, value in TRUE.items():
        assert found["params"][name] == pytest.approx(value, rel=1e-6), name
    assert found["data"]["momentum"] == MOMENTUM
    assert found["n_clusters"] == 3
    assert found["n_observations"] == sum(map(len, (WSD, COSINE, CONSTANT))) - 3 * 20
    assert found["residuals"][0]["run"].endswith("wsd.csv step 21")


def test_intervals_of_noisy_curves_hold_the_truth(tmp_path):
    every = [curve(tmp_path, f"wsd{n}", WSD[: 500 - 50 * n], 0.01) for n in range(3)]
    every += [curve(tmp_path, "cosine", COSINE, 0.01), curve(tmp_path, "constant", CONSTANT, 0.01)]
    found = fit_curves(every, SETTINGS, LAWS)["intervals"]
    for name, value in TRUE.items():
        assert found[name]["low"] <= value <= found[name]["high"], name


def test_a_trunk_and_what_leaves_it_are_one_training(tmp_path):
    whole = curve(tmp_path, "whole", WSD).read_text(encoding="utf-8").splitlines()
    parts = {"trunks/d8-l1-s0/a": whole[1:401], "runs/d8-l1-s0-2M": whole[401:]}
    paths = []
    for folder, lines in parts.items():
        path = tmp_path / "results" / folder / "curve.csv"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join([whole[0], *lines]) + "\n", encoding="utf-8")
        paths.append(path)
    chosen = dataclasses.replace(SETTINGS, unit="observation")
    split, _ = prepare_curves(paths, annealing.LAW, chosen, MOMENTUM)
    one, _ = prepare_curves([tmp_path / "whole.csv"], annealing.LAW, chosen, MOMENTUM)
    for name, values in one.observations.variables.items():
        np.testing.assert_allclose(split.observations.variables[name], values)
    assert set(split.observations.cluster) == {0}
    assert split.names[-1] == "d8-l1-s0-2M step 500"
    with pytest.raises(BadInput, match="begins at step 401, and the trunk that it left is not at"):
        prepare_curves(paths[1:], annealing.LAW, chosen)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": "n_total"}, "--n: annealing is fitted to curves"),
        ({"isoflop": True}, "isoflop needs a law of N and D"),
    ],
)
def test_options_of_tables_are_refused(curves, change, said):
    with pytest.raises(BadInput, match=said):
        fit_curves(curves, dataclasses.replace(SETTINGS, **change), LAWS)


def test_curves_that_cannot_carry_the_law_are_refused(tmp_path, curves):
    with pytest.raises(BadInput, match="2 trainings; a bootstrap over trainings needs at least 3"):
        fit_curves(curves[:2], SETTINGS, LAWS)
    with pytest.raises(BadInput, match="0 of them with a learning rate that has fallen"):
        fit_curves(curves[2:], SETTINGS, LAWS)
    sizes = [tmp_path / "runs" / f"{size}-s0-1M" / "curve.csv" for size in ("d8-l1", "d16-l1")]
    for path in sizes:
        path.parent.mkdir(parents=True)
        path.write_text(curves[0].read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadInput, match="a law of one size"):
        fit_curves(sizes, SETTINGS, LAWS)
    swapped = curves[0].read_text(encoding="utf-8").splitlines()
    swapped[3], swapped[4] = swapped[4], swapped[3]
    curves[0].write_text("\n".join(swapped), encoding="utf-8")
    with pytest.raises(BadInput, match="line 5: step 3 after 4; steps must ascend"):
        fit_curves(curves, SETTINGS, LAWS)
