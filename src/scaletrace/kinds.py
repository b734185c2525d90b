"""What comes in kinds: a folder with one file per kind, loaded by its name in the study."""

import importlib
import pkgutil
from types import ModuleType

from scaletrace.errors import BadInput

PACKAGE = "scaletrace"


def module(folder: str, name: str) -> str:
    """Return the dotted name of the module of a kind; a study writes `-` where a module has `_`."""
    return f"{PACKAGE}.{folder}.{name.replace('-', '_')}"


def load(folder: str, name: str) -> ModuleType:
    """Return the module of a kind.

    Raises:
        BadInput: there is no such kind.
    """
    try:
        return importlib.import_module(module(folder, name))
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(f"{PACKAGE}.{folder}."):
            raise
        allowed = ", ".join(names(folder))
        raise BadInput(f"{folder}: found {name[:80]!r}; allowed are {allowed}") from None


def names(folder: str) -> tuple[str, ...]:
    """Return the names of a folder's modules, sorted: its kinds, as modules write them."""
    package = importlib.import_module(f"{PACKAGE}.{folder}")
    return tuple(sorted(info.name for info in pkgutil.iter_modules(package.__path__)))


def summary(kind: ModuleType) -> str:
    """Return what a kind is: the first line of its docstring, without the period."""
    return (kind.__doc__ or "").partition("\n")[0].removesuffix(".")
