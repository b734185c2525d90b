"""DVC through its Python interface: fill dvc.lock in one write, read it, fetch what it names."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.lineage import records
from scaletrace.study import files

DVC_LOCK = Path("dvc.lock")
# Ten times as fast as the Python one, where the library was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@contextlib.contextmanager
def _repository(**core: Any) -> Iterator[Any]:
    """Open DVC here, with these values of its section `core`."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        with Repo(config={"core": core}) as repo:
            yield repo
    except DvcException as error:
        raise BadInput(f"dvc: {error}") from None


def _require_plain(text: str) -> None:
    """Raise ValueError for what would crash the parser in C, or swell in memory."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > records.DEEPEST or isinstance(event, yaml.AliasEvent):
            raise ValueError("nested deeper than DVC writes, or with aliases")


def from_yaml(content: bytes, where: object) -> dict[str, Any]:
    """Return the mapping that a YAML file holds, which may be hostile.

    Raises:
        BadInput: it is no mapping, is nested too deep or has aliases; `where` names it.
    """
    try:
        text = content.decode("utf-8")
        _require_plain(text)
        found = yaml.load(text, LOADER)
        if not isinstance(found, dict):
            raise ValueError("no mapping")
    except (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        raise BadInput(f"{where}: not readable ({said})") from None
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping that a YAML file holds; an empty one for an empty file.

    Raises:
        BadInput: the file cannot be read, see `from_yaml`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: not readable ({error.strerror})") from None
    return from_yaml(content, path) if content.strip() else {}


def stages(content: dict[str, Any], where: object) -> dict[str, dict[str, Any]]:
    """Return the stages of dvc.yaml or dvc.lock by name.

    Raises:
        BadInput: a stage is no mapping, or has no name.
    """
    found = content.get("stages") or {}
    if not isinstance(found, dict):
        raise BadInput(f"{where}: stages: not a mapping")
    for name, stage in found.items():
        if not isinstance(name, str) or not isinstance(stage, dict):
            raise BadInput(f"{where}: stages.{str(name)[:80]}: not a mapping with a name")
    return found


def locked() -> dict[str, Any]:
    """Return the stages of dvc.lock by name.

    Raises:
        BadInput: the file cannot be read, or a stage is not as DVC writes it.
    """
    if not DVC_LOCK.exists():
        return {}
    found = stages(read_yaml(DVC_LOCK), DVC_LOCK)
    for name, stage in found.items():
        for side in ("deps", "outs"):
            entries = stage.get(side, [])
            if not isinstance(entries, list) or not all(
                isinstance(entry, dict) and isinstance(entry.get("path"), str) for entry in entries
            ):
                raise BadInput(
                    f"{DVC_LOCK}: stages.{name}.{side}: not a list of files as DVC writes it; "
                    f"git checkout {DVC_LOCK} brings back what was committed"
                )
    return found


def prune(stages: set[str]) -> None:
    """Drop from dvc.lock what dvc.yaml no longer has; DVC itself keeps it for ever."""
    before = locked()
    kept = {name: stage for name, stage in before.items() if name in stages}
    if kept.keys() != before.keys():
        content = {"schema": "2.0", "stages": kept}
        files.write_text(DVC_LOCK, yaml.dump(content, Dumper=DUMPER, sort_keys=False))


def commit(stale: set[str], held: dict[str, set[str]]) -> None:
    """Let DVC hash, store and lock stages in one write; outputs keep their times.

    Args:
        stale: names of stages that are not in dvc.lock as they should be.
        held: the md5s that DVC's cache must hold, by stage.

    Raises:
        BadInput: DVC says what is wrong.
    """
    # With git, DVC would read git's whole index once for every output; that those in git are not
    # DVC's, and the others are ignored by git, holds already.
    with _repository(no_scm=True) as repo, repo.lock:
        cache = repo.cache.local
        absent = {n for n, md5s in held.items() if not all(map(cache.exists, md5s))}
        names = stale | absent
        if not names:
            return
        stages = [stage for stage in repo.index.stages if getattr(stage, "name", None) in names]
        for stage in stages:
            stage.save()
            # Linking anew would give outputs new times, in no order.
            stage.commit(relink=False)
        if stages:
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)


def cached(md5s: set[str]) -> dict[str, bytes]:
    """Return the small files that DVC's cache holds here, by md5; none where there is no DVC."""
    found: dict[str, bytes] = {}
    with contextlib.suppress(BadInput), _repository() as repo:
        for md5 in md5s:
            with contextlib.suppress(OSError):
                found[md5] = Path(repo.cache.local.oid_to_path(md5)).read_bytes()
    return found


def pull(names: list[str]) -> str | None:
    """Fetch files from DVC's remote where its cache has them not, and put them in place.

    Returns:
        Why some may be missing, or None. Nothing is verified here.
    """
    from dvc.config import NoRemoteError
    from dvc.exceptions import DvcException

    reason = None
    with _repository() as repo, repo.lock:
        wanted = {str(Path(name).absolute()) for name in names}
        # Not `repo.pull(names)`, which reads dvc.yaml and dvc.lock once for every name.
        outs = [out for out in repo.index.outs if out.fs_path in wanted and out.use_cache]
        cache = repo.cache.local
        hashes = {out.hash_info for out in outs if out.hash_info.value}
        absent = {found for found in hashes if not cache.exists(found.value)}
        try:
            if absent:
                repo.cloud.pull(absent)
        except NoRemoteError:
            reason = "no DVC remote is set up: dvc remote add --default NAME FOLDER"
        except DvcException as error:
            reason = f"dvc: {error}"
        for out in outs:
            if out.hash_info.value and cache.exists(out.hash_info.value):
                out.checkout()
    return reason
