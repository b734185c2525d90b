"""DVC through its Python interface: fill dvc.lock in one write, read it, fetch what it names."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scaletrace.errors import BadInput
from scaletrace.study import files

DVC_LOCK = Path("dvc.lock")
# Ten times as fast as the Python one, where the library was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@contextlib.contextmanager
def _repository() -> Iterator[Any]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise BadInput(f"dvc: {error}") from None


def locked() -> dict[str, Any]:
    """Return the stages of dvc.lock by name.

    Raises:
        BadInput: the file cannot be read.
    """
    if not DVC_LOCK.exists():
        return {}
    try:
        stages = yaml.load(DVC_LOCK.read_text(encoding="utf-8"), LOADER)["stages"]
        if not all(isinstance(stage, dict) for stage in stages.values()):
            raise ValueError("a stage is no mapping")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise BadInput(f"{DVC_LOCK}: not readable ({str(error)[:200]})") from None
    return stages


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
    with _repository() as repo, repo.lock:
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
