"""Plan a study of 5,000 runs: the dry run with its resource estimates, and `scaletrace plan`.

    python benchmarks/plan_scale.py [--json] [--turns N] [--sizes N]

Beside it, in turns, a bare Snakemake workflow of the same jobs: the same rules, files and
dependencies, but nothing of ours. Prints wall and CPU seconds (medians of the turns) and peak
memory in MiB, resident in all processes together.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SEEDS, BUDGETS = 5, 10
CONFIG = """\
study: scale
corpus: {{source: docstrings, packages: [networkx]}}
vocabulary: {{kind: bpe, size: 320}}
model: {{context: 32}}
ladder: {{widths: {widths}, width_per_layer: 128, head_width: 8}}
budgets: {budgets}
seeds: {seeds}
training:
  batch_tokens: 1024
  learning_rate: {{law: inverse_width, at_width: 32, value: 0.01}}
evaluation: {{tokens: 8192}}
fits: [power_n]
"""
BARE = """\
import json
RUNS, TRUNKS, FITS, FIGURES = json.load(open("bare.json"))
PREVIOUS = {(size, seed, tokens): before for size, seed, tokens, before in TRUNKS}

rule all:
    input: "r/timings.csv", expand("r/fits/{fit}.json", fit=FITS), expand("r/{f}.pdf", f=FIGURES)

rule corpus:
    output: "r/corpus.jsonl"
    shell: "touch {output}"

rule vocab:
    input: "r/corpus.jsonl"
    output: "r/vocab.json"
    shell: "touch {output}"

rule tokenize:
    input: "r/vocab.json", "r/corpus.jsonl"
    output: "r/train.bin", "r/train.json", "r/valid.bin", "r/valid.json"
    shell: "touch {output}"

def before(w):
    tokens = PREVIOUS[w.size, int(w.seed), int(w.tokens)]
    return f"r/trunks/{w.size}-s{w.seed}/{tokens}/state" if tokens else []

rule pretrain:
    input: before, "r/train.bin", "r/train.json"
    output: "r/trunks/{size}-s{seed}/{tokens}/state", "r/trunks/{size}-s{seed}/{tokens}/curve"
    shell: "touch {output}"

def start(w):
    size, seed, tokens = RUNS[w.run]
    return f"r/trunks/{size}-s{seed}/{tokens}/state" if tokens else []

rule anneal:
    input: start, "r/train.bin", "r/train.json"
    output: "r/runs/{run}/model", "r/runs/{run}/curve", "r/runs/{run}/outcome"
    shell: "touch {output}"

rule evaluate:
    input: "r/runs/{run}/model", "r/runs/{run}/outcome", "r/valid.bin", "r/valid.json"
    output: "r/evals/{run}.json"
    shell: "touch {output}"

rule observe:
    input: expand("r/evals/{run}.json", run=RUNS), expand("r/runs/{run}/outcome", run=RUNS)
    output: "r/observations.csv"
    shell: "touch {output}"

rule timings:
    input: "r/observations.csv"
    output: "r/timings.csv"
    shell: "touch {output}"

rule fit:
    input: "r/observations.csv"
    output: "r/fits/{fit}.json"
    shell: "touch {output}"

rule figures:
    input: expand("r/fits/{fit}.json", fit=FITS), "r/observations.csv"
    output: "r/{figure}.pdf"
    shell: "touch {output}"
"""


def copy_checkout(folder: Path) -> None:
    said = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in said.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def write_study(folder: Path, sizes: int) -> None:
    widths = [16 * n for n in range(1, sizes + 1)]
    budgets = [1_000_000 * 2**n for n in range(BUDGETS)]
    text = CONFIG.format(widths=widths, budgets=budgets, seeds=list(range(SEEDS)))
    (folder / "config/scale.yaml").write_text(text, encoding="utf-8")


def write_bare(folder: Path, config: Path) -> int:
    """Write the bare workflow of the study's jobs, and return how many there are."""
    from scaletrace.study.config import load
    from scaletrace.study.plan import Plan

    plan = Plan(load(config))
    runs = {run.name: (run.size, run.seed, plan.start(run)) for run in plan.runs.values()}
    trunks = [
        (size, seed, tokens, plan.state_before(size, tokens))
        for size, seed, tokens in plan.trunk_states()
    ]
    fits, figures = list(plan.fits()), list(plan.figures())
    folder.mkdir()
    text = json.dumps([runs, trunks, fits, figures])
    (folder / "bare.json").write_text(text, encoding="utf-8")
    (folder / "Snakefile").write_text(BARE, encoding="utf-8")
    return 2 * len(runs) + len(trunks) + len(fits) + len(figures) + 6


def measure(folder: Path, *command: str) -> tuple[float, float, float]:
    """Run a command; return its wall and CPU seconds and the peak memory of all its processes."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    began, before, peak = time.perf_counter(), os.times(), 0
    with (folder / "said.txt").open("wb") as said:
        process = psutil.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environment, stdout=said, stderr=said
        )
        while process.poll() is None:
            resident = 0
            for one in (process, *children(process)):
                try:
                    resident += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak = max(peak, resident)
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit((folder / "said.txt").read_text(encoding="utf-8")[-2000:])
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    return time.perf_counter() - began, cpu, peak / 2**20


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--sizes", type=int, default=100, help="50 runs each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ours, bare = Path(name) / "ours", Path(name) / "bare"
        ours.mkdir()
        copy_checkout(ours)
        write_study(ours, arguments.sizes)
        count = write_bare(bare, ours / "config/scale.yaml")
        dry = ("snakemake", "--dry-run", "--quiet", "all")
        commands = {
            "bare dry run": (bare, *dry),
            "dry run": (ours, *dry, "--configfile", "config/scale.yaml"),
            "plan": (ours, "scaletrace.cli", "plan", "config/scale.yaml"),
        }
        found: dict[str, list[tuple[float, float, float]]] = {label: [] for label in commands}
        for _ in range(arguments.turns):
            for label, (folder, *command) in commands.items():
                found[label].append(measure(folder, *command))
    rows = {
        label: {
            "seconds": statistics.median(seconds for seconds, _, _ in turns),
            "cpu_seconds": statistics.median(cpu for _, cpu, _ in turns),
            "peak_memory_mb": max(peak for _, _, peak in turns),
        }
        for label, turns in found.items()
    }
    if arguments.json:
        print(json.dumps({"runs": arguments.sizes * SEEDS * BUDGETS, "jobs": count, **rows}))
        return
    print(f"{arguments.sizes * SEEDS * BUDGETS:,} runs, {count:,} jobs")
    for label, row in rows.items():
        print(
            f"{label:<14} {row['seconds']:6.1f} s {row['cpu_seconds']:6.1f} s CPU "
            f"{row['peak_memory_mb']:6.0f} MiB"
        )
    ours_s, bare_s = (
        sum(rows[label]["seconds"] for label in labels)
        for labels in (("dry run", "plan"), ("bare dry run",))
    )
    print(f"{'ours together':<14} {ours_s:6.1f} s, {ours_s / bare_s:.2f} times the bare one")


if __name__ == "__main__":
    main()
