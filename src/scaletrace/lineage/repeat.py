"""A recorded job computed once more from its recorded inputs, in a folder of its own."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats import files
from scaletrace.formats.record import Record, RecordedFile
from scaletrace.jobs import job_note

# What settings that nobody checked may raise in a stage; torch says most of it as a RuntimeError.
UNUSABLE = (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RuntimeError)


def verified(path: Path, recorded: RecordedFile) -> Path:
    """Return a file of a record, whose content is the recorded one.

    Raises:
        BadInput: it is missing or another; `path` is the record's.
    """
    file = Path(recorded.path)
    if not file.is_file():
        raise BadInput(f"{file}: missing, and the job of {path} needs it: run `scaletrace restore`")
    if (size := file.stat().st_size) != recorded.size:
        raise BadInput(f"{file}: {size} bytes, the record {path} has {recorded.size}")
    if (sha256 := files.hashes(file)["sha256"]) != recorded.sha256:
        raise BadInput(f"{file}: sha256: found {sha256}, the record {path} has {recorded.sha256}")
    return file


@contextlib.contextmanager
def repeated(path: Path, record: Record) -> Iterator[dict[str, Path]]:
    """Run a job as its record says; yield its outputs by name, which are gone afterwards.

    Args:
        path: of the record, for messages.
        record: what to repeat.

    Raises:
        BadInput: an input is not here, or the stage cannot be run with the recorded settings.
    """
    identity = record.identity
    inputs: dict[str, list[Path]] = {}
    for file in identity.inputs:
        inputs.setdefault(file.name, []).append(verified(path, file))
    stage = contract.stage(identity.rule)
    with tempfile.TemporaryDirectory(prefix="scaletrace-") as folder:
        scratch = Path(folder)
        made = {o.name: scratch / f"{o.name}{Path(o.path).suffix}" for o in identity.outputs}
        try:
            contract.run(stage, inputs, made, identity.settings, scratch / "state")
        except BadInput:
            raise
        except UNUSABLE as error:
            reason = job_note.reason_of(error).partition("\n")[0][:200]
            raise BadInput(f"{path}: settings: cannot be run ({reason})") from None
        yield made
