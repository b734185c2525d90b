"""Docstrings of Python source code, as plain text.

A full parse of 140 MB of installed packages takes 17 s a core. A docstring stands right behind
the header of its class or function, so one pass of a regular expression over the source finds the
few places worth parsing, and Python's parser then sees a header and a string and nothing else.
That also keeps the result the same on every Python version, whatever syntax the rest of a file has.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

# Strings and comments are matched so that what they contain is passed over. The letters before a
# string do not matter here: a backslash protects a quote in every kind of literal.
_TOKENS = re.compile(
    b"|".join(
        (
            rb"(\n[ \t]*)(?:def|class|async[ \t]+def)[ \t]+([^\s(:\[]+)",
            rb"#[^\n]*",
            rb'"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""',
            rb"'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''",
            rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"',
            rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*'",
        )
    ),
    re.DOTALL,
)
_COMMENT = re.compile(rb"#[^\n]*")
_BEFORE = re.compile(rb"[ \t]*[rRuU]?")
_BEHIND = re.compile(rb"[ \t\f]*(?:[\r\n;#]|\Z)")
# Grammar of the oldest Python version that the package supports.
_GRAMMAR = (3, 11)


class Docstring(NamedTuple):
    """The cleaned text of a docstring and the name that it describes; a module's is empty."""

    name: str
    text: str


def docstrings(source: bytes, longer_than: int) -> list[Docstring]:
    """Return the docstrings of a module, its classes and functions, in the order of the source.

    Only triple-quoted literals that stand on lines of their own count, and only those with more
    than `longer_than` characters when cleaned. `source` is UTF-8.
    """
    with warnings.catch_warnings():
        # Invalid escapes concern the authors of the code.
        warnings.simplefilter("ignore")
        return list(_docstrings(source, longer_than))


def _docstrings(source: bytes, longer_than: int) -> Iterator[Docstring]:
    text = b"\n" + source
    header = behind = 0
    indent = None
    name = b""
    for token in _TOKENS.finditer(text):
        start, end = token.span()
        if token.lastindex:
            header, behind, indent, name = start + 1, end, token[1], token[2]
        elif text[start] != ord("#"):
            if end - start > longer_than:
                line_start = text.rfind(b"\n", 0, start) + 1
                if (
                    _BEFORE.fullmatch(text, line_start, start)
                    and _BEHIND.match(text, end)
                    and _ends_header(text[behind:line_start], indent)
                ):
                    literal = _evaluate(text[header:end], indent)
                    if literal is not None and len(cleaned := clean(literal)) > longer_than:
                        yield Docstring(name.decode(), cleaned)
            behind = end


def _ends_header(code: bytes, indent: bytes | None) -> bool:
    """Say whether nothing but a header (of a module: nothing) precedes a string."""
    code = _COMMENT.sub(b"", code).rstrip()
    return code.endswith(b":") if indent is not None else not code


def _evaluate(code: bytes, indent: bytes | None) -> str | None:
    """Return the docstring of `code`, a header and a string, or None where it is something else."""
    if indent not in (None, b"\n"):
        code = b"if 1:\n" + code
    try:
        body: list[ast.stmt] = ast.parse(code, feature_version=_GRAMMAR).body
    except (SyntaxError, ValueError):
        return None
    match body:
        case [ast.If(body=inner)]:
            body = inner
    match body:
        case [ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() as definition]:
            body = definition.body
    match body:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return text
    return None


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
