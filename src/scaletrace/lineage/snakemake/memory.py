"""What Snakemake remembers of each output, read and rewritten from the job records.

It decides what runs again. Kept by Snakemake 9 in .snakemake/metadata, one JSON per output.
"""

import ast
import contextlib
import json
import os
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import Record, RecordedFile
from scaletrace.jobs.command import AskedJob, value, word

FOLDER = Path(".snakemake/metadata")
FORMAT = 6


def _file(output: str) -> Path:
    name = urlsafe_b64encode(output.encode()).decode()
    step = os.pathconf(".", "PC_NAME_MAX") - 1
    parts = [name[i : i + step] for i in range(0, len(name), step)]
    return FOLDER.joinpath(*("@" + part for part in parts[:-1]), parts[-1])


def _recall(output: str) -> dict[str, Any]:
    try:
        return untrusted.read_json(_file(output))
    except (OSError, ValueError):
        raise BadInput(
            f"{output}: snakemake remembers nothing of it in .snakemake/metadata; delete it and "
            "snakemake makes it again"
        ) from None


def rule_code(output: str) -> str:
    """Return the shell command of the rule that made an output, as Snakemake remembers it.

    Raises:
        BadInput: it remembers none.
    """
    return _recall(output)["code"]


def remembered(record: Record, output: str, path: Path) -> AskedJob:
    """Return the job that Snakemake takes for the maker of an output.

    Args:
        record: the job record that claims the output.
        output: the file.
        path: where the record lies.

    Raises:
        BadInput: it remembers none, or not one of these rules.
    """
    memory, identity = _recall(output), record.identity
    try:
        words = [ast.literal_eval(param) for param in memory["params"]]
        (stage,) = (word for word in words if word.startswith(f"{identity.rule}@"))
        (settings,) = (word for word in words if word != stage)
        return AskedJob(
            identity.rule,
            stage.partition("@")[2],
            identity.wildcards,
            {"": memory["input"]},
            {file.name: file.path for file in identity.outputs},
            value(settings),
            path,
        )
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, AttributeError) as error:
        raise BadInput(f"{output}: what snakemake remembers is not readable ({error})") from None


def remember(
    rule: str,
    code: str,
    outputs: list[str],
    inputs: Collection[RecordedFile],
    params: list[Any],
    start: float | None = None,
    end: float | None = None,
) -> None:
    """Make Snakemake remember a job as if it had run here.

    Args:
        rule: name of the rule.
        code: the rule's shell command when the study was recorded.
        outputs: what the job made.
        inputs: its inputs.
        params: its parameters then, so that a change since then is seen.
        start: when it began, seconds since the epoch.
        end: when it ended.
    """
    content = {
        "rule": rule,
        "input": sorted(file.path for file in inputs),
        "log": [],
        "params": sorted(map(repr, params)),
        "code": code,
        "record_format_version": FORMAT,
        "job_hash": zlib.crc32(outputs[0].encode()) if outputs else 0,
        "starttime": start,
        "endtime": end,
        "incomplete": False,
        "input_checksums": {file.path: f"sha256:{file.sha256}" for file in inputs},
    }
    for output in outputs:
        path = _file(output)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")


def remember_record(record: Record, study: str, code: str, fingerprint: str) -> None:
    """Make Snakemake remember the job of a record.

    Args:
        record: the job's.
        study: its study.
        code: as for `remember`.
        fingerprint: of the stage's code; today's, where that was accepted as equal.
    """
    identity = record.identity
    remember(
        identity.rule,
        code,
        [output.path for output in identity.outputs],
        identity.inputs,
        [f"{identity.rule}@{fingerprint}", word(study, identity.settings)[0]],
        record.circumstances.start,
        record.circumstances.end,
    )


def rename_code(record: Record, now: str, same: Callable[[str], bool]) -> bool:
    """Make Snakemake take a job for one that today's code ran, where it remembers code like it.

    Args:
        record: the job's.
        now: fingerprint of today's code.
        same: tells of another fingerprint whether its code was accepted as equal.

    Returns:
        Whether anything was changed.
    """
    begin, changed = f"'{record.identity.rule}@", False
    for output in record.identity.outputs:
        # What it remembers nothing sound of, it makes again.
        with contextlib.suppress(BadInput, LookupError, TypeError, AttributeError):
            content = _recall(output.path)
            params = [
                f"{begin}{now}'"
                if param.startswith(begin) and same(param[len(begin) : -1])
                else param
                for param in content["params"]
            ]
            if params != content["params"]:
                # Not beside the file: its name may be as long as any can be.
                with files.drafted(FOLDER.with_name("renamed")) as draft:
                    draft.write_text(json.dumps({**content, "params": sorted(params)}))
                    files.finish(draft)
                    draft.replace(_file(output.path))
                changed = True
    return changed
