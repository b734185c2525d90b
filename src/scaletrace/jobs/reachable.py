"""What of the code counts for a stage: the definitions that its execution may reach.

Reached is what a name leads to, so that more may count than is executed and never less:

- A plain name is looked up in its module, and from there where the module imports it from.
- An attribute, and a string that is an identifier (`getattr(thing, "name")`), may name
  a definition of every module in the closure.
- What may reach what it does not name (`globals()`, `eval`, `Base.__subclasses__()`, an
  attribute of a module by a computed name) reaches everything.
- What does more than define names when its module is imported counts always (see `at_import`),
  and so does everything that `import *` brings in.

An import counts where the name that it binds is reached, by what it binds to and not by its
text; one of a thing outside the package that nothing in its module names counts always, for it
stands there for what it does.

Not seen: an attribute by a computed name of something that is a module although nothing around
it says so, such as an argument of a function.
"""

import dataclasses
import functools
from collections.abc import Iterator

from scaletrace.formats.files import json_sha256
from scaletrace.jobs import at_import, meaning
from scaletrace.jobs.imports import Import
from scaletrace.jobs.sources import Module, Sources, Statement
from scaletrace.kinds import PACKAGE

# What the job wrapper names of a stage's module.
ENTRIES = ("run", "Inputs", "Outputs", "Settings")

# Of these no import is for what it does: what ours do is looked into.
SILENT = {PACKAGE, "typing"}


@dataclasses.dataclass(frozen=True)
class Counted:
    """What of one module counts: its statements in their order, and what it imports for them."""

    statements: list[Statement]
    imports: list[Import]
    words: frozenset[int]
    # Whether what is printed may be read by a program, so that its words count.
    captured: bool

    @property
    def hash(self) -> str:
        """The meaning of all of it."""
        imports = sorted({(one.bound, one.source, one.thing) for one in self.imports})
        statements = [
            one.hash_with_wording if self.captured else one.hash for one in self.statements
        ]
        return json_sha256([imports, statements])

    @property
    def parts(self) -> dict[str, str]:
        """The hash of each part by its name, see `meaning.parts`."""
        imports = {
            f"import of {one.bound}": json_sha256([one.source, one.thing])
            for one in sorted(self.imports, key=lambda one: (one.bound, one.source, one.thing))
        }
        return imports | meaning.parts_of([one.node for one in self.statements], self.words)


def counted(sources: Sources, stage: str, kinds: tuple[str, ...]) -> dict[str, Counted]:
    """Return what counts for a stage by module, without modules of which nothing does.

    Args:
        sources: the package.
        stage: name of a module (or package) under `stages/`.
        kinds: dotted names of the modules that the execution loads by name.

    Raises:
        ModuleNotFoundError: the stage or a kind is no module of the package.
    """
    start = f"{PACKAGE}.stages.{stage}"
    reach = _Reach(sources, sources.closure([start, *kinds]))
    for module in reach.closure.values():
        reach.import_of(module)
    for name in ENTRIES:
        reach.name(start, name)
    reach.follow()
    return dict(reach.counted())


class _Reach:
    """The definitions and imports that are reached so far, in the modules of a closure."""

    def __init__(self, sources: Sources, closure: dict[str, Module]) -> None:
        self.sources, self.closure = sources, closure
        self._statements: set[Statement] = set()
        self._imports: dict[str, set[Import]] = {name: set() for name in closure}
        self._waiting: list[Statement] = []
        self._named: set[tuple[str, str]] = set()
        self._named_anywhere: set[str] = set()
        self._captures = False
        self._holders: dict[str, list[str]] = {}
        for name, module in closure.items():
            for held in module.definitions.keys() | module.imported.keys():
                self._holders.setdefault(held, []).append(name)

    def import_of(self, module: Module) -> None:
        """Reach what counts always."""
        always, imports = _always(module, self.sources)
        for statement in always:
            self._reach(statement)
        self._imports[module.name].update(imports)
        for star in module.stars & self.closure.keys():
            self._everything(self.closure[star])

    def name(self, module: str, name: str) -> None:
        """Reach what a name stands for in a module."""
        if module not in self.closure or (module, name) in self._named:
            return
        self._named.add((module, name))
        for statement in self.closure[module].definitions.get(name, ()):
            self._reach(statement)
        for one in self.closure[module].imported.get(name, ()):
            self._imports[module].add(one)
            self.name(one.source, one.thing)

    def follow(self) -> None:
        """Reach all that is named by what is reached."""
        while self._waiting:
            statement = self._waiting.pop()
            mentions = statement.mentions
            self._captures |= mentions.captures
            for name in mentions.own:
                self.name(statement.module.name, name)
            for name in mentions.any - self._named_anywhere:
                self._named_anywhere.add(name)
                for module in self._holders.get(name, ()):
                    self.name(module, name)
            for one in mentions.imports:
                self.name(one.source, one.thing)
            if mentions.by_any_name:
                for module in self.closure.values():
                    self._everything(module)

    def counted(self) -> Iterator[tuple[str, Counted]]:
        """Yield each module of which anything counts, with what does."""
        for name, module in self.closure.items():
            statements = [one for one in module.statements if one in self._statements]
            if statements or self._imports[name]:
                words = frozenset() if self._captures else module.words
                yield name, Counted(statements, list(self._imports[name]), words, self._captures)

    def _everything(self, module: Module) -> None:
        for name in module.definitions.keys() | module.imported.keys():
            self.name(module.name, name)

    def _reach(self, statement: Statement) -> None:
        if statement not in self._statements:
            self._statements.add(statement)
            self._waiting.append(statement)


@functools.lru_cache(maxsize=1024)
def _always(module: Module, sources: Sources) -> tuple[list[Statement], list[Import]]:
    """Return what of a module counts always."""
    statements = [
        one for one in module.statements if not at_import.only_defines(one, module, sources)
    ]
    imports = [
        one
        for one in module.imports
        if one.thing == "*"
        or (one.bound not in module.mentioned and one.dotted.partition(".")[0] not in SILENT)
    ]
    return statements, imports
