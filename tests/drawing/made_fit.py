"""Fits of made tables, as the content of FIT.json, for tests of their pictures."""

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from scaletrace import cli
from scaletrace.drawing.fitted_runs import FittedRuns, fitted_runs

N = np.geomspace(2e7, 2e9, 5)


def grid() -> list[tuple[float, float]]:
    return [(n, d) for n in N for d in (1e9, 4e9, 16e9)]


def budgets() -> list[tuple[float, float]]:
    """Four budgets of five sizes each about their best, no two with the same D."""
    return [
        (n, c / (6 * n))
        for c in (1e18, 1e19, 1e20, 1e21)
        for n in 0.1 * np.sqrt(c) * np.geomspace(0.2, 5, 5)
    ]


@cache
def content(design: str) -> bytes:
    """FIT.json of chinchilla on a design, `grid` or `budgets`."""
    points = {"grid": grid, "budgets": budgets}[design]()
    noise = np.random.default_rng(0).normal(size=len(points))
    with TemporaryDirectory() as folder:
        table, out = Path(folder) / "runs.csv", Path(folder) / "fit.json"
        lines = ["run,n_params,n_tokens,loss"]
        for i, (n, d) in enumerate(points):
            loss = (1.7 + 400 / n**0.34 + 1800 / d**0.37) * np.exp(0.0005 * noise[i])
            lines.append(f"r{i},{float(n)!r},{float(d)!r},{float(loss)!r}")
        table.write_text("\n".join(lines) + "\n")
        command = ["fit", str(table), "--law", "chinchilla", "--bootstrap", "100"]
        assert cli.main([*command, "--out", str(out)]) == 0
        return out.read_bytes()


def runs(design: str) -> FittedRuns:
    return fitted_runs(content(design), Path("fit.json"))


def with_minima() -> FittedRuns:
    """The fit of the budgets, with parabolas as an IsoFLOP analysis of the same."""
    fit = json.loads(content("budgets"))
    ends = {"estimate": 0.5, "low": 0.48, "high": 0.52}
    fit["isoflop"] = {"a": ends, "b": ends, "budgets": [_budget(c) for c in (1e18, 1e19, 1e20)]}
    return fitted_runs(json.dumps(fit).encode(), Path("fit.json"))


def _budget(flops: float) -> dict[str, object]:
    best = 0.1 * flops**0.5
    sizes = np.geomspace(best / 5, 5 * best, 5)
    points = {"n": sizes.tolist(), "loss": (2.0 + 0.1 * np.log(sizes / best) ** 2).tolist()}
    return {
        **{"flops": flops, "runs": 5, "n_opt": best, "d_opt": flops / 6 / best},
        **{"loss_opt": 2.0, "inside_measured_range": flops < 1e20},
        **{"curve": points, "measured": points},
    }
