"""Measure by simulation how often nominal 95 % intervals hold the true alpha and a.

Design: the points of figure 4 of Hoffmann et al. 2022 without the five highest losses, truth the
fitted law, Gaussian log noise with the standard deviation of the fit's residuals; once
independent, once with half its variance shared by all runs of one size. A smaller design beside
it: seven sizes on four budgets each, where clusters are few.

    python benchmarks/coverage.py $SCALETRACE_TEST_DATA/hoffmann2022_figure4.csv [repetitions]
"""

import argparse
import time
from pathlib import Path

import numpy as np

from scaletrace import kinds
from scaletrace.fitting import resampling
from scaletrace.fitting.diagnostics import shared_noise
from scaletrace.fitting.fit import FittedLaw, Observations, fit
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import prepare, split
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import read_runs
from scaletrace.laws import chinchilla

LAW = chinchilla.LAW
RESAMPLES = 400


def hoffmann(path: Path) -> tuple[Observations, dict[str, float], float]:
    """Return the design with noise-free losses, the truth, and the noise of log loss."""
    chosen = Settings(law="chinchilla", budget=None, drop_highest=5)
    observations = prepare(read_runs(path), kinds.load("laws", chosen.law).LAW, chosen).observations
    fitted = fit(observations.take(split(observations, 5)[0]), LAW, Objective())
    return (
        noise_free(observations.take(split(observations, 5)[0]), fitted.params),
        (fitted.params),
        float(fitted.log_residuals.std()),
    )


def noise_free(observations: Observations, truth: dict[str, float]) -> Observations:
    variables = {v: observations.variables[v] for v in LAW.variables}
    return Observations(
        variables,
        LAW.predict(truth, variables),
        *(observations.cluster, observations.seed, observations.weights),
    )


def small() -> tuple[Observations, dict[str, float], float]:
    """Return a design of seven sizes on four budgets, its truth and its noise."""
    truth = {"E": 2.0, "A": 60.0, "alpha": 0.4, "B": 100.0, "beta": 0.35}
    sizes, tokens = np.geomspace(6e3, 8e5, 7), np.array([5e5, 1e6, 2e6, 4e6])
    n, d = (grid.ravel() for grid in np.meshgrid(sizes, tokens))
    codes = np.tile(np.arange(7), 4)
    empty = Observations({"n": n, "d": d}, n, codes, 0 * codes, np.ones(28))
    return noise_free(empty, truth), truth, 0.004


def quantities(params: np.ndarray) -> dict[str, np.ndarray]:
    """Return alpha, a and E of published parameters (…, 5)."""
    level, _, alpha, _, beta = np.moveaxis(params, -1, 0)
    return {"alpha": alpha, "a": beta / (alpha + beta), "E": level}


def covered(fitted: FittedLaw, truth: dict[str, float], data: Observations, unit: str, seed: int):
    """Say for each quantity whether the default interval, over this unit, holds the truth."""
    draws, _ = resampling.refit(fitted, resampling.counts(data, unit, RESAMPLES, seed))
    true = quantities(np.array([truth[name] for name in LAW.names]))
    found = {}
    for name, sample in quantities(fitted.problem.natural(draws)).items():
        low, high = np.percentile(sample, [2.5, 97.5])
        found[name] = low <= true[name] <= high
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path, help="hoffmann2022_figure4.csv")
    parser.add_argument("repetitions", type=int, nargs="?", default=1000)
    arguments = parser.parse_args()
    repetitions = arguments.repetitions
    designs = {"hoffmann": hoffmann(arguments.points), "seven sizes": small()}
    print(f"{repetitions} repetitions, {RESAMPLES} resamples each, nominal 95 %")
    for design, (clean, truth, noise) in designs.items():
        for shared in (0.0, 0.5):
            random = np.random.default_rng(2024)
            start, warned = time.process_time(), 0
            hits: dict[tuple[str, str], list[bool]] = {}
            for repetition in range(repetitions):
                own = random.normal(size=len(clean))
                common = random.normal(size=clean.cluster.max() + 1)[clean.cluster]
                z = np.sqrt(1.0 - shared) * own + np.sqrt(shared) * common
                data = Observations(
                    clean.variables,
                    clean.loss * np.exp(noise * z),
                    *(clean.cluster, clean.seed, clean.weights),
                )
                fitted = fit(data, LAW, Objective())
                warned += bool(shared_noise(fitted, data.cluster, "observation")[1])
                for unit in ("cluster", "observation"):
                    for name, hit in covered(fitted, truth, data, unit, repetition).items():
                        hits.setdefault((unit, name), []).append(hit)
            seconds = time.process_time() - start
            print(f"{design}, {100 * shared:.0f} % of the variance shared ({seconds:.0f} s CPU):")
            for (unit, name), flags in hits.items():
                print(f"  over {unit}s, {name}: {100 * np.mean(flags):.1f} %")
            print(
                f"  correlated residuals warned of: {100 * warned / repetitions:.1f} %", flush=True
            )


if __name__ == "__main__":
    main()
