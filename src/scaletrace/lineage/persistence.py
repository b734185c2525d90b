"""What Snakemake remembers of each output, read and rewritten from the job records.

It decides what runs again. Kept by Snakemake 9 in .snakemake/metadata, one JSON per output.
"""

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.lineage.command import word
from scaletrace.study import files

FOLDER = Path(".snakemake/metadata")
FORMAT = 6
# Snakemake's default: inputs up to this size (bytes) are compared by content, larger ones by time.
LARGEST_CHECKSUM = 1_000_000


def _file(output: str) -> Path:
    name = urlsafe_b64encode(output.encode()).decode()
    step = os.pathconf(".", "PC_NAME_MAX") - 1
    parts = [name[i : i + step] for i in range(0, len(name), step)]
    return FOLDER.joinpath(*("@" + part for part in parts[:-1]), parts[-1])


def rule_code(output: str) -> str:
    """Return the shell command of the rule that made an output, as Snakemake remembers it.

    Raises:
        BadInput: it remembers none.
    """
    try:
        return json.loads(_file(output).read_text(encoding="utf-8"))["code"]
    except (OSError, ValueError, KeyError):
        raise BadInput(
            f"{output}: snakemake remembers nothing of it in .snakemake/metadata; delete it and "
            "snakemake makes it again"
        ) from None


def metadata(record: dict[str, Any], study: str, code: str) -> dict[str, Any]:
    """Return what Snakemake remembers of a recorded job's outputs.

    Nothing is taken from the present configuration or code, so that a change since then is seen.

    Args:
        record: the job record.
        study: name of the study.
        code: the shell command of the rule when the job was recorded.
    """
    identity, circumstances = record["identity"], record["circumstances"]
    stage = f"{identity['rule']}@{identity['code']['fingerprint']}"
    return {
        "rule": identity["rule"],
        "input": sorted(entry["path"] for entry in identity["inputs"]),
        "log": [],
        "params": sorted([repr(stage), repr(word(study, identity["settings"])[0])]),
        "code": code,
        "record_format_version": FORMAT,
        "job_hash": int(record["id"][:12], 16),
        "starttime": circumstances["start"],
        "endtime": circumstances["end"],
        "incomplete": False,
        "input_checksums": {
            entry["path"]: f"sha256:{entry['sha256']}"
            for entry in identity["inputs"]
            if entry["size"] <= LARGEST_CHECKSUM
        },
    }


def put(record: dict[str, Any], study: str, code: str) -> None:
    """Make Snakemake remember a recorded job as if it had run here."""
    content = json.dumps(metadata(record, study, code))
    for entry in record["identity"]["outputs"]:
        files.write_text(_file(entry["path"]), content)
