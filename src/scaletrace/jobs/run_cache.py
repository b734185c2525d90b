"""Finished results under what decided them, so that nothing is computed twice.

The same job in another study, after a change that gave the same bytes, or in another clone that
shares the folder finds what was computed. So does one whose outputs the workflow deleted because it
had lost sight of the job: its node died while it lived on, or snakemake was killed.
"""

import contextlib
import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from scaletrace.errors import BadInput
from scaletrace.formats import files, untrusted
from scaletrace.formats.record import RecordedFile
from scaletrace.jobs import git, known_hashes
from scaletrace.study.rules import RESULTS, RULES

# Where another folder is used, for all clones that name it; "off" for none.
VARIABLE = "SCALETRACE_CACHE"
DEFAULT = Path("work/cache")
# What the cache may hold beyond what results share with it, GiB.
SIZE_VARIABLE = "SCALETRACE_CACHE_GIB"
SIZE_GIB = 50.0
ENTRY = "entry.json"


def folder() -> Path | None:
    """Return where results are kept; None where nothing is."""
    named = os.environ.get(VARIABLE)
    return None if named == "off" else Path(named or DEFAULT)


def key(
    study: str,
    rule: str,
    settings: dict[str, Any],
    code: str,
    inputs: Iterable[RecordedFile],
    numerical: dict[str, Any],
) -> str | None:
    """Return the name of what decides a job's outputs; None where that is not known.

    It is the same in every study, but for analysis: tables and figures name the files that they
    were made from.

    Args:
        study: the job's.
        rule: the job's.
        settings: as the job was handed them.
        code: the fingerprint of the stage's code.
        inputs: what it reads; without any it reads what is installed, by its version alone.
        numerical: what else the bits depend on, see `surroundings.numerical`.
    """
    if not (read := list(inputs)):
        return None
    own = f"{RESULTS / study}/"
    apart = RULES[rule].kind == "analysis"
    decided = {
        "rule": rule,
        "settings": settings,
        "code": code,
        "inputs": [
            [file.name, file.path if apart else file.path.removeprefix(own), file.sha256]
            for file in read
        ],
        "numerical": numerical,
    }
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()


def _place(key: str | None) -> Path | None:
    where = folder()
    return where / key[:2] / key if where and key else None


def _me(study: str) -> dict[str, str]:
    """Return who keeps a result, and where it was computed."""
    by = f"{getpass.getuser()}@{socket.gethostname()}"
    return {"by": by, "study": study, "clone": str(Path.cwd())}


def _link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be, or would be a stranger's."""
    try:
        if source.stat().st_uid == os.getuid():
            with known_hashes.carried(source):
                os.link(source, target)
            return
    except OSError:
        pass
    shutil.copyfile(source, target)


def keep(
    key: str | None,
    study: str,
    outputs: list[RecordedFile],
    circumstances: dict[str, Any],
) -> None:
    """Keep a job's outputs, by links that take no space where the file system has them.

    Args:
        key: see `key`.
        study: the job's.
        outputs: the outputs' names, paths and hashes.
        circumstances: what the job says of its execution, to be recorded again with the outputs.
    """
    place = _place(key)
    if place is None:
        return
    draft = place.with_name(f".{key}.{uuid.uuid4().hex}")
    # A result that cannot be kept, on a full disk or in a folder of others, is there all the same.
    with contextlib.suppress(OSError):
        try:
            draft.mkdir(parents=True)
            for output in outputs:
                _link_or_copy(Path(output.path), draft / output.name)
            described = {
                "outputs": [output.as_json() for output in outputs],
                "circumstances": circumstances,
                "kept": _me(study),
            }
            files.write_json(draft / ENTRY, described)
            shutil.rmtree(place, ignore_errors=True)
            draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _tracked(place: Path) -> bool:
    """Tell whether git brought any of an entry, or may have: that is no result of ours."""
    try:
        return bool(git.text("ls-files", "--", ".", folder=place))
    except (OSError, subprocess.CalledProcessError):
        return any((parent / ".git").exists() for parent in place.resolve().parents)


def take(key: str | None, study: str, names: dict[str, Path]) -> dict[str, Any] | None:
    """Put kept outputs in place and return the circumstances that were kept; None without any.

    Every byte is read: what is no longer as the job wrote it is passed over, and gone. Under
    `reused` stands who computed it, unless it was this study here.

    Args:
        key: see `key`.
        study: the job's.
        names: the outputs' paths by name.
    """
    place = _place(key)
    if place is None or not (place / ENTRY).is_file() or _tracked(place):
        return None
    drafts = {
        name: path.with_name(f".{path.name}.{uuid.uuid4().hex}") for name, path in names.items()
    }
    try:
        kept = untrusted.read_json(place / ENTRY)
        hashes = {
            entry["name"]: {name: entry[name] for name in known_hashes.HASHES}
            for entry in kept["outputs"]
        }
        circumstances, by = dict(kept["circumstances"]), dict(kept["kept"])
        if hashes.keys() != names.keys():
            raise ValueError("of another stage")
        for name, draft in drafts.items():
            draft.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(place / name, draft)
            if files.hashes(draft) != hashes[name]:
                raise ValueError("damaged")
        for name, draft in drafts.items():
            os.utime(draft)
            draft.replace(names[name])
            known_hashes.know(names[name], hashes[name])
        with contextlib.suppress(OSError):
            os.utime(place)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        shutil.rmtree(place, ignore_errors=True)
        return None
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
    if by != _me(study):
        told = {name: str(by.get(name)) for name in ("by", "study")}
        circumstances["reused"] = told | {"when": time.time()}
    return circumstances


def limit() -> int:
    """Return the bytes that the cache may hold of its own.

    Raises:
        BadInput: the environment says something else than a number.
    """
    text = os.environ.get(SIZE_VARIABLE, str(SIZE_GIB))
    try:
        size = float(text)
        if not size >= 0:
            raise ValueError
    except ValueError:
        raise BadInput(f"{SIZE_VARIABLE}: found {text!r}; it is a number of GiB") from None
    return int(size * 2**30)


def _entries(where: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield of each entry when it was last used, the bytes that nothing else shares, its place."""
    for place in where.glob("??/*"):
        with contextlib.suppress(OSError):
            facts = [path.stat() for path in place.iterdir() if path.name != ENTRY]
            own = sum(fact.st_size for fact in facts if fact.st_nlink == 1)
            yield place.stat().st_mtime, own, place


def _holds(place: Path, study: str, drops: Callable[[str], bool]) -> bool:
    """Tell whether an entry was kept by a study of this clone, and holds a file of a kind."""
    try:
        entry = untrusted.read_json(place / ENTRY)
        kept, outputs = entry["kept"], entry["outputs"]
        # Whichever node it was kept from, and wherever the clone lay then.
        mine = folder() == DEFAULT or kept["clone"] == str(Path.cwd())
        return mine and kept["study"] == study and any(drops(file["path"]) for file in outputs)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def trim(study: str, drops: Callable[[str], bool]) -> None:
    """Delete the entries that were used longest ago, until the rest is within the limit.

    First those of a study with files that it keeps no longer.

    Args:
        study: its name.
        drops: tells by a file's path whether the study keeps it only while it is needed.
    """
    where, left = folder(), limit()
    if where is None:
        return
    for place in where.glob("??/*"):
        if _holds(place, study, drops):
            shutil.rmtree(place, ignore_errors=True)
    for _, own, place in sorted(_entries(where), reverse=True):
        left -= own
        if left < 0 and own:
            shutil.rmtree(place, ignore_errors=True)
