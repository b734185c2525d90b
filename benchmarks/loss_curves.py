"""How well the annealing law predicts the end of trainings that it was not fitted to.

python benchmarks/loss_curves.py RESULTS   (results/example of a clone; minutes)

Two ways to leave whole runs out. `each run`: every run in turn, with all points that only it has,
predicted from the other runs of its size. `longest`: all runs of the largest budget at once,
predicted from the shorter ones of their size. The end of a run is the mean of its last 64 steps.
Baseline: the end of the longest run of that size and seed (any seed, where it has none) that was
fitted. The interval of 95 % is that of the law's draws, and that of a measured end: the draws and
the scatter of the fitted runs' ends about the law.
"""

import argparse
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from scaletrace.fitting import resampling
from scaletrace.fitting.curve import log_predictions
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.loss_curves import prepare_curves
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.training_curves import trunk_of, with_trunks
from scaletrace.laws.annealing import LAW

END_STEPS, RESAMPLES = 64, 400
SETTINGS = Settings(LAW.name, None, unit="observation")
Ends = dict[str, np.ndarray]  # run -> indices of the points of its end


def points_of(
    runs: Collection[Path], momentum: float | None = None
) -> tuple[Observations, Ends, float]:
    """Return the points of runs and their trunks, which are the last of each, and the momentum."""
    prepared, momentum = prepare_curves(with_trunks(runs), LAW, SETTINGS, momentum)
    names, _, steps = zip(*(name.partition(" step ") for name in prepared.names), strict=True)
    step, ends = np.array(steps, dtype=int), {}
    for run in dict.fromkeys(names):
        rows = np.flatnonzero(np.array(names) == run)
        ends[run] = rows[step[rows] > step[rows].max() - END_STEPS]
    return prepared.observations, ends, momentum


def mean_log(values: np.ndarray, data: Observations, rows: np.ndarray) -> np.ndarray:
    """Mean (…) of logs (…, n) over the points of an end, by their steps."""
    return values @ (data.weights[rows] / data.weights[rows].sum())


def predict(kept: list[Path], held: list[Path]) -> Iterator[tuple[Any, ...]]:
    """Yield log measured - predicted, the ends of both intervals, and the baseline's error."""
    fitted_to, ends, momentum = points_of(kept)
    fitted = fit(fitted_to, LAW, Objective())
    several = len(np.unique(fitted_to.cluster)) >= 3
    counts = resampling.counts(fitted_to, "cluster" if several else "observation", RESAMPLES, 0)
    draws, _ = resampling.refit(fitted, counts)
    runs = {path.parent.name: path for path in kept}
    residuals = fitted.log_residuals
    own = {run: ends[run] for run in ends if run in runs}
    scatter = np.array([mean_log(residuals[rows], fitted_to, rows) for rows in own.values()])
    longest = {run: fitted_to.variables["s1"][rows].max() for run, rows in own.items()}
    every, every_ends, _ = points_of([*kept, *held], momentum)
    for path in held:
        rows = every_ends[path.parent.name]
        part = every.take(rows)
        place = np.arange(len(rows))
        measured = mean_log(np.log(part.loss), part, place)
        middle = mean_log(log_predictions(fitted, fitted.theta[None], part.variables), part, place)
        sample = mean_log(log_predictions(fitted, draws, part.variables), part, place)
        random = np.random.default_rng(0)
        noisy = sample + random.choice(scatter, len(sample))
        same = [run for run in own if trunk_of(runs[run]) == trunk_of(path)] or list(own)
        last = max(same, key=lambda run: longest[run])
        baseline = mean_log(np.log(fitted_to.loss[own[last]]), fitted_to, own[last])
        law, measure = (np.quantile(draw, [0.025, 0.975]) for draw in (sample, noisy))
        yield (
            *(measured - middle[0], law[0] <= measured <= law[1]),
            *(measure[0] <= measured <= measure[1], measured - baseline),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of a study's results")
    results = parser.parse_args().results
    sizes: dict[str, list[Path]] = {}
    for path in sorted(results.glob("runs/*/curve.csv")):
        sizes.setdefault(path.parent.name.rpartition("-s")[0], []).append(path)
    rows: dict[str, list[tuple[Any, ...]]] = {"each run": [], "longest": []}
    for runs in sizes.values():
        for run in runs:
            rows["each run"] += predict([other for other in runs if other != run], [run])
        steps = {run: int(run.read_text().splitlines()[-1].partition(",")[0]) for run in runs}
        held = [run for run in runs if steps[run] == max(steps.values())]
        rows["longest"] += predict([run for run in runs if run not in held], held)
    for way, found in rows.items():
        error, in_law, in_measure, baseline = np.array(found, dtype=float).T
        print(
            f"{way}: {len(found)} ends; rms relative error "
            f"{100 * np.sqrt(np.mean(np.expm1(error) ** 2)):.2f} %, of the last end "
            f"{100 * np.sqrt(np.mean(np.expm1(baseline) ** 2)):.2f} %; inside the law's interval "
            f"{100 * in_law.mean():.0f} %, inside that of a measured end "
            f"{100 * in_measure.mean():.0f} %"
        )


if __name__ == "__main__":
    main()
