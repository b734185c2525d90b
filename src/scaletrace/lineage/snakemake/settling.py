"""What was put back, as Snakemake would have left it: remembered, newer than what it rests on.

Snakemake compares times, and what it remembers of each output, to tell what has to be made again.
"""

import graphlib
import io
import os
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import Record
from scaletrace.jobs import known_hashes, ledger, timings
from scaletrace.lineage.snakemake import memory
from scaletrace.study.rules import OBSERVE, TIMINGS, timings_path

# Between a file and what was made from it (seconds): Snakemake compares times.
STEP = 1e-3
# Remembered in place of a rule's command, it makes Snakemake run the job again.
UNTRUE = "not what its record says"


def _print_timings(study: str, sound: dict[Path, Record], rules: dict[str, str]) -> None:
    """Print timings.csv, which has no record: it is printed from the records."""
    text, path = io.StringIO(), timings_path(study)
    timings.write(study, text, sound)
    files.write_text(path, text.getvalue())
    observations = [
        output
        for record in sound.values()
        if record.identity.rule == OBSERVE.name
        for output in record.identity.outputs
    ]
    memory.remember(TIMINGS, rules.get(TIMINGS, ""), [str(path)], observations, [study])


def _set_time(path: Path, when: float) -> None:
    """Set a file's time, or that of the link by which DVC shows it; never of what it leads to."""
    try:
        with known_hashes.carried(path):
            os.utime(path, (when, when), follow_symlinks=False)
    except PermissionError:
        # A colleague's: a copy is one's own.
        with files.replacing(path) as temporary:
            shutil.copyfile(path, temporary)
        os.utime(path, (when, when))


def _depths(sound: dict[Path, Record]) -> dict[Path, int]:
    """Return how many jobs each job lies below the text, itself included, along the longest way.

    Raises:
        BadInput: jobs read what was made from their own outputs.
    """
    makers = {output.path: p for p, record in sound.items() for output in record.identity.outputs}
    above = {
        path: {makers[file.path] for file in record.identity.inputs if file.path in makers}
        for path, record in sound.items()
    }
    depths: dict[Path, int] = {}
    try:
        for path in graphlib.TopologicalSorter(above).static_order():
            depths[path] = 1 + max((depths[maker] for maker in above[path]), default=0)
    except graphlib.CycleError as error:
        raise BadInput(f"{error.args[1][0]}: rests on its own outputs") from None
    return depths


def settle(
    study: str,
    sound: dict[Path, Record],
    rules: dict[str, str],
    untrue: Collection[Path] = (),
    today: Mapping[Path, str] | None = None,
) -> None:
    """Make Snakemake remember the recorded jobs, set the times of their files in graph order.

    Timings, which have no record, are printed from the records.

    Args:
        study: name of the study.
        sound: job records by path.
        rules: the shell command of each rule when the study was recorded.
        untrue: records whose files here are not those that they name: Snakemake has to make them.
        today: fingerprints of today's code by record, where it was accepted as equal.
    """
    depths = _depths(sound)
    # Also of what links lead to: a file may be younger than its link, and Snakemake looks at both.
    read = {file.path for record in sound.values() for file in record.identity.inputs}
    times = [Path(name).stat().st_mtime for name in read if Path(name).exists()]
    start = max([time.time(), *times])
    for path, record in sound.items():
        code = UNTRUE if path in untrue else rules[record.identity.rule]
        fingerprint = (today or {}).get(path, record.identity.code.fingerprint)
        memory.remember_record(record, study, code, fingerprint)
        ledger.point(study, path, record.identity)
        when = start + STEP * depths[path]
        for output in record.identity.outputs:
            if Path(output.path).exists():
                _set_time(Path(output.path), when)
    _print_timings(study, sound, rules)
