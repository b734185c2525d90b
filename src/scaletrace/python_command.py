"""How Python is started, by the package and by the workflow's rules: nobody else says it.

`-P`: no module of the working folder is taken for a library's. `pycache_prefix`: no compiled file
that lies beside a source is executed in its place; those that are lie in the home of whoever
computes, where no clone puts any. Not `-I`, which would hide libraries that a cluster's modules
bring by PYTHONPATH, or `pip install --user` has put into the home.
"""

import importlib.util
import sys
from pathlib import Path

COMPILED = ".cache/scaletrace/compiled"
# It is kept there also for people who want nothing compiled beside their sources.
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": ""}


def require(module: str) -> None:
    """Raise ModuleNotFoundError, as an import of it would, unless a module is installed."""
    if importlib.util.find_spec(module) is None:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def words(module: str, *arguments: str) -> list[str]:
    """Return the words of a command that runs a module, by the Python that runs here."""
    place = f"pycache_prefix={Path.home() / COMPILED}"
    return [sys.executable, "-P", "-X", place, "-m", module, *arguments]


def in_shell(module: str) -> str:
    """Return the same for a shell, up to the arguments and on any machine."""
    return f'python -P -X "pycache_prefix=$HOME/{COMPILED}" -m {module}'
