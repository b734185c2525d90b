"""The package's modules in one state of its files: statements, imports, what imports what."""

import ast
import functools
from collections.abc import Callable, Iterator
from functools import cached_property

from scaletrace.jobs import meaning
from scaletrace.jobs.imports import Import, imported
from scaletrace.jobs.mentions import Mentions, loads
from scaletrace.kinds import PACKAGE

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Statement:
    """A statement at the top of a module.

    Attributes:
        node: its tree.
        module: the module that it stands in.
        names: what it defines, if all that it does is to define.
    """

    def __init__(self, node: ast.stmt, module: "Module") -> None:
        self.node, self.module = node, module
        self.names = _defined(node)

    @cached_property
    def mentions(self) -> Mentions:
        """What it names."""
        node, module = self.node, self.module
        return Mentions(node, module.package, module.words, module.holds_modules)

    @cached_property
    def hash(self) -> str:
        """Its meaning without wording."""
        return meaning.statement_meaning(self.node, self.module.words)

    @cached_property
    def hash_with_wording(self) -> str:
        """Its meaning where what is printed is read by a program."""
        return meaning.statement_meaning(self.node, ())


def _defined(node: ast.stmt) -> tuple[str, ...]:
    """Return the names that a plain definition defines; none where a statement does more."""
    if isinstance(node, DEFINITIONS):
        return (node.name,)
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        for target in node.targets:
            targets += target.elts if isinstance(target, ast.Tuple) else [target]
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    # Of Python 3.12, and unknown to 3.11.
    elif type(node).__name__ == "TypeAlias":
        targets = [node.name]  # pyright: ignore[reportAttributeAccessIssue]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return tuple(names) if len(names) == len(targets) else ()


class Module:
    """A module of the package, read from its text.

    Attributes:
        name: its dotted name.
        package: the package that relative imports start from.
        statements: those at its top that count, or may, in their order.
        imports: the names that it binds at its top by importing.
        loads: names of modules of the package, or of things in them, that it imports anywhere.
        stars: modules of which it imports everything.
        words: see `meaning.wording`.
        holds_modules: names that may stand for a module of the package.
        otherwise_bound: names that it binds in ways that are not looked into.
    """

    def __init__(self, name: str, is_package: bool, text: str) -> None:
        self.name = name
        self.package = name if is_package else name.rpartition(".")[0]
        # Kept, for `words` are places in memory.
        self._tree = tree = ast.parse(text)
        nodes = list(ast.walk(tree))
        self.words = frozenset(meaning.wording(nodes))
        self.imports: list[Import] = []
        self.statements: list[Statement] = []
        self._checks_types = _checks_types(nodes)
        body = list(self._executed(tree.body))
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imports += imported(node, self.package)
        self.statements = [
            Statement(node, self)
            for node in body
            if not isinstance(node, ast.Import | ast.ImportFrom | ast.Pass)
            and not meaning.is_docstring(node)
        ]
        hidden = {
            id(part)
            for node in nodes
            if isinstance(node, ast.If) and self._is_for_types(node)
            for statement in node.body
            for part in ast.walk(statement)
        }
        everything = [
            one
            for node in nodes
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in hidden
            for one in imported(node, self.package)
        ]
        self.stars = {one.source for one in everything if one.thing == "*"}
        self.loads = {
            name
            for one in everything
            for name in (one.source, one.dotted)
            if name.partition(".")[0] == PACKAGE
        }
        self.holds_modules = {one.bound for one in everything if one.is_ours}
        self.otherwise_bound: set[str] = set()
        for node in nodes:
            if isinstance(node, ast.Global):
                self.otherwise_bound.update(node.names)
            elif isinstance(node, ast.Assign) and loads(node.value):
                self.holds_modules.update(n.id for n in node.targets if isinstance(n, ast.Name))
        for statement in self.statements:
            if not statement.names:
                self.otherwise_bound |= stored(statement.node)

    def _executed(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        """Yield statements without what stands under `if TYPE_CHECKING`."""
        for node in body:
            if self._is_for_types(node):
                assert isinstance(node, ast.If)
                yield from self._executed(node.orelse)
            else:
                yield node

    def _is_for_types(self, node: ast.AST) -> bool:
        if not (self._checks_types and isinstance(node, ast.If)):
            return False
        match node.test:
            case (
                ast.Name(id="TYPE_CHECKING")
                | ast.Attribute(value=ast.Name(id="typing"), attr="TYPE_CHECKING")
            ):
                return True
        return False

    @cached_property
    def definitions(self) -> dict[str, list[Statement]]:
        """The plain definitions by their names."""
        definitions: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.names:
                definitions.setdefault(name, []).append(statement)
        return definitions

    @cached_property
    def imported(self) -> dict[str, list[Import]]:
        """What it imports at its top by the names that it binds."""
        imported: dict[str, list[Import]] = {}
        for one in self.imports:
            imported.setdefault(one.bound, []).append(one)
        return imported

    @cached_property
    def mentioned(self) -> set[str]:
        """All names that its statements mention."""
        return {name for one in self.statements for name in one.mentions.own | one.mentions.any}


def stored(node: ast.AST) -> set[str]:
    """Return the names that a statement, or anything in it, binds."""
    names: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        elif isinstance(part, DEFINITIONS):
            names.add(part.name)
        elif isinstance(part, ast.alias):
            names.add(part.asname or part.name.partition(".")[0])
    return names


def _checks_types(nodes: list[ast.AST]) -> bool:
    """Tell whether TYPE_CHECKING is that of `typing`, and nothing else."""
    names, sources = {"TYPE_CHECKING", "typing"}, set()
    for node in nodes:
        match node:
            case ast.ImportFrom(module=module, names=aliases):
                bound = {one.asname or one.name: f"{module}.{one.name}" for one in aliases}
            case ast.Import(names=aliases):
                bound = {one.asname or one.name: one.name for one in aliases}
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                bound = {name: "an assignment"}
            case _:
                continue
        sources.update(bound[name] for name in names & bound.keys())
    return bool(sources) and sources <= {"typing", "typing.TYPE_CHECKING"}


@functools.lru_cache(maxsize=512)
def parse(name: str, is_package: bool, text: str) -> Module:
    """Return a module of the package, given its text.

    Raises:
        SyntaxError: the text is no Python.
    """
    return Module(name, is_package, text)


class Sources:
    """The modules of the package in one state of its files.

    Args:
        text_of: gives the text of a file by its path below the package's folder; None if there
            is no such file.
    """

    def __init__(self, text_of: Callable[[str], str | None]) -> None:
        self._text_of = text_of
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Return a module by its dotted name; None if there is none of that name."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        first, *folders = name.split(".")
        if first != PACKAGE:
            return None
        base = "/".join(folders)
        for path, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            text = self._text_of(path.removeprefix("/"))
            if text is not None:
                return parse(name, is_package, text)
        return None

    def closure(self, starts: list[str]) -> dict[str, Module]:
        """Return the modules that importing some modules imports, those included.

        Raises:
            ModuleNotFoundError: one of `starts` is no module of the package.
        """
        waiting, modules = list(starts), {}
        for name in starts:
            if self.module(name) is None:
                raise ModuleNotFoundError(f"{name} is no module of the package")
        while waiting:
            name = waiting.pop()
            module = self.module(name)
            if module is None or name in modules:
                continue
            modules[name] = module
            # Importing a.b.c runs a and a.b first.
            waiting.extend(part for load in (name, *module.loads) for part in _with_parents(load))
        return dict(sorted(modules.items()))


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]
