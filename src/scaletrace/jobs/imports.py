"""What import statements bring in."""

import ast
import dataclasses
from collections.abc import Iterator

from scaletrace.kinds import PACKAGE


@dataclasses.dataclass(frozen=True)
class Import:
    """One name that a module binds by importing: `thing` of `source`.

    Without a thing it is `import a.b`, which binds a.
    """

    bound: str
    source: str
    thing: str = ""

    @property
    def dotted(self) -> str:
        """The whole name of what is imported."""
        return f"{self.source}.{self.thing}".strip(".")

    @property
    def is_ours(self) -> bool:
        """Whether it is of this package."""
        return self.dotted.partition(".")[0] == PACKAGE


def imported(node: ast.AST, package: str) -> Iterator[Import]:
    """Yield what a statement imports.

    Args:
        node: the statement.
        package: the package that its relative imports start from.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            source, _, thing = alias.name.rpartition(".")
            if alias.asname is None or alias.asname == alias.name:
                yield Import(alias.name.partition(".")[0], alias.name)
            else:
                # `import a.b as x` is `from a import b as x`, and `import a as x` has no such form.
                yield Import(alias.asname, source, thing)
    elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
        source = node.module or ""
        if node.level:
            above = package.split(".")
            above = above[: len(above) - node.level + 1]
            source = ".".join([*above, node.module] if node.module else above)
        for alias in node.names:
            yield Import(alias.asname or alias.name, source, alias.name)
