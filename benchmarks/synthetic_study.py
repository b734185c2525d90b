"""A recorded study of many runs whose artifacts are a few bytes each, to measure the lineage.

    python benchmarks/synthetic_study.py FOLDER [SIZES] [BUDGETS]

FOLDER is a copy of the repository without results (a fresh clone). The jobs are those of the
workflow's own graph; only their outputs are made up. Prints CPU seconds of each command.
"""

import hashlib
import json
import os
import resource
import struct
import subprocess
import sys
import time
import zlib
from html import escape
from pathlib import Path

from scaletrace import python_command
from scaletrace.formats import files
from scaletrace.formats.figure_identity import PNG_SIGNATURE, identity_text
from scaletrace.formats.record import Code, Identity, RecordedFile, read_record
from scaletrace.jobs import fingerprint, ledger, surroundings
from scaletrace.jobs.command import AskedJob
from scaletrace.jobs.planned import asked_jobs
from scaletrace.lineage.snakemake.settling import settle

STUDY = "synthetic"
CONFIG = Path("config") / f"{STUDY}.yaml"


def write_config(sizes: int, budgets: int) -> None:
    lines = [
        f"study: {STUDY}",
        "corpus: {source: docstrings, packages: [networkx]}",
        "vocabulary: {kind: bpe, size: 320}",
        "model: {context: 32}",
        "sizes:",
        *(f"  d{8 * n}-l1: {{width: {8 * n}, layers: 1, heads: 1}}" for n in range(1, sizes + 1)),
        f"budgets: [{', '.join(str(32_000 * n) for n in range(1, budgets + 1))}]",
        "training:",
        "  batch_tokens: 64",
        "  warmup: 2000",
        "  learning_rate: {law: inverse_width, at_width: 32, value: 0.01}",
        "evaluation: {tokens: 8192}",
        "fits: [power_n]",
    ]
    CONFIG.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _figure(job: AskedJob, name: str) -> str:
    """Return a figure without a picture: the identity that `trace` reads, and a table."""
    study, figure = job.settings["study"], job.settings["figure"]
    (source,) = job.inputs["observations"]
    sources = {source: str(files.hashes(Path(source))["sha256"])}
    table = f"study,figure,series,kind,x,y,low,high,run,source,source_sha256\n{study},{figure},"
    table += f"mean,line,1.0,3.0,,,,{source},{sources[source]}\n"
    if name == "csv":
        return table
    digest = hashlib.sha256(table.encode()).hexdigest()
    text = identity_text(study, figure, digest, sources)
    if name == "svg":
        return f"<dc:description>{escape(text)}</dc:description>"
    if name == "pdf":
        return f"/Keywords ({text})"
    chunk = f"tEXtDescription\0{text}".encode()
    crc = struct.pack(">I", zlib.crc32(chunk))
    return (PNG_SIGNATURE + struct.pack(">I", len(chunk) - 4) + chunk + crc).decode("latin-1")


def _content(job: AskedJob, name: str) -> str:
    if job.rule == "figures":
        return _figure(job, name)
    if job.rule == "fit":
        return files.to_json({"params": {"E": 1.0, "A": 2.0, "alpha": 0.3}})
    if job.rule == "evaluate":
        return files.to_json({"status": "ok", "loss": 3.0})
    if name == "curve":
        return "step,tokens,loss,learning_rate\n1,64,3.0,0.01\n"
    return json.dumps([job.rule, name, sorted(job.wildcards.items())])


def _ordered(jobs: list[AskedJob]) -> list[AskedJob]:
    made: set[str] = set()
    waiting, ordered = jobs, []
    outputs = {path for job in jobs for path in job.outputs.values()}
    while waiting:
        ready = [
            job
            for job in waiting
            if all(p in made or p not in outputs for paths in job.inputs.values() for p in paths)
        ]
        ordered += ready
        made.update(path for job in ready for path in job.outputs.values())
        waiting = [job for job in waiting if job not in ready]
    return ordered


def write_results(config: Path = CONFIG, study: str = STUDY) -> None:
    """Write outputs and records for every job, and let Snakemake remember them."""
    here, rules = surroundings.here(), {}
    ids: dict[str, str] = {}
    sound = {}
    for job in _ordered(list(asked_jobs(config).values())):
        for name, path in job.outputs.items():
            target, encoding = Path(path), "latin-1" if name == "png" else "utf-8"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_content(job, name).encode(encoding))
        inputs = [
            RecordedFile.at(name, path).made_by(ids.get(path))
            for name, paths in job.inputs.items()
            for path in paths
        ]
        outputs = [RecordedFile.at(name, path) for name, path in job.outputs.items()]
        modules = fingerprint.modules(job.rule, fingerprint.kinds_of(job.rule, job.settings))
        code = Code(job.fingerprint, modules, fingerprint.SCHEME)
        identity = Identity(
            job.rule, job.wildcards, job.settings, code, tuple(inputs), tuple(outputs)
        )
        times = {"start": time.time(), "end": time.time(), "seconds": 0.0, "threads": 1}
        ledger.write(study, identity, {**here, **times, "attempts": [], "measured": {}})
        sound[job.record] = read_record(job.record)
        ids.update((path, sound[job.record].id) for path in job.outputs.values())
        rules[job.rule] = (
            f"exec {python_command.in_shell('scaletrace.job')} {{params.stage}} --study {study}"
            " --job {params.job:q} --settings {params.settings:q} --threads {threads} > {log} 2>&1"
        )
    rules["timings"] = (
        f"{python_command.in_shell('scaletrace.jobs.timings')}"
        " {params.study} > {output} 2> {log}"
    )
    settle(study, sound, rules)


def measure(*words: str) -> str:
    """Run a command and return its CPU and wall seconds, its exit code and its last line."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = (done.stdout + done.stderr).strip().splitlines()[-1:]
    took = f"{cpu:6.1f} s CPU {time.perf_counter() - clock:6.1f} s"
    return f"{took}  {' '.join(words)}: exit {done.returncode}, {last}"


def main() -> None:
    folder, sizes, budgets = Path(sys.argv[1]), *map(int, [*sys.argv[2:], 40, 5][:2])
    os.chdir(folder)
    write_config(sizes, budgets)
    write_results()
    python = sys.executable
    cli = (python, "-m", "scaletrace.cli")
    print(measure(python, "-m", "snakemake", "-n", "--configfile", str(CONFIG)))
    for words in (["record"], ["record"], ["record", "--check"]):
        print(measure(*cli, *words, "--study", STUDY))
    print(measure(python, "-m", "snakemake", "-n", "--configfile", str(CONFIG)))


if __name__ == "__main__":
    main()
