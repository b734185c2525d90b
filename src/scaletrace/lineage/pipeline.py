"""dvc.yaml: the workflow's jobs as DVC stages, with metrics and plots for people."""

import re
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.lineage import records, store
from scaletrace.study import files

DVC_YAML = Path("dvc.yaml")
HEADER = "# Compiled from the workflow by `scaletrace record`; snakemake runs it, dvc stores it.\n"


def stage_name(identity: dict[str, Any], study: str) -> str:
    """Return a job's name in dvc.yaml, of the characters that DVC allows."""
    parts = [study, identity["rule"], *(text for _, text in sorted(identity["wildcards"].items()))]
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(parts))


def command(study_file: Path) -> str:
    """Return what `dvc repro` gets to hear instead of running anything."""
    return f"echo 'not run by dvc: use snakemake --configfile {study_file}' >&2; exit 1"


def stage(job: dict[str, Any], study: str, study_file: Path, in_git: set[str]) -> dict[str, Any]:
    """Return a job as a DVC stage: nothing that `dvc repro` could run, delete or bless."""
    identity = job["identity"]
    return {
        "cmd": command(study_file),
        "deps": sorted([job["path"], *{entry["path"] for entry in identity["inputs"]}]),
        "outs": [
            {path: {"persist": True, **({"cache": False} if path in in_git else {})}}
            for path in sorted(entry["path"] for entry in identity["outputs"])
        ],
        "meta": {"study": study, "record": job["id"]},
    }


def _outputs(jobs: list[dict[str, Any]], rules: set[str], suffix: str) -> list[str]:
    return sorted(
        entry["path"]
        for job in jobs
        if job["identity"]["rule"] in rules
        for entry in job["identity"]["outputs"]
        if entry["path"].endswith(suffix)
    )


def _plots(jobs: list[dict[str, Any]], study: str) -> list[Any]:
    """Return the figures as they are, and the loss curves of all runs as one plot."""
    curves = _outputs(jobs, {"pretrain", "anneal"}, "curve.csv")
    training = {"x": dict.fromkeys(curves, "tokens"), "y": dict.fromkeys(curves, "loss")}
    return [
        *_outputs(jobs, {"figures"}, ".svg"),
        {f"{study} training": {**training, "title": f"{study}: training loss (nats per token)"}},
    ]


def owner(stage: dict[str, Any]) -> str | None:
    """Return the study that a stage of dvc.yaml was compiled from; None for one of another kind."""
    meta = stage.get("meta")
    return meta.get("study") if isinstance(meta, dict) else None


def metrics_files(jobs: list[dict[str, Any]], study: str) -> dict[Path, Path]:
    """Return the file that shows each fit to `dvc metrics`, with the fit's own file."""
    folder = records.PROVENANCE / "metrics" / study
    fits = (Path(path) for path in _outputs(jobs, {"fit"}, ".json"))
    return {folder / fit.name: fit for fit in fits}


def _parameters(path: Path) -> dict[str, Any]:
    try:
        found = records.plain(path.read_bytes(), path)["params"]
        files.to_json(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not a fit with its params ({error})") from None
    return found


def fitted(jobs: list[dict[str, Any]], study: str) -> dict[Path, dict[str, Any]]:
    """Return the parameters of each fit by the file that shows them to `dvc metrics`.

    A whole fit has over a hundred values, which make no table that a person can read.

    Raises:
        BadInput: a fit cannot be read.
    """
    return {shown: _parameters(fit) for shown, fit in metrics_files(jobs, study).items()}


def _metrics(jobs: list[dict[str, Any]], study: str) -> list[Any]:
    return [*map(str, fitted(jobs, study)), *_outputs(jobs, {"evaluate"}, ".json")]


def _others(content: dict[str, Any], section: str, study: str) -> list[Any]:
    """Return the metrics or plots of dvc.yaml that are not this study's."""
    entries = content.get(section) or []
    if not isinstance(entries, list) or not all(e and isinstance(e, str | dict) for e in entries):
        raise BadInput(f"{DVC_YAML}: {section}: not a list of files, or of mappings")
    folders = (f"results/{study}/", f"{records.PROVENANCE}/metrics/{study}/")
    names = [entry if isinstance(entry, str) else str(next(iter(entry))) for entry in entries]
    return [
        entry
        for entry, name in zip(entries, names, strict=True)
        if not name.startswith(folders) and name != f"{study} training"
    ]


def compiled(
    jobs: list[dict[str, Any]], study: str, study_file: Path, in_git: set[str]
) -> tuple[str, set[str]]:
    """Return the text of dvc.yaml with this study's part made anew, and the names of all stages.

    What belongs to other studies, or was added by hand, stays.

    Args:
        jobs: the study's job records, each with its `path`.
        study: its name.
        study_file: its configuration.
        in_git: outputs that git holds, and DVC only hashes.

    Raises:
        BadInput: two jobs would have one name.
    """
    content = store.read_yaml(DVC_YAML) if DVC_YAML.exists() else {}
    stages = {
        name: stage
        for name, stage in store.stages(content, DVC_YAML).items()
        if owner(stage) != study
    }
    for job in jobs:
        name = stage_name(job["identity"], study)
        if name in stages:
            raise BadInput(f"dvc.yaml: stages.{name}: {job['path']} would need the same name")
        stages[name] = stage(job, study, study_file, in_git)
    content["stages"] = dict(sorted(stages.items()))
    for section, mine in (
        ("metrics", _metrics(jobs, study)),
        ("plots", _plots(jobs, study)),
    ):
        content[section] = sorted([*_others(content, section, study), *mine], key=str)
    text = HEADER + yaml.dump(content, Dumper=store.DUMPER, sort_keys=False, width=100)
    return text, set(stages)
