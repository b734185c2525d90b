"""RO-Crate metadata of a study: Provenance Run Crate 0.5, as plain JSON-LD."""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scaletrace.formats.record import RecordedFile, inside
from scaletrace.lineage.ancestry import Ancestry, RecordedJob
from scaletrace.study.rules import RULES

NAME = "ro-crate-metadata.json"
WORKFLOW = "Snakefile"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    # The base context has no names for these two.
    {name: f"https://w3id.org/ro/terms/workflow-run#{name}" for name in ("sha256", "md5")},
]
FORMATS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".lock": "text/plain",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".sig": "text/plain",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
}
# The jobs whose files are what a study is run for.
ANALYSES = {name for name, rule in RULES.items() if rule.kind == "analysis"}
LATEST = 253402300800  # the year 10000, in seconds
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


@dataclasses.dataclass(frozen=True)
class Packed:
    """A file in the crate: the hash and the size, in bytes, of what was put there."""

    sha256: str
    size: int


def metadata(
    ancestry: Ancestry, jobs: list[RecordedJob], held: dict[str, Packed], config: str
) -> dict[str, Any]:
    """Return the metadata of a crate.

    Args:
        ancestry: the study's records.
        jobs: those that the crate is about.
        held: every file in the crate, by its path, but the metadata itself.
        config: path of the study's configuration.
    """
    rules = sorted({job.rule for job in jobs})
    tools = {(job.rule, job.identity.code.fingerprint) for job in jobs}
    actions = [_ref(_action_id(job)) for job in jobs]
    entities = [
        {
            "@id": NAME,
            "@type": "CreativeWork",
            "about": _ref("./"),
            "conformsTo": [_ref("https://w3id.org/ro/crate/1.1"), _ref([*PROFILES][-1])],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": f"Scaling-law study {ancestry.study}",
            "description": "Figures, tables and fits of a scaling-law study, and a record of every "
            "job that made them.",
            "datePublished": _times(jobs).get("endTime", "1970-01-01"),
            "license": _ref("LICENSE"),
            "conformsTo": [_ref(profile) for profile in PROFILES],
            "mainEntity": _ref(WORKFLOW),
            "hasPart": [_ref(_file_id(path)) for path in sorted(held)],
            "mentions": [_ref("#organize"), _ref("#run"), *actions],
        },
        *(
            {"@id": profile, "@type": "CreativeWork", "name": name, "version": version}
            for profile, (name, version) in PROFILES.items()
        ),
        {
            "@id": LANGUAGE,
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "identifier": _ref("https://snakemake.readthedocs.io"),
            "url": _ref("https://snakemake.readthedocs.io"),
        },
        {"@id": "#snakemake", "@type": "SoftwareApplication", "name": "Snakemake"},
        *(
            {
                "@id": _tool_id(rule, code),
                "@type": "SoftwareApplication",
                "name": f"python -m scaletrace.job {rule}",
                "softwareVersion": code,
            }
            for rule, code in sorted(tools)
        ),
        *(
            {
                "@id": f"#step/{rule}",
                "@type": "HowToStep",
                "name": rule,
                "position": str(place),
                "workExample": _refs(_tool_id(*tool) for tool in sorted(tools) if tool[0] == rule),
            }
            for place, rule in enumerate(rules, 1)
        ),
        *_run(jobs, held, config),
        *(_action(job, held) for job in jobs),
        *(
            {
                "@id": f"#control/{job.record.id}",
                "@type": "ControlAction",
                "name": f"start {job.name}",
                "instrument": _ref(f"#step/{job.rule}"),
                "object": _ref(_action_id(job)),
            }
            for job in jobs
        ),
        *(_file(path, packed, rules, tools) for path, packed in sorted(held.items())),
        *_elsewhere(jobs, held),
    ]
    return {"@context": CONTEXT, "@graph": entities}


def _ref(identifier: str) -> dict[str, str]:
    return {"@id": identifier}


def _refs(identifiers: Iterable[str]) -> Any:
    """Return references; one alone is no list, as the JSON-LD of a crate wants it."""
    references = [_ref(identifier) for identifier in identifiers]
    return references[0] if len(references) == 1 else references


def _file_id(path: str) -> str:
    return quote(path, safe="/=,@")


def _tool_id(rule: str, code: str) -> str:
    return f"#tool/{quote(rule)}@{quote(code)}"


def _action_id(job: RecordedJob) -> str:
    return f"#job/{job.record.id}"


def _times(jobs: Iterable[RecordedJob]) -> dict[str, str]:
    """Return the first start and the last end, as far as records tell them."""
    circumstances = [job.record.circumstances for job in jobs]
    times = {}
    for name, pick, ends in (
        ("startTime", min, [one.start for one in circumstances]),
        ("endTime", max, [one.end for one in circumstances]),
    ):
        seconds = [end for end in ends if end is not None and end < LATEST]
        if seconds:
            when = datetime.datetime.fromtimestamp(max(pick(seconds), 0), datetime.UTC)
            times[name] = when.isoformat(timespec="seconds")
    return times


def _data_id(file: RecordedFile, held: dict[str, Packed]) -> str:
    """Return the name of a file in the crate, or of its content where it is left out."""
    return _file_id(file.path) if file.path in held else f"#sha256/{file.sha256}"


def _run(jobs: list[RecordedJob], held: dict[str, Packed], config: str) -> list[dict[str, Any]]:
    """Return the run of the whole workflow."""
    shown = [file for job in jobs if job.rule in ANALYSES for file in job.identity.outputs]
    return [
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "the study's jobs, taken together",
            "instrument": _ref(WORKFLOW),
            "object": _ref(_file_id(config)),
            "result": _refs(_data_id(file, held) for file in shown),
            **_times(jobs),
        },
        {
            "@id": "#organize",
            "@type": "OrganizeAction",
            "name": "Snakemake",
            "instrument": _ref("#snakemake"),
            "object": [_ref(f"#control/{job.record.id}") for job in jobs],
            "result": _ref("#run"),
        },
    ]


def _packages(job: RecordedJob) -> dict[str, str]:
    """Return the packages whose text a job read, by the name of their entity."""
    return {f"#package/{quote(f'{n}-{v}')}": f"{n} {v}" for n, v in job.packages.items()}


def _action(job: RecordedJob, held: dict[str, Packed]) -> dict[str, Any]:
    inputs = [_data_id(file, held) for file in job.identity.inputs]
    return {
        "@id": _action_id(job),
        "@type": "CreateAction",
        "name": job.name,
        "description": f"Recorded in {job.path}",
        "instrument": _ref(_tool_id(job.rule, job.identity.code.fingerprint)),
        "object": _refs([*inputs, *_packages(job)]),
        "result": _refs(_data_id(file, held) for file in job.identity.outputs),
        "subjectOf": _ref(_file_id(str(job.path))),
        **_times([job]),
    }


def _file(
    path: str, packed: Packed, rules: list[str], tools: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    entity = {
        "@id": _file_id(path),
        "@type": "File",
        "name": path,
        "contentSize": str(packed.size),
        "sha256": packed.sha256,
        "encodingFormat": FORMATS.get(Path(path).suffix, "application/octet-stream"),
    }
    if path != WORKFLOW:
        return entity
    return {
        **entity,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "Scaling-law study",
        "encodingFormat": "text/plain",
        "programmingLanguage": _ref(LANGUAGE),
        "step": [_ref(f"#step/{rule}") for rule in rules],
        "hasPart": [_ref(_tool_id(*tool)) for tool in sorted(tools)],
    }


def _elsewhere(jobs: list[RecordedJob], held: dict[str, Packed]) -> list[dict[str, Any]]:
    """Return what the crate names and does not hold: checkpoints, raw text, packages."""
    entities: dict[str, dict[str, Any]] = {}
    for job in jobs:
        for file in (*job.identity.inputs, *job.identity.outputs):
            if file.path not in held:
                name = _data_id(file, held)
                entities[name] = {
                    "@id": name,
                    "@type": "CreativeWork",
                    "name": file.path if inside(file.path) else "raw text",
                    "size": f"{file.size} bytes",
                    "sha256": file.sha256,
                    "md5": file.md5,
                }
        for name, text in _packages(job).items():
            entities[name] = {"@id": name, "@type": "CreativeWork", "name": f"docstrings of {text}"}
    return [entities[name] for name in sorted(entities)]
