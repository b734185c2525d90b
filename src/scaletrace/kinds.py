"""What comes in kinds: a folder with one file per kind, loaded by its name in the study."""

import importlib
import pkgutil
from types import ModuleType

PACKAGE = "scaletrace"


def module(folder: str, name: str) -> str:
    """Return the dotted name of the module of a kind; a study writes `-` where a module has `_`."""
    return f"{PACKAGE}.{folder}.{name.replace('-', '_')}"


def load(folder: str, name: str) -> ModuleType:
    """Return the module of a kind.

    Raises:
        ModuleNotFoundError: there is no such kind.
    """
    return importlib.import_module(module(folder, name))


def names(folder: str) -> tuple[str, ...]:
    """Return the names of a folder's modules, sorted: its kinds, as modules write them."""
    package = importlib.import_module(f"{PACKAGE}.{folder}")
    return tuple(sorted(info.name for info in pkgutil.iter_modules(package.__path__)))
