"""RO-Crate metadata of a study: Provenance Run Crate 0.5, as plain JSON-LD."""

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scaletrace.jobs import records
from scaletrace.lineage.ancestry import Ancestry, Job

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
RESULTS = {"tune", "observe", "fit", "figures"}
LATEST = 253402300800  # the year 10000, in seconds
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


def metadata(
    ancestry: Ancestry, jobs: list[Job], held: dict[str, dict[str, Any]], config: str
) -> dict[str, Any]:
    """Return the metadata of a crate.

    Args:
        ancestry: the study's records.
        jobs: those that the crate is about.
        held: path -> sha256 and size of every file in the crate but the metadata itself.
        config: path of the study's configuration.
    """
    rules = sorted({job.rule for job in jobs})
    tools = {(job.rule, job.identity["code"]["fingerprint"]) for job in jobs}
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
                "@id": f"#control/{job.record['id']}",
                "@type": "ControlAction",
                "name": f"start {job.name}",
                "instrument": _ref(f"#step/{job.rule}"),
                "object": _ref(_action_id(job)),
            }
            for job in jobs
        ),
        *(_file(path, entry, rules, tools) for path, entry in sorted(held.items())),
        *_elsewhere(jobs, held),
    ]
    return {"@context": CONTEXT, "@graph": entities}


def _ref(identifier: str) -> dict[str, str]:
    return {"@id": identifier}


def _refs(identifiers: Iterable[str]) -> Any:
    """Return references; one alone is no list, as the JSON-LD of a crate wants it."""
    found = [_ref(identifier) for identifier in identifiers]
    return found[0] if len(found) == 1 else found


def _file_id(path: str) -> str:
    return quote(path, safe="/=,@")


def _tool_id(rule: str, code: str) -> str:
    return f"#tool/{quote(rule)}@{quote(code)}"


def _action_id(job: Job) -> str:
    return f"#job/{job.record['id']}"


def _times(jobs: Iterable[Job]) -> dict[str, str]:
    """Return the first start and the last end, as far as records tell them."""
    found = {}
    for name, end, pick in (("startTime", "start", min), ("endTime", "end", max)):
        told = (job.record["circumstances"].get(end) for job in jobs)
        seconds = [value for value in told if isinstance(value, int | float) and value < LATEST]
        if seconds:
            when = datetime.datetime.fromtimestamp(max(pick(seconds), 0), datetime.UTC)
            found[name] = when.isoformat(timespec="seconds")
    return found


def _data_id(entry: dict[str, Any], held: dict[str, Any]) -> str:
    """Return the name of a file in the crate, or of its content where it is left out."""
    path = entry["path"]
    return _file_id(path) if path in held else f"#sha256/{entry['sha256']}"


def _run(jobs: list[Job], held: dict[str, Any], config: str) -> list[dict[str, Any]]:
    """Return the run of the whole workflow."""
    shown = [e for job in jobs if job.rule in RESULTS for e in _outputs(job)]
    return [
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "the study's jobs, taken together",
            "instrument": _ref(WORKFLOW),
            "object": _ref(_file_id(config)),
            "result": _refs(_data_id(entry, held) for entry in shown),
            **_times(jobs),
        },
        {
            "@id": "#organize",
            "@type": "OrganizeAction",
            "name": "Snakemake",
            "instrument": _ref("#snakemake"),
            "object": [_ref(f"#control/{job.record['id']}") for job in jobs],
            "result": _ref("#run"),
        },
    ]


def _outputs(job: Job) -> list[dict[str, Any]]:
    return job.identity["outputs"]


def _packages(job: Job) -> dict[str, str]:
    """Return the packages whose text a job read, by the name of their entity."""
    packages = job.identity["settings"].get("packages")
    found = packages.items() if isinstance(packages, dict) else ()
    return {f"#package/{quote(f'{n}-{v}')}": f"{n} {v}" for n, v in sorted(found)}


def _action(job: Job, held: dict[str, Any]) -> dict[str, Any]:
    inputs = [_data_id(entry, held) for entry in job.identity["inputs"]]
    return {
        "@id": _action_id(job),
        "@type": "CreateAction",
        "name": job.name,
        "description": f"Recorded in {job.path}",
        "instrument": _ref(_tool_id(job.rule, job.identity["code"]["fingerprint"])),
        "object": _refs([*inputs, *_packages(job)]),
        "result": _refs(_data_id(entry, held) for entry in _outputs(job)),
        "subjectOf": _ref(_file_id(str(job.path))),
        **_times([job]),
    }


def _file(
    path: str, entry: dict[str, Any], rules: list[str], tools: Iterable[tuple[str, str]]
) -> dict[str, Any]:
    found = {
        "@id": _file_id(path),
        "@type": "File",
        "name": path,
        "contentSize": str(entry["size"]),
        "sha256": entry["sha256"],
        "encodingFormat": FORMATS.get(Path(path).suffix, "application/octet-stream"),
    }
    if path != WORKFLOW:
        return found
    return {
        **found,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": "Scaling-law study",
        "encodingFormat": "text/plain",
        "programmingLanguage": _ref(LANGUAGE),
        "step": [_ref(f"#step/{rule}") for rule in rules],
        "hasPart": [_ref(_tool_id(*tool)) for tool in sorted(tools)],
    }


def _elsewhere(jobs: list[Job], held: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the crate names and does not hold: checkpoints, raw text, packages."""
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        for entry in [*job.identity["inputs"], *_outputs(job)]:
            if entry["path"] not in held:
                name = _data_id(entry, held)
                found[name] = {
                    "@id": name,
                    "@type": "CreativeWork",
                    "name": entry["path"] if records.inside(entry["path"]) else "raw text",
                    "size": f"{entry['size']} bytes",
                    "sha256": entry["sha256"],
                    "md5": entry["md5"],
                }
        for name, text in _packages(job).items():
            found[name] = {"@id": name, "@type": "CreativeWork", "name": f"docstrings of {text}"}
    return [found[name] for name in sorted(found)]
