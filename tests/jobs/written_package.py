"""Small packages, written for a test, and what counts in them."""

from scaletrace.jobs import fingerprint, reachable
from scaletrace.jobs.sources import Sources

KINDS = ("scaletrace.kinds.one",)


def sources(run, **modules):
    """A package whose stage `one` is given; other modules as FOLDER__MODULE, or as FOLDER."""
    texts = {
        f"{name.replace('__', '/')}.py" if "__" in name else f"{name}/__init__.py": text
        for name, text in modules.items()
    }
    texts["stages/one.py"] = run
    folders = {path.rpartition("/")[0] for path in texts} | {""}
    empty = {f"{folder}/__init__.py".removeprefix("/"): "" for folder in folders}
    return Sources({**empty, **texts}.get)


def counted(run, kinds=(), **modules):
    """The names (and the texts of what has none) that count, by module without the package."""
    found = reachable.counted(sources(run, **modules), "one", kinds)
    return {
        module.removeprefix("scaletrace."): [
            name for one in what.statements for name in (one.names or ("a statement",))
        ]
        for module, what in found.items()
    }


def hash_of(run, kinds=(), **modules):
    found = reachable.counted(sources(run, **modules), "one", kinds)
    return fingerprint.combined({name: what.hash for name, what in found.items()})
