"""Does the interval of a compute multiplier cover the truth, 1.3, as often as it says?

python benchmarks/multiplier.py [REPETITIONS]   (200: some minutes on a core)

Two groups of runs follow Chinchilla's law; the second needs 1.3 times less compute for every loss,
as if its N and its D counted for sqrt(1.3) as much each. Noise of log loss 0.004, independent or
half of its variance shared by the runs of a size.
"""

import argparse
import dataclasses
import time

import numpy as np

from scaletrace.fitting.fit import Observations
from scaletrace.fitting.multiplier import groups_of, multiplier
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.token_cost import SIX_N_D
from scaletrace.laws.chinchilla import LAW

TRUTH, NOISE, RESAMPLES = 1.3, 0.004, 400
PARAMS = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}


def design() -> Observations:
    n, d = np.meshgrid(np.geomspace(1e7, 1e9, 8), np.geomspace(3e8, 1e10, 4))
    n, d = np.tile(n.ravel(), 2), np.tile(d.ravel(), 2)
    second = np.arange(len(n)) >= len(n) // 2
    size = np.tile(np.arange(8), 8)
    gain = np.where(second, np.sqrt(TRUTH), 1.0)
    loss = LAW.predict(PARAMS, {"n": n * gain, "d": d * gain})
    return Observations({"n": n, "d": d}, loss, size + 8 * second, 0 * size, np.ones(len(n)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repetitions", type=int, nargs="?", default=200)
    repetitions = parser.parse_args().repetitions
    clean = design()
    groups = groups_of("group", ["a"] * (len(clean) // 2) + ["b"] * (len(clean) // 2))
    for shared in (0.0, 0.5):
        random, start = np.random.default_rng(13), time.process_time()
        hits: dict[str, list[bool]] = {"cluster": [], "observation": []}
        estimates, as_shared = [], 0
        for repetition in range(repetitions):
            own = random.normal(size=len(clean))
            common = random.normal(size=clean.cluster.max() + 1)[clean.cluster]
            noise = NOISE * (np.sqrt(1.0 - shared) * own + np.sqrt(shared) * common)
            data = dataclasses.replace(clean, loss=clean.loss * np.exp(noise))
            for unit, flags in hits.items():
                found = multiplier(
                    *(data, groups, LAW, Objective(), {}, SIX_N_D),
                    *((unit, RESAMPLES, repetition), 0.95),
                )
                flags.append(found["low"] <= TRUTH <= found["high"])
            estimates.append(found["estimate"])
            as_shared += found["shared"] != "nothing"
        covered = ", ".join(
            f"over {unit}s {100 * np.mean(flags):.1f} %" for unit, flags in hits.items()
        )
        print(
            f"{100 * shared:.0f} % of the variance shared: intervals of 95 % hold {TRUTH}: "
            f"{covered}; estimates {np.mean(estimates):.3f} +- {np.std(estimates):.3f}; exponents "
            f"shared in {100 * as_shared / repetitions:.0f} % "
            f"({time.process_time() - start:.0f} s CPU)",
            flush=True,
        )


if __name__ == "__main__":
    main()
