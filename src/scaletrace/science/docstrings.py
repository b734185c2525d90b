"""Docstrings of Python source code, as plain text."""

import ast
import gc
import warnings
from collections.abc import Iterator

# The oldest grammar among the Python versions that the package supports: what an older
# interpreter refuses to parse must be refused by a newer one, or their corpora would differ.
GRAMMAR = (3, 11)

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def may_hold_docstring(source: bytes, longer_than: int) -> bool:
    """Say whether `source` has a triple-quoted string of more than `longer_than` bytes."""
    return any(
        len(part) > longer_than for quote in (b'"""', b"'''") for part in source.split(quote)[1:-1]
    )


def docstrings(source: bytes) -> list[tuple[str, str]]:
    """Return (qualified name, cleaned docstring) of a module and all its classes and functions.

    They come in the order of the source; the module's own name is empty. Source that Python 3.11
    cannot parse has none.
    """
    with warnings.catch_warnings():
        # Warnings of the parsed code (invalid escapes, mostly) concern its authors.
        warnings.simplefilter("ignore")
        collecting = gc.isenabled()
        # A syntax tree has no cycles, and collecting while it grows doubles the time.
        gc.disable()
        try:
            tree = ast.parse(source, feature_version=GRAMMAR)
        except (SyntaxError, ValueError):
            return []
        finally:
            if collecting:
                gc.enable()
    return list(_walk(tree, ""))


def _walk(node: _Documented, name: str) -> Iterator[tuple[str, str]]:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str(text))), *_]:
            yield name, clean(text)
    prefix = f"{name}." if name else ""
    for child in _statements(node.body):
        yield from _walk(child, prefix + child.name)


def _statements(
    body: list[ast.stmt],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the definitions in `body`, those inside `if`, `try`, `with` and loops included."""
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, []))
        for branch in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
            yield from _statements(branch.body)


def clean(docstring: str) -> str:
    """Return `docstring` without its indentation, surrounding blank lines and trailing spaces.

    As PEP 257 asks; written here because `inspect.cleandoc` differs between Python versions.
    Escapes that are no characters (lone surrogates) are left out, so that UTF-8 can hold the text.
    """
    text = docstring.encode("utf-8", "ignore").decode("utf-8")
    lines = [line.rstrip(" \r\f\v") for line in text.expandtabs().split("\n")]
    indents = [len(line) - len(line.lstrip(" ")) for line in lines[1:] if line]
    indent = min(indents, default=0)
    lines[0] = lines[0].lstrip(" ")
    lines[1:] = [line[indent:] for line in lines[1:]]
    return "\n".join(lines).strip("\n")
