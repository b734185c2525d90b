"""What a stage declares: its inputs, outputs and settings, and how they cross to a job and back.

A module under `stages/` has frozen dataclasses `Inputs` (fields of type Path, Path | None, or a
tuple of paths), `Outputs` (of type Path) and `Settings` (plain data), and

    run(inputs: Inputs, outputs: Outputs, settings: Settings, work: Path) -> dict

which returns measurements. The graph of jobs builds them, a job's command carries them as JSON,
the wrapper of jobs builds them again. The graph reads the declarations of all stages without
running any: what is slow to import, `run` imports itself.
A stage that loads modules by name says which: `kinds(settings) -> tuple of dotted names`. One
whose settings are another class for every kind has `settings_type(values) -> type`.
"""

import dataclasses
import functools
import importlib
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from scaletrace.errors import BadInput

T = TypeVar("T")
WORDS = {"missing": "missing", "unexpected_keyword_argument": "no such setting"}


def stage(name: str) -> ModuleType:
    """Return the module of a stage."""
    return importlib.import_module(f"scaletrace.stages.{name}")


def files_by_name(files: Any) -> dict[str, list[Path]]:
    """Return the files of inputs or outputs by name; a name without a file is left out."""
    listed: dict[str, list[Path]] = {}
    for field in dataclasses.fields(files):
        value = getattr(files, field.name)
        paths = [] if value is None else [value] if isinstance(value, Path) else list(value)
        if paths:
            listed[field.name] = paths
    return listed


def map_files(files: T, change: Callable[[Path], Path]) -> T:
    """Return inputs or outputs with every path changed."""
    changed: dict[str, Any] = {}
    for name, paths in files_by_name(files).items():
        one = isinstance(getattr(files, name), Path)
        changed[name] = change(paths[0]) if one else tuple(map(change, paths))
    return dataclasses.replace(files, **changed)  # pyright: ignore[reportArgumentType]


@functools.cache
def _annotations(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def files_from(kind: type[T], given: Mapping[str, Sequence[Path]]) -> T:
    """Return files by name as the inputs or outputs of a stage.

    Raises:
        BadInput: a name that the stage does not know, one that it needs, or several files where
            it takes one.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    what = kind.__name__.lower()
    if unknown := sorted(given.keys() - fields.keys()):
        raise BadInput(f"{what}: found {unknown[0]!r}; allowed are {', '.join(fields)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        paths = [Path(path) for path in given.get(name, [])]
        if typing.get_origin(_annotations(kind)[name]) is tuple:
            values[name] = tuple(paths)
        elif len(paths) == 1:
            values[name] = paths[0]
        elif paths or field.default is dataclasses.MISSING:
            raise BadInput(f"{what}: {name}: {len(paths)} files; one is needed")
    return kind(**values)


def settings_type(stage: ModuleType, values: Mapping[str, Any]) -> type:
    """Return the class of a stage's settings, which may depend on the kind that they choose."""
    chosen = getattr(stage, "settings_type", None)
    return chosen(values) if chosen else stage.Settings


@functools.cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    # Set on the class, because an adapter of a dataclass takes no configuration of its own.
    kind.__pydantic_config__ = ConfigDict(extra="forbid")  # pyright: ignore[reportAttributeAccessIssue]
    return TypeAdapter(kind)


def settings_from(stage: ModuleType, values: Mapping[str, Any]) -> Any:
    """Return plain data as the settings of a stage.

    Raises:
        BadInput: every key that is unknown, missing or of another type, a line each.
    """
    kind = settings_type(stage, values)
    try:
        return _adapter(kind).validate_python(dict(values))
    except ValidationError as error:
        lines = [
            f"settings.{'.'.join(map(str, problem['loc']))}: "
            + WORDS.get(problem["type"], f"found {str(problem['input'])[:80]!r}; {problem['msg']}")
            for problem in error.errors()
        ]
        raise BadInput("\n".join(lines)) from None


def plain(settings: Any) -> dict[str, Any]:
    """Return settings as plain data, without what has its default.

    So a setting that a later version adds leaves the settings of earlier jobs as they are.
    """
    values = dataclasses.asdict(settings)
    for field in dataclasses.fields(settings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if default is not dataclasses.MISSING and getattr(settings, field.name) == default:
            del values[field.name]
    return values


def kinds(stage: ModuleType, settings: Any) -> tuple[str, ...]:
    """Return the modules that a stage loads by name with these settings."""
    chosen = getattr(stage, "kinds", None)
    return chosen(settings) if chosen else ()


def run(
    stage: ModuleType,
    inputs: Mapping[str, Sequence[Path]],
    outputs: Mapping[str, Path],
    settings: Mapping[str, Any],
    work: Path,
) -> dict[str, Any]:
    """Run a stage on what its job's command or record says; return its measurements.

    Raises:
        BadInput: the stage does not know them so, or refuses what it reads.
    """
    return stage.run(
        files_from(stage.Inputs, inputs),
        files_from(stage.Outputs, {name: [path] for name, path in outputs.items()}),
        settings_from(stage, settings),
        work,
    )
