"""Measure how often intervals of predictions hold what is measured later, at larger scale.

Synthetic families, where the truth is known and the law is right, a little wrong, or far from
determined; and public tables, whose two largest budgets are left out. Both intervals are printed:
of the law's mean by resamples alone, as it was once all that was printed, and of a measured run.

    python benchmarks/prediction_coverage.py synthetic [repetitions]
    python benchmarks/prediction_coverage.py tables $SCALETRACE_TEST_DATA/tables
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scaletrace import kinds
from scaletrace.fitting import resampling
from scaletrace.fitting.design import examine
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.intervals import WEAK, intervals
from scaletrace.fitting.law_error import learn
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.prediction import Uncertain, of_a_run, of_mean, run_noise

LEVEL, RESAMPLES = 0.95, 200
Draw = Callable[[np.random.Generator], tuple[Observations, Observations]]
Losses = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Later(NamedTuple):
    """A run that was not fitted, and the intervals of resamples alone and of a measured run."""

    measured: float
    old: tuple[float, ...]
    run: tuple[float, ...]


def observations(n: np.ndarray, d: np.ndarray, loss: np.ndarray) -> Observations:
    codes = np.unique(np.round(np.log(n), 3), return_inverse=True)[1]
    return Observations({"n": n, "d": d}, loss, codes, 0 * codes, np.ones(len(n)))


def predict_all(inside: Observations, outside: Observations, name: str) -> list[Later]:
    """Return every later run beside what was predicted of it."""
    law = kinds.load("laws", name).LAW
    fitted = fit(inside, law, Objective())
    theta, _ = resampling.refit(fitted, resampling.counts(inside, "cluster", RESAMPLES, 0))
    _, unsupported, _ = examine(law, inside.variables)
    judged = intervals(fitted, theta, "cluster", LEVEL, unsupported)
    weak = any(interval["verdict"] == WEAK for interval in judged.values())
    draws, error = fitted.problem.natural(theta), learn(inside, law, Objective(), {})
    known = Uncertain(fitted, draws, weak, LEVEL, error, run_noise(fitted, LEVEL))
    results = []
    for i in range(len(outside)):
        point = {v: float(outside.variables[v][i]) for v in law.variables}

        def loss(params: np.ndarray, point: dict[str, float] = point) -> np.ndarray:
            logs = {v: np.log([value]) for v, value in point.items()}
            zero = dict.fromkeys(point, 0.0)
            return np.exp(law.jet(law.internal(params, zero), logs).value[:, 0])

        estimate = float(loss(fitted.problem.natural(fitted.theta[None]))[0])
        old = tuple(np.quantile(loss(draws), [0.025, 0.975]))
        mean = of_mean(known, loss)
        run = of_a_run(known, estimate, mean, point)
        results.append(Later(float(outside.loss[i]), old, run))
    return results


def isoflop(budgets: np.ndarray, sizes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return N, D and the budget of IsoFLOP runs about N = 0.12 C^0.46."""
    c = np.repeat(budgets, sizes)
    n = 0.12 * c**0.46 * np.tile(np.geomspace(0.25, 4.0, sizes), len(budgets))
    return n, c / 6.0 / n, c


def chinchilla(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return 1.7 + 400.0 / n**0.34 + 410.0 / d**0.28


def wrong_laws() -> dict[str, Losses]:
    """Truths that Hoffmann's law describes only nearly, each by another kind of error."""

    def bent(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return chinchilla(n, d) * np.exp(4e-4 * np.log(6 * n * d / 1e20) ** 2)

    def drifting(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return 1.7 + 400.0 / n ** (0.34 + 0.002 * np.log(n / 1e8)) + 410.0 / d**0.28

    def together(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return 1.6 + ((8e7 / n) ** 0.7 + 4e8 / d) ** 0.45

    def over_trained(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return chinchilla(n, d) * (1.0 + 2e-3 * np.abs(np.log(d / n / 20.0)) ** 1.5)

    return {"bent": bent, "drifting": drifting, "acting together": together, "ratio": over_trained}


def families() -> Iterator[tuple[str, str, Draw]]:
    """Yield name, law, and a draw of (runs fitted, runs later)."""
    grid = np.meshgrid(np.geomspace(1e7, 1e9, 8), np.geomspace(3e8, 3e10, 6))
    n, d = grid[0].ravel(), grid[1].ravel()
    far_n, far_d = np.array([1e10, 3e9, 1e10]), np.array([2e11, 6e10, 3e10])

    def well(random: np.random.Generator) -> tuple[Observations, Observations]:
        noise = 0.004
        return (
            observations(n, d, chinchilla(n, d) * np.exp(noise * random.normal(size=len(n)))),
            observations(
                far_n, far_d, chinchilla(far_n, far_d) * np.exp(noise * random.normal(size=3))
            ),
        )

    yield "well determined", "chinchilla", well
    for label, loss in wrong_laws().items():
        for noise in (0.002, 0.006):

            def draw(
                random: np.random.Generator, loss: Losses = loss, noise: float = noise
            ) -> tuple[Observations, Observations]:
                m, t, c = isoflop(np.geomspace(1e18, 1e21, 7), 8)
                seen = loss(m, t) * np.exp(noise * random.normal(size=len(m)))
                later = c > 2e20
                return observations(m[~later], t[~later], seen[~later]), observations(
                    m[later], t[later], seen[later]
                )

            yield f"{label}, noise {100 * noise:.1f} %", "chinchilla", draw

    def few(random: np.random.Generator) -> tuple[Observations, Observations]:
        sizes = np.repeat(np.geomspace(2e7, 1e9, 5), 2)
        truth, at = 1.2 + 20.0 / sizes**0.14, np.array([1e10])
        loss = truth * np.exp(0.01 * random.normal(size=10))
        later = (1.2 + 20.0 / at**0.14) * np.exp(0.01 * random.normal(size=1))
        return observations(sizes, sizes, loss), observations(at, at, later)

    yield "5 sizes x 2 runs", "power_n", few


def winkler(measured: float, ends: tuple[float, ...]) -> float:
    """Return the interval score of log loss (Gneiting and Raftery 2007)."""
    low, high, x = np.log(ends[0]), np.log(ends[1]), np.log(measured)
    return float(high - low + 2 / (1 - LEVEL) * (max(low - x, 0.0) + max(x - high, 0.0)))


def tell(label: str, results: list[Later]) -> None:
    rows = []
    for ends in ([r.old for r in results], [r.run for r in results]):
        seen = [r.measured for r in results]
        inside = [low <= x <= high for x, (low, high) in zip(seen, ends, strict=True)]
        half = np.median([0.5 * np.log(high / low) for low, high in ends])
        score = np.mean([winkler(x, pair) for x, pair in zip(seen, ends, strict=True)])
        rows.append(
            f"{sum(inside):4d} of {len(inside)} = {100 * np.mean(inside):5.1f} %, "
            f"{100 * half:.2f} %, {100 * score:.2f} %"
        )
    print(f"{label:<28} resamples: {rows[0]}   measured run: {rows[1]}", flush=True)


def synthetic(repetitions: int) -> None:
    print("held, median half-width, mean Winkler score")
    for label, law, draw in families():
        results = []
        for repetition in range(repetitions):
            inside, outside = draw(np.random.default_rng([repetition, len(label)]))
            results += predict_all(inside, outside, law)
        tell(label, results)


def tables(folder: Path) -> None:
    everything = []
    for path in sorted(folder.glob("*_isoflops.csv")):
        with path.open(encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("outlier") != "True"]
        for experiment in sorted({row.get("experiment", "") for row in rows}):
            chosen = [row for row in rows if row.get("experiment", "") == experiment]
            n, d, c, loss = (
                np.array([float(row[k]) for row in chosen])
                for k in ("params", "tokens", "budget", "loss")
            )
            every = observations(n, d, loss)
            for largest in np.unique(c)[-2:]:
                later = np.isclose(c, largest)
                results = predict_all(
                    every.take(c < np.unique(c)[-2]), every.take(later), "chinchilla"
                )
                tell(f"{path.stem[:12]} {experiment[:8]} {largest:.0e}", results)
                everything += results
    tell("pooled", everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["synthetic", "tables"])
    parser.add_argument("given", nargs="?", default="10", help="repetitions, or the folder")
    arguments = parser.parse_args()
    if arguments.what == "synthetic":
        synthetic(int(arguments.given))
    else:
        tables(Path(arguments.given))


if __name__ == "__main__":
    main()
