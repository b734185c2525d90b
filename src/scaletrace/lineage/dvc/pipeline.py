"""A study as a DVC pipeline of its own: its jobs as stages, with metrics and plots for people."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.formats.fit_file import read_parameters
from scaletrace.formats.record import Identity
from scaletrace.jobs import ledger
from scaletrace.lineage.ancestry import RecordedJob
from scaletrace.lineage.dvc import store
from scaletrace.study.keep import Keep
from scaletrace.study.rules import ANNEAL, EVALUATE, FIGURES, FIT, PRETRAIN, RESULTS, Rule

FOLDER = ledger.PROVENANCE / "dvc"
HEADER = "# Compiled from the workflow by `scaletrace record`; snakemake runs it, dvc stores it.\n"
# From a study's own pipeline to the repository, where every path begins.
UP = "../../.."


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the pipeline of a study lies; `shared`: among others', as earlier releases wrote it."""

    yaml: Path
    shared: bool = False

    @property
    def lock(self) -> Path:
        """The lock beside it."""
        return self.yaml.with_suffix(".lock")


def own(study: str) -> Place:
    """Return where `scaletrace record` writes the pipeline of a study."""
    return Place(FOLDER / study / "dvc.yaml")


def place(study: str) -> Place:
    """Return where the pipeline of a study lies, which earlier releases put into the root's.

    Raises:
        BadInput: the root's cannot be read.
    """
    mine = own(study)
    if not mine.yaml.exists() and not mine.lock.exists() and _shared_stages(study):
        return SHARED
    return mine


SHARED = Place(Path("dvc.yaml"), shared=True)


def is_kept_apart(study: str) -> bool:
    """Tell whether .dvcignore keeps a study from plain DVC, as one whose files nobody pushed."""
    lines = Path(".dvcignore").read_text(encoding="utf-8") if Path(".dvcignore").is_file() else ""
    return f"/{FOLDER}/{study}" in lines.splitlines()


def _shared_stages(study: str) -> set[str]:
    """Return the names of a study's stages in the root's pipeline."""
    stages = store.stages(store.read_yaml(SHARED.yaml), SHARED.yaml)
    return {name for name, stage in stages.items() if owner(stage) == study}


def stage_name(identity: Identity, study: str) -> str:
    """Return a job's name in dvc.yaml, of the characters that DVC allows."""
    parts = [study, identity.rule, *(text for _, text in sorted(identity.wildcards.items()))]
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(parts))


def command(study_file: Path) -> str:
    """Return what `dvc repro` gets to hear instead of running anything."""
    return f"echo 'not run by dvc: use snakemake --configfile {study_file}' >&2; exit 1"


def stage(
    job: RecordedJob, study: str, study_file: Path, in_git: set[str], place: Place, keep: Keep
) -> dict[str, Any]:
    """Return a job as a DVC stage: nothing that `dvc repro` could run, delete or bless.

    DVC hears of no file that it is not to have: it would miss it in every other clone.
    """
    inputs = {file.path for file in job.identity.inputs if keep.pushes(file.path)}
    outputs = sorted(file.path for file in job.identity.outputs if keep.pushes(file.path))
    return {
        "cmd": command(study_file),
        **({} if place.shared else {"wdir": UP}),
        "deps": sorted([str(job.path), *inputs]),
        "outs": [
            {path: {"persist": True, **({"cache": False} if path in in_git else {})}}
            for path in outputs
        ],
        "meta": {"study": study, "record": job.record.id},
    }


def _outputs(jobs: list[RecordedJob], suffix: str, *rules: Rule) -> list[str]:
    names = {rule.name for rule in rules}
    return sorted(
        output.path
        for job in jobs
        if job.rule in names
        for output in job.identity.outputs
        if output.path.endswith(suffix)
    )


def _plots(jobs: list[RecordedJob], study: str) -> list[Any]:
    """Return the figures as they are, and the loss curves of all runs as one plot."""
    curves = _from_own(_outputs(jobs, "curve.csv", PRETRAIN, ANNEAL))
    training = {"x": dict.fromkeys(curves, "tokens"), "y": dict.fromkeys(curves, "loss")}
    return [
        *_from_own(_outputs(jobs, ".svg", FIGURES)),
        {f"{study} training": {**training, "title": f"{study}: training loss (nats per token)"}},
    ]


def _from_own(paths: list[str]) -> list[str]:
    """Return paths as a study's own pipeline names its metrics and plots: from where it lies."""
    return [f"{UP}/{path}" for path in paths]


def owner(stage: dict[str, Any]) -> str | None:
    """Return the study that a stage of dvc.yaml was compiled from; None for one of another kind."""
    meta = stage.get("meta")
    return meta.get("study") if isinstance(meta, dict) else None


def metrics_files(jobs: list[RecordedJob], study: str) -> dict[Path, Path]:
    """Return the file that shows each fit to `dvc metrics`, with the fit's own file."""
    folder = ledger.PROVENANCE / "metrics" / study
    fits = (Path(path) for path in _outputs(jobs, ".json", FIT))
    return {folder / fit.name: fit for fit in fits}


def fitted(jobs: list[RecordedJob], study: str) -> dict[Path, dict[str, Any]]:
    """Return the parameters of each fit by the file that shows them to `dvc metrics`.

    A whole fit has over a hundred values, which make no table that a person can read.

    Raises:
        BadInput: a fit cannot be read.
    """
    return {shown: read_parameters(fit) for shown, fit in metrics_files(jobs, study).items()}


def shown(jobs: list[RecordedJob], study: str) -> dict[str, list[Any]]:
    """Return what a study's own pipeline shows to `dvc metrics` and `dvc plots`."""
    numbers = [*map(str, metrics_files(jobs, study)), *_outputs(jobs, ".json", EVALUATE)]
    return {"metrics": _from_own(numbers), "plots": _plots(jobs, study)}


def compiled(
    jobs: list[RecordedJob], study: str, study_file: Path, in_git: set[str], keep: Keep
) -> dict[str, Any]:
    """Return a study's own pipeline.

    Args:
        jobs: the study's recorded jobs.
        study: its name.
        study_file: its configuration.
        in_git: outputs that git holds, and DVC only hashes.
        keep: which files DVC is given.

    Raises:
        BadInput: two jobs would have one name, or a fit cannot be read.
    """
    stages: dict[str, Any] = {}
    for job in jobs:
        name = stage_name(job.identity, study)
        if name in stages:
            raise BadInput(f"{FOLDER}: stages.{name}: {job.path} would need the same name")
        stages[name] = stage(job, study, study_file, in_git, own(study), keep)
    return {"stages": dict(sorted(stages.items())), **shown(jobs, study)}


def text(content: dict[str, Any]) -> str:
    """Return the text of a pipeline."""
    return HEADER + yaml.dump(content, Dumper=store.DUMPER, sort_keys=False, width=100)


def lock_text(stages: dict[str, Any]) -> str:
    """Return the text of a lock with these entries."""
    return _dumped({"schema": "2.0", "stages": stages})


def _dumped(lock: dict[str, Any]) -> str:
    return yaml.dump(lock, Dumper=store.DUMPER, sort_keys=False)


def moved_out(study: str) -> dict[Path, str]:
    """Return the root's pipeline and lock without a study that an earlier release put there.

    Returns:
        Their new texts by path; nothing where the study is not in them.

    Raises:
        BadInput: they cannot be read, or the lock has lost entries of studies, as when somebody's
            write was cut short.
    """
    mine = _shared_stages(study)
    if not mine:
        return {}
    content, lock = store.read_yaml(SHARED.yaml), store.read_yaml(SHARED.lock)
    if lost := sorted(lost_entries(SHARED)):
        raise BadInput(
            f"{SHARED.lock}: has no entries of {len(lost)} recorded stages ({lost[0]}): a write "
            f"was cut short; git checkout {SHARED.lock} brings back what was committed"
        )
    folders = (f"{RESULTS}/{study}/", f"{ledger.PROVENANCE}/metrics/{study}/", f"{study} training")

    def others(entry: Any) -> bool:
        return not str(next(iter(entry)) if isinstance(entry, dict) else entry).startswith(folders)

    for section in ("metrics", "plots"):
        if isinstance(content.get(section), list):
            content[section] = list(filter(others, content[section]))
    for held in (content, lock):
        held["stages"] = {name: s for name, s in held["stages"].items() if name not in mine}
    return {SHARED.lock: _dumped(lock), SHARED.yaml: text(content)}


def lost_entries(place: Place) -> set[str]:
    """Return the recorded stages of a pipeline that its lock says nothing of."""
    stages = store.stages(store.read_yaml(place.yaml), place.yaml)
    recorded = {name for name, stage in stages.items() if owner(stage) is not None}
    return recorded - store.locked(place.lock).keys()
