"""IsoFLOP analysis where budgets are exact FLOPs: exponents, their intervals, the best N and D.

Ladders of the decoder with three vocabularies and contexts, five budgets of exact FLOPs from 1e14
to 1e17 with the nine sizes nearest to each optimum, losses by Hoffmann's law with 0.3 % noise. The
truth is the law's own optimum at what a token costs between the sizes, by direct search. Beside it
stand the answers as if C were 6 N D: D_opt = mean(N D) / N_opt, and b = 1 - a.

    python benchmarks/isoflop_exact.py [repetitions] [--objective huber] [--noise 0.003]
"""

import argparse
import time

import numpy as np

from scaletrace.fitting.fit import Observations
from scaletrace.fitting.isoflop import analyse
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.token_cost import token_cost
from scaletrace.laws import chinchilla
from scaletrace.models import counts
from scaletrace.models.counts import Shape

LADDERS = ((1000, 128), (4096, 256), (32_000, 1024))
WIDTHS = range(64, 1088, 32)
BUDGETS = np.geomspace(1e14, 1e17, 5)
SIZES = 9
TRUTH = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}


def between(width: np.ndarray, vocabulary: int, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Return N and exact FLOPs per token of the ladder's shape at any width, fractions included."""
    layers = width / 32.0
    n = 12.0 * layers * width**2 + layers**2
    return n, 6.0 * (
        12.0 * layers * width**2 + vocabulary * width
    ) + 12.0 * layers * width * context


def loss(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    return chinchilla.LAW.predict(TRUTH, {"n": n, "d": d})


def optima(flops: np.ndarray, vocabulary: int, context: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best N and D of each budget, by search over a fine grid of widths."""
    n, cost = between(np.geomspace(20.0, 3000.0, 400_001), vocabulary, context)
    best = [int(loss(n, c / cost).argmin()) for c in flops]
    return n[best], flops / cost[best]


def truth(vocabulary: int, context: int) -> tuple[float, float]:
    """Return a and b at the central budget, as local exponents."""
    near = BUDGETS[len(BUDGETS) // 2] * np.array([0.8, 1.25])
    n, d = optima(near, vocabulary, context)
    step = np.log(near[1] / near[0])
    return float(np.log(n[1] / n[0]) / step), float(np.log(d[1] / d[0]) / step)


def study(vocabulary: int, context: int) -> Observations:
    """Return the noise-free runs: at each budget the sizes nearest to its optimum."""
    shapes = [Shape(w, w // 32, w // 32, context, vocabulary) for w in WIDTHS]
    sizes = np.array([float(counts.n_non_embedding(shape)) for shape in shapes])
    cost = np.array([float(counts.flops_per_token_exact(shape)) for shape in shapes])
    rows = []
    for c, best in zip(BUDGETS, optima(BUDGETS, vocabulary, context)[0], strict=True):
        near = np.argsort(np.abs(np.log(sizes / best)))[:SIZES]
        rows += [(sizes[i], c / cost[i], c) for i in sorted(near)]
    n, d, c = np.array(rows).T
    codes = np.arange(len(n))
    return Observations({"n": n, "d": d, "c": c}, loss(n, d), codes, 0 * codes, np.ones(len(n)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repetitions", type=int, nargs="?", default=400)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--objective", default="huber")
    parser.add_argument("--noise", type=float, default=0.003, help="of log loss")
    arguments = parser.parse_args()
    objective = Objective(arguments.objective)
    print(
        f"{arguments.repetitions} repetitions, {arguments.resamples} resamples, "
        f"{arguments.objective}, noise {arguments.noise:g}, nominal 95 %"
    )
    for vocabulary, context in LADDERS:
        clean = study(vocabulary, context)
        v = clean.variables
        cost = token_cost(v["n"], v["d"], v["c"], "flops_exact")
        a, b = truth(vocabulary, context)
        best_n, best_d = optima(BUDGETS, vocabulary, context)
        area = np.array([(v["n"] * v["d"])[v["c"] == c].mean() for c in BUDGETS])
        random, start = np.random.default_rng(2026), time.process_time()
        found: dict[str, list] = {key: [] for key in ("a", "b", "n", "d", "old d", "a in", "b in")}
        failed = 0
        for repetition in range(arguments.repetitions + 1):
            # The first is without noise.
            z = random.normal(size=len(clean)) if repetition else np.zeros(len(clean))
            data = Observations(
                v,
                clean.loss * np.exp(arguments.noise * z),
                *(clean.cluster, clean.seed, clean.weights),
            )
            resamples = arguments.resamples if repetition else 2
            got = analyse(data, objective, resamples, repetition, 0.95, cost)
            n_opt, d_opt = (
                np.array([row[k] for row in got["budgets"]]) for k in ("n_opt", "d_opt")
            )
            found["a"].append(got["a"]["estimate"])
            found["b"].append(got["b"]["estimate"])
            found["n"].append(np.log(n_opt / best_n))
            found["d"].append(np.log(d_opt / best_d))
            found["old d"].append(np.log(area / n_opt / best_d))
            found["a in"].append(got["a"]["low"] <= a <= got["a"]["high"])
            found["b in"].append(got["b"]["low"] <= b <= got["b"]["high"])
            failed += got["resamples_failed"]
        seconds = time.process_time() - start
        table = {key: np.array(values) for key, values in found.items()}
        multiple = v["c"] / v["n"] / v["d"] / 6.0
        print(
            f"vocabulary {vocabulary}, context {context}: C = {multiple.min():.2f} to "
            f"{multiple.max():.2f} x 6 N D, learnt to {100 * cost.error:.2g} %; "
            f"{seconds:.0f} s CPU, {failed} resamples failed"
        )
        for name, true in (("a", a), ("b", b)):
            line = f"  {name}: truth {true:.4f}; without noise {table[name][0]:.4f}"
            if arguments.repetitions:
                line += (
                    f"; mean {table[name][1:].mean():.4f}, sd {table[name][1:].std():.4f}, "
                    f"interval holds it {100 * table[f'{name} in'][1:].mean():.1f} %"
                )
            print(line)
        print(f"  b by 6 N D (old): {1.0 - table['a'][0]:.4f}")
        for name, key in (("N_opt", "n"), ("D_opt", "d"), ("D_opt by 6 N D (old)", "old d")):
            line = f"  {name} over truth, by budget: without noise "
            line += " ".join(f"{x:.3f}" for x in np.exp(table[key][0]))
            if arguments.repetitions:
                line += "; median " + " ".join(
                    f"{x:.3f}" for x in np.exp(np.median(table[key][1:], axis=0))
                )
            print(line, flush=True)


if __name__ == "__main__":
    main()
