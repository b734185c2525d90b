"""DVC through its Python interface: hash and store what a pipeline names, and fetch it again."""

import contextlib
import copy
import itertools
import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.formats import untrusted
from scaletrace.formats.record import RecordedFile
from scaletrace.formats.yaml_files import UNREADABLE, require_plain
from scaletrace.lineage import links

LOCAL = ".dvc/config.local"
# What DVC's configuration may say of where it writes.
FOLDERS = (
    *(("cache", "dir"), ("cache", "local")),
    *(("core", "site_cache_dir"), ("state", "dir"), ("index", "dir")),
)
# Ten times as fast as the Python one, where the library was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@contextlib.contextmanager
def _repository(**core: Any) -> Iterator[Any]:
    """Open DVC here, with these values of its section `core`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    # DVC would take one from a folder above, which nobody has looked at.
    if not Path(".dvc").is_dir():
        raise BadInput(".dvc: missing; DVC is set up in the repository's own folder: dvc init")
    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        with Repo(config={"core": core}) as repo:
            yield repo
    except (DvcException, sqlite3.Error) as error:
        raise BadInput(f"dvc: {error}") from None


def from_yaml(content: bytes, where: object) -> dict[str, Any]:
    """Return the mapping that a YAML file holds, which may be hostile.

    Raises:
        BadInput: it is no mapping, is nested too deep or swells; `where` names it.
    """
    try:
        text = content.decode("utf-8")
        require_plain(text, LOADER)
        mapping = yaml.load(text, LOADER)
        if not isinstance(mapping, dict):
            raise ValueError("no mapping")
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{where}: not readable ({reason})") from None
    return mapping


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty one for an empty file or none.

    Raises:
        BadInput: the file cannot be read, see `from_yaml`.
    """
    try:
        content = untrusted.read_bytes(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"{path}: not readable ({error.strerror})") from None
    return from_yaml(content, path) if content.strip() else {}


def stages(content: dict[str, Any], where: object) -> dict[str, dict[str, Any]]:
    """Return the stages of dvc.yaml or dvc.lock by name.

    Raises:
        BadInput: a stage is no mapping, or has no name.
    """
    by_name = content.get("stages") or {}
    if not isinstance(by_name, dict):
        raise BadInput(f"{where}: stages: not a mapping")
    for name, stage in by_name.items():
        if not isinstance(name, str) or not isinstance(stage, dict):
            raise BadInput(f"{where}: stages.{str(name)[:80]}: not a mapping with a name")
    return by_name


def locked(path: Path) -> dict[str, Any]:
    """Return the stages of a lock by name; none where there is no lock.

    Raises:
        BadInput: the file cannot be read, or a stage is not as DVC writes it.
    """
    by_name = stages(read_yaml(path), path)
    for name, stage in by_name.items():
        for side in ("deps", "outs"):
            entries = stage.get(side, [])
            if not isinstance(entries, list) or not all(
                isinstance(entry, dict) and isinstance(entry.get("path"), str) for entry in entries
            ):
                raise BadInput(
                    f"{path}: stages.{name}.{side}: not a list of files as DVC writes it; "
                    f"git checkout {path} brings back what was committed"
                )
    return by_name


def _loaded(repo: Any, pipeline: Path, stages: dict[str, Any], locked: dict[str, Any]) -> list[Any]:
    """Return stages as DVC's objects, whether their file is written or not.

    Not from DVC's index, which would read every pipeline of the repository, whoever wrote it.
    """
    from dvc.dvcfile import ProjectFile
    from dvc.stage.loader import StageLoader

    file = ProjectFile(repo, str(pipeline.absolute()), verify=False)
    return [
        StageLoader.load_stage(file, name, copy.deepcopy(stage), locked.get(name))
        for name, stage in stages.items()
    ]


def commit(
    pipeline: Path, stages: dict[str, Any], locked: dict[str, Any], held: dict[str, set[str]]
) -> dict[str, Any]:
    """Let DVC hash and store what stages name; outputs keep their times, and no file is written.

    Args:
        pipeline: where the stages stand, or will.
        stages: by name, as in dvc.yaml.
        locked: entries of dvc.lock that are as they should be.
        held: the md5s that DVC's cache must hold, by stage.

    Returns:
        The entries of dvc.lock.

    Raises:
        BadInput: DVC says what is wrong.
    """
    from dvc.stage.serialize import to_lockfile

    # With git, DVC would read git's whole index once for every output; that those in git are not
    # DVC's, and the others are ignored by git, holds already.
    with _repository(no_scm=True) as repo, repo.lock:
        exists = repo.cache.local.exists
        stale = {
            n: s for n, s in stages.items() if n not in locked or not all(map(exists, held[n]))
        }
        entries = {name: entry for name, entry in locked.items() if name in stages}
        for stage in _loaded(repo, pipeline, stale, locked):
            stage.save()
            for out in stage.outs:
                # Not the stage's own way, which writes down who reads and writes what: cut by a
                # kill, that file keeps every later command from running. Nor are outputs linked
                # anew, which would give them new times, in no order.
                out.commit(relink=False)
            entries |= to_lockfile(stage)
    return json.loads(json.dumps(dict(sorted(entries.items()))))


def cached(md5s: set[str]) -> dict[str, bytes]:
    """Return the small files that DVC's cache holds here, by md5; none where there is no DVC."""
    contents: dict[str, bytes] = {}
    with contextlib.suppress(BadInput):
        links.require_none()
        require_own_folders()
        with _repository() as repo:
            for md5 in md5s:
                with contextlib.suppress(OSError):
                    contents[md5] = untrusted.read_bytes(Path(repo.cache.local.oid_to_path(md5)))
    return contents


def require_own_folders() -> None:
    """Refuse a configuration, brought by a clone, that has DVC write to folders elsewhere.

    Raises:
        BadInput: it does, and nobody has said here that these are the folders to use.
    """
    from dvc.config import Config

    try:
        config: Any = Config.from_cwd(validate=False)
        levels = {level: config.load_one(level) for level in ("system", "global", "local", "repo")}
    except Exception as error:
        # Many kinds, of DVC's own and of what it parses with.
        raise BadInput(f".dvc/config: not readable ({' '.join(str(error).split())})") from None
    named = [("repo", ".dvc/config")] + [("local", LOCAL)] * links.is_tracked(LOCAL)
    brought = [(where, levels.pop(level)) for level, where in named]
    for (section, key), (where, config) in itertools.product(FOLDERS, brought):
        folder = (config.get(section) or {}).get(key)
        if folder is None or folder in [(c.get(section) or {}).get(key) for c in levels.values()]:
            continue
        if key == "local" or _leads_out(str(folder)):
            raise BadInput(
                f"{where}: {section}.{key}: found {str(folder)[:200]!r}, which leads out of this "
                "clone, and DVC would write there; if you want that: "
                f"dvc config --local {section}.{key} {str(folder)[:200]}"
            )


def _leads_out(folder: str) -> bool:
    """Tell whether a folder of DVC's configuration, which may be an address, lies elsewhere."""
    try:
        place = Path(".dvc", folder).resolve()
    except (OSError, ValueError, RuntimeError):
        return True
    return "://" in folder or not place.is_relative_to(Path.cwd())


def pull(wanted: Iterable[RecordedFile]) -> str | None:
    """Fetch files from DVC's remote where its cache has them not, and put them in place.

    Args:
        wanted: the files.

    Returns:
        Why some may be missing, or None. Nothing is verified here.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException

    reason = None
    entries = [
        {"path": file.path, "hash": "md5", "md5": file.md5, "size": file.size} for file in wanted
    ]
    stage = {"cmd": "restore", "outs": [entry["path"] for entry in entries]}
    with _repository() as repo, repo.lock:
        (loaded,) = _loaded(
            repo, Path("dvc.yaml"), {"restore": stage}, {"restore": {"outs": entries}}
        )
        cache = repo.cache.local
        absent = {out.hash_info for out in loaded.outs if not cache.exists(out.hash_info.value)}
        try:
            if absent:
                repo.cloud.pull(absent)
        except NoRemoteError:
            reason = "no DVC remote is set up: dvc remote add --default NAME FOLDER"
        except DvcException as error:
            reason = f"dvc: {error}"
        for out in loaded.outs:
            if cache.exists(out.hash_info.value):
                out.checkout()
                _give_times(Path(out.fs_path), Path(cache.oid_to_path(out.hash_info.value)))
    return reason


def _give_times(file: Path, cached: Path) -> None:
    """Make a hard link to the cache a symbolic one: it takes no space, and has times of its own.

    Snakemake compares times, and those of a hard link are the cache's, which other files, studies
    and people share.
    """
    if not file.is_symlink() and file.exists() and file.samefile(cached):
        link = file.with_name(f".{file.name}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(cached.absolute())
        link.replace(file)
