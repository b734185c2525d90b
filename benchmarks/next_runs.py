"""Do proposed runs shrink a goal's interval more than the same FLOPs spent on repeating the design?

python benchmarks/next_runs.py [--studies 3] [--repetitions 500]   (a few minutes on a core)

16 settings: laws x goals x designs. Of each, made-up studies are fitted as `scaletrace fit` does,
`next` proposes runs for as many FLOPs as the study took, and the goal's error is measured by
refitting fresh losses: of the design, of the design twice (other noise), and of the design with the
proposed runs. The width is that of the normal interval of 95 % with the standard deviation of the
goal's estimates. How much a width shrinks is 1 - after / before. In settings marked `bent` the
truth is not the fitted law: log loss bends by half the noise over a decade of N and of D.
"""

import argparse
import csv
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from scaletrace import kinds
from scaletrace.fitting.goals import goal_of
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.proposal import next_runs
from scaletrace.fitting.settings import Settings
from scaletrace.fitting.solver import minimise, problem_of
from scaletrace.fitting.table_fit import fit_table
from scaletrace.fitting.token_cost import SIX_N_D
from scaletrace.formats.fit_file import read_planning

TARGET = 1.5
CHINCHILLA = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
KAPLAN = {"Nc": 8.8e13, "alpha_n": 0.076, "Dc": 5.4e13, "alpha_d": 0.095}
OVERTRAINING = {"E": 1.8, "a": 141.0, "b": 190.0, "eta": 0.121}
POWER_C = {"E": 1.7, "A": 1100.0, "alpha": 0.15}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A true law, what is wanted of it, where it was measured, and with what noise of log loss."""

    law: str
    truth: dict[str, float]
    goal: str
    design: str
    noise: float = 0.004
    bent: bool = False


SETTINGS = [
    *(
        Setting("chinchilla", CHINCHILLA, goal, design)
        for goal in ("loss@2e9,4e10", "N_opt@1e22", "alpha")
        for design in ("grid", "isoflop", "few sizes")
    ),
    Setting("chinchilla", CHINCHILLA, "a", "isoflop", noise=0.01),
    Setting("chinchilla", CHINCHILLA, "loss@2e9,4e10", "grid", bent=True),
    Setting("chinchilla", CHINCHILLA, "N_opt@1e22", "isoflop", bent=True),
    Setting("kaplan", KAPLAN, "loss@2e9,4e10", "grid"),
    Setting("kaplan", KAPLAN, "alpha_n", "isoflop"),
    Setting("overtraining", OVERTRAINING, "loss@2e9,4e10", "grid"),
    Setting("power_c", POWER_C, "loss@1e22", "grid"),
]


def design(name: str) -> tuple[np.ndarray, np.ndarray]:
    """N and D of a study's runs."""
    if name == "isoflop":
        c, ratio = np.meshgrid([6e17, 2e18, 6e18, 2e19], np.geomspace(2.0, 200.0, 7))
        n = np.sqrt(c / 6.0 / ratio).ravel()
        return n, c.ravel() / 6.0 / n
    sizes = np.geomspace(1e7, 3e8, 7) if name == "grid" else np.geomspace(2e7, 2e8, 4)
    n, d = np.meshgrid(sizes, np.geomspace(3e8, 1e10, 4 if name == "grid" else 6))
    return n.ravel(), d.ravel()


def losses(setting: Setting, variables: dict[str, np.ndarray], random) -> np.ndarray:
    law = kinds.load("laws", setting.law).LAW
    loss = law.predict(setting.truth, {v: variables[v] for v in law.variables})
    log_noise = setting.noise * random.normal(size=len(loss))
    if setting.bent:
        waves = [np.sin(2.0 * np.log10(variables[v]) + i) for i, v in enumerate("nd")]
        log_noise += 0.5 * setting.noise * sum(waves)
    return loss * np.exp(log_noise)


def variables_of(n: np.ndarray, d: np.ndarray) -> dict[str, np.ndarray]:
    return {"n": n, "d": d, "c": 6.0 * n * d, "u": d}


def study(setting: Setting, random, folder: Path):
    """Fit one made-up study as people do; return what `next` reads."""
    variables = variables_of(*design(setting.design))
    path = folder / "runs.csv"
    columns = {"n_params": "n", "n_tokens": "d", "flops": "c"}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*columns, "loss"])
        rows = zip(*(variables[v] for v in columns.values()), strict=True)
        for row, loss in zip(rows, losses(setting, variables, random), strict=True):
            writer.writerow([*map(repr, map(float, row)), repr(float(loss))])
    settings = Settings(setting.law, None, resamples=200)
    if setting.law == "power_c":
        settings = dataclasses.replace(settings, unit="observation")
    found = fit_table(path, settings, {setting.law: kinds.load("laws", setting.law).LAW})
    (folder / "fit.json").write_text(json.dumps(found), encoding="utf-8")
    return read_planning(folder / "fit.json")


def width(setting: Setting, variables: dict[str, np.ndarray], random, repetitions: int) -> float:
    """Width of the 95 % interval that the goal's estimates from fresh losses have."""
    law = kinds.load("laws", setting.law).LAW
    goal = goal_of(setting.goal, law, SIX_N_D)
    quiet = dataclasses.replace(setting, noise=1e-9, bent=False)
    problem = problem_of(law, variables, losses(quiet, variables, random), Objective())
    truth = law.internal(np.array([[setting.truth[name] for name in law.names]]), problem.centre)
    observed = np.log([losses(setting, variables, random) for _ in range(repetitions)])
    starts, equal = np.repeat(truth, repetitions, axis=0), np.ones((1, observed.shape[1]))
    minimum = minimise(problem, starts, equal, observed, near=True)
    estimates = goal.quantity(problem.natural(minimum.theta[minimum.converged]))
    return float(2.0 * 1.96 * (np.log(estimates) if goal.logarithmic else estimates).std())


def joined(*parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {v: np.concatenate([part[v] for part in parts]) for v in parts[0]}


def added(proposal) -> dict[str, np.ndarray]:
    """Return the variables of proposed runs; of those of FLOPs alone, with N and D made up."""
    rows = [run for run in proposal.runs for _ in range(run.seeds)]
    c = np.array([run.flops for run in rows])
    n = np.array([run.n or np.sqrt(run.flops / 120.0) for run in rows])
    return variables_of(n, c / 6.0 / n) | {"c": c}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=500)
    arguments = parser.parse_args()
    reached, start = 0, time.process_time()
    for number, setting in enumerate(SETTINGS):
        random = np.random.default_rng([2024, number])
        base = variables_of(*design(setting.design))
        spend = float(base["c"].sum())
        shrunk, runs, said = [], [], []
        before = width(setting, base, random, arguments.repetitions)
        twice = width(setting, joined(base, base), random, arguments.repetitions)
        for _ in range(arguments.studies):
            with tempfile.TemporaryDirectory() as folder:
                fitted = study(setting, random, Path(folder))
            proposal = next_runs(fitted, spend, setting.goal)
            assert proposal.flops <= spend * (1.0 + 1e-9)
            after = width(setting, joined(base, added(proposal)), random, arguments.repetitions)
            shrunk.append(1.0 - after / before)
            runs.append(sum(run.seeds for run in proposal.runs))
            ends = (proposal.before, proposal.after)
            now, then = (np.log(e.high / e.low) if e.low > 0 else e.high - e.low for e in ends)
            said.append(1.0 - then / now)
        repeated, proposed = 1.0 - twice / before, float(np.mean(shrunk))
        times = proposed / repeated if repeated > 0 else np.inf
        reached += times >= TARGET
        name = f"{setting.law}, {setting.goal}, {setting.design}{', bent' if setting.bent else ''}"
        print(
            f"{name}: width shrinks by {100 * repeated:.0f} % repeated ({len(base['c'])} runs), "
            f"{100 * proposed:.0f} % proposed ({np.mean(runs):.0f} runs; foretold "
            f"{100 * np.mean(said):.0f} %): {times:.2f} times as much",
            flush=True,
        )
    seconds = time.process_time() - start
    print(f"{reached} of {len(SETTINGS)} settings reach {TARGET} ({seconds:.0f} s CPU)")


if __name__ == "__main__":
    main()
