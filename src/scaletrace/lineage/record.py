"""`scaletrace record`: hand a finished study to DVC and to git."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.lease import lease
from scaletrace.lineage import graph, records
from scaletrace.study import files
from scaletrace.study.config import load

DVC_YAML, DVC_LOCK = Path("dvc.yaml"), Path("dvc.lock")
HEADER = "# Compiled from the workflow by `scaletrace record`; snakemake runs it, dvc stores it.\n"


def stage_name(identity: dict[str, Any], study: str) -> str:
    """Return a job's name in dvc.yaml, of the characters that DVC allows."""
    parts = [study, identity["rule"], *identity["wildcards"].values()]
    return "-".join(part.replace(".", "_") for part in parts)


def _stage(job: dict[str, Any], study_file: Path, in_git: set[str]) -> dict[str, Any]:
    """Return a job as a DVC stage: nothing that `dvc repro` could run, delete or bless."""
    identity = job["identity"]
    return {
        "cmd": f"echo 'not run by dvc: use snakemake --configfile {study_file}' >&2; exit 1",
        "deps": sorted([job["path"], *{entry["path"] for entry in identity["inputs"]}]),
        "outs": [
            {path: {"persist": True, **({"cache": False} if path in in_git else {})}}
            for path in sorted(entry["path"] for entry in identity["outputs"])
        ],
        "meta": {"study": job["study"], "record": job["id"]},
    }


def _git(*words: str) -> str:
    try:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        stderr = getattr(error, "stderr", "") or error
        raise BadInput(f"git {words[0]}: {str(stderr).strip()}; record works in a clone") from None


def _compile(jobs: list[dict[str, Any]], study: str, study_file: Path) -> dict[str, Any]:
    """Return dvc.yaml's stages with this study's replaced; other studies' stay."""
    content = yaml.safe_load(DVC_YAML.read_text(encoding="utf-8")) if DVC_YAML.exists() else None
    stages = {
        name: stage
        for name, stage in ((content or {}).get("stages") or {}).items()
        if stage["meta"]["study"] != study
    }
    in_git = set(_git("ls-files", "-z", "--", f"results/{study}").split("\0"))
    for job in jobs:
        name = stage_name(job["identity"], study)
        if name in stages:
            raise BadInput(f"dvc.yaml: stages.{name}: belongs to another study; rename {study}")
        stages[name] = _stage({**job, "study": study}, study_file, in_git)
    return dict(sorted(stages.items()))


def _prune_lock(stages: dict[str, Any]) -> None:
    """Drop from dvc.lock what dvc.yaml no longer has; DVC itself keeps it for ever."""
    if not DVC_LOCK.exists():
        return
    content = yaml.safe_load(DVC_LOCK.read_text(encoding="utf-8"))
    kept = {name: stage for name, stage in content["stages"].items() if name in stages}
    if kept.keys() != content["stages"].keys():
        content["stages"] = kept
        files.write_text(DVC_LOCK, yaml.safe_dump(content, sort_keys=False))


def _commit(names: list[str]) -> None:
    """Let DVC hash, store and lock the named stages; outputs keep their times."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "commit", "--force", "--no-relink", "--quiet", *names],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BadInput(f"dvc commit: {(done.stderr or done.stdout).strip()}")


def _disagreements(jobs: list[dict[str, Any]], study: str) -> list[str]:
    """Compare every md5 in dvc.lock with the job records'."""
    locked = yaml.safe_load(DVC_LOCK.read_text(encoding="utf-8"))["stages"]
    wrong = []
    for job in jobs:
        identity = job["identity"]
        stage = locked.get(stage_name(identity, study), {})
        for kind, side in (("deps", "inputs"), ("outs", "outputs")):
            found = {entry["path"]: entry["md5"] for entry in stage.get(kind, [])}
            for entry in identity[side]:
                if found.get(entry["path"]) != entry["md5"]:
                    wrong.append(
                        f"{entry['path']}: md5: dvc.lock has {found.get(entry['path'])}, the "
                        f"record {job['path']} has {entry['md5']}"
                    )
    return sorted(set(wrong))


def _changed(jobs: list[dict[str, Any]]) -> list[str]:
    """Return the outputs that are not what their records say."""
    return [
        f"{entry['path']}: changed since its job wrote it ({job['path']}); delete it and "
        "snakemake makes it again"
        for job in jobs
        for entry in job["identity"]["outputs"]
        if files.hashes(Path(entry["path"]))["sha256"] != entry["sha256"]
    ]


def record(study_file: Path) -> int:
    """Compile dvc.yaml from the study's graph, fill dvc.lock, and add the records to git.

    Returns:
        The number of recorded jobs. Recording twice changes no byte.

    Raises:
        BadInput: the study is unfinished, or files, records and DVC do not agree.
    """
    study = load(study_file).study
    with lease(Path("work") / "record"):
        found = graph.outputs(study_file)
        if waiting := graph.unfinished(found):
            raise BadInput(
                f"{study}: {len(waiting)} files are not up to date ({waiting[0].path}: "
                f"{waiting[0].status}); run snakemake --configfile {study_file} first"
            )
        jobs = graph.recorded_jobs(study, found)
        if wrong := _changed(jobs):
            raise BadInput("\n".join(wrong))
        stages = _compile(jobs, study, study_file)
        text = HEADER + yaml.safe_dump({"stages": stages}, sort_keys=False, width=100)
        if not DVC_YAML.exists() or DVC_YAML.read_text(encoding="utf-8") != text:
            files.write_text(DVC_YAML, text)
        _prune_lock(stages)
        _commit([stage_name(job["identity"], study) for job in jobs])
        if wrong := _disagreements(jobs, study):
            raise BadInput("\n".join(wrong))
        environments = {job["circumstances"]["environment"] for job in jobs}
        _git(
            *("add", "--force", "--", str(DVC_YAML), str(DVC_LOCK)),
            *(job["path"] for job in jobs),
            *(str(records.PROVENANCE / "env" / f"{digest}.json") for digest in environments),
        )
    return len(jobs)
