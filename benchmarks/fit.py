"""Measure the solver on the points of figure 4 of Hoffmann et al. 2022, on one core.

OMP_NUM_THREADS=1 python benchmarks/fit.py $SCALETRACE_TEST_DATA/hoffmann2022_figure4.csv
"""

import argparse
import time
from pathlib import Path

import numpy as np

from scaletrace.fitting import resampling
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.preparation import prepare, split
from scaletrace.fitting.settings import Settings
from scaletrace.formats.runs_table import read_runs
from scaletrace.laws import chinchilla

LAW = chinchilla.LAW
PUBLISHED = {"alpha": 0.0154, "beta": 0.0206, "E": 0.0257}


def largest_change(data: Observations, params: dict[str, float], **changed) -> float:
    """Return the largest relative change of a parameter when N or the weights are rescaled."""
    scale_n, scale_weights = changed.get("n", 1.0), changed.get("weights", 1.0)
    variables = {**data.variables, "n": data.variables["n"] * scale_n}
    weights = data.weights * scale_weights
    other = fit(
        Observations(variables, data.loss, data.cluster, data.seed, weights), LAW, Objective()
    ).params
    other["A"] /= scale_n ** other["alpha"]
    return max(abs(other[name] / params[name] - 1.0) for name in params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", type=Path, help="hoffmann2022_figure4.csv")
    table = read_runs(parser.parse_args().points)
    whole = prepare(
        table, chinchilla.LAW, Settings(law="chinchilla", budget=None, drop_highest=5)
    ).observations
    data = whole.take(split(whole, 5)[0])
    fit(data, LAW, Objective())  # the first call pays for loading
    start = time.process_time()
    fitted = fit(data, LAW, Objective())
    seconds = time.process_time() - start
    certificate = fitted.certificate
    print(f"fit: {seconds:.3f} s CPU, objective {fitted.value:.10e}, {fitted.params}")
    print(f"  {certificate['starts_agreeing']} of {certificate['starts']} starts agree")

    counts = resampling.counts(data, "observation", 4000, 0)
    start = time.process_time()
    draws, failed = resampling.refit(fitted, counts)
    seconds = time.process_time() - start
    print(f"4000 resamples: {seconds:.2f} s CPU, {failed} failed")
    errors = dict(zip(LAW.names, fitted.problem.natural(draws).std(axis=0), strict=True))
    for name, published in PUBLISHED.items():
        ratio = errors[name] / published
        print(f"  standard error of {name}: {errors[name]:.4f}, {ratio:.3f} of the published")

    for scale in np.geomspace(1e-3, 1e3, 4):
        change = largest_change(data, fitted.params, weights=scale)
        print(f"objective x {scale:g}: largest relative change {change:.1e}")
    for scale in (1e-6, 1e6):
        change = largest_change(data, fitted.params, n=scale)
        print(f"N x {scale:g}: largest relative change {change:.1e}")


if __name__ == "__main__":
    main()
