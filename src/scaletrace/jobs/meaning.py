"""What code means, as a hash: positions, comments, docstrings and formatting do not count."""

import ast
from collections.abc import Collection, Iterator

from scaletrace.formats.files import json_sha256

LOG_METHODS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
LOGGERS = {"log", "logger"}
STREAMS = {"stdout", "stderr"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_docstring(node: ast.AST) -> bool:
    """Tell whether a statement is a docstring, or another string that nobody reads."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_nothing(node: object) -> bool:
    # Python 3.12 puts empty strings between the parts of an f-string.
    return isinstance(node, ast.Constant) and node.value == ""


def _plain(node: object, wording: Collection[int] = ()) -> object:
    """Turn a syntax tree into JSON that every Python version writes alike.

    Positions, comments and docstrings are left out. So are empty fields, because newer versions
    add some (type parameters) to old kinds of node.

    Args:
        node: the tree.
        wording: the `id` of each string in it whose text does not count, see `wording`.
    """
    if isinstance(node, ast.AST):
        if id(node) in wording:
            return ["Wording", [_plain(part, wording) for part in computed(node)]]
        fields: dict[str, object] = {}
        for name, value in ast.iter_fields(node):
            # `kind` tells u"x" from "x", `ctx` follows from the place: neither means anything.
            if name in {"kind", "ctx", "type_comment"} or value is None or value == []:
                continue
            fields[name] = (
                [_plain(item, wording) for item in value if not is_docstring(item)]
                if isinstance(value, list)
                else _plain(value, wording)
            )
        if isinstance(node, ast.Constant):
            fields = {"value": [type(node.value).__name__, repr(node.value).encode().hex()]}
            if isinstance(node.value, str):
                fields = {"value": ["str", node.value]}
        if isinstance(node, ast.JoinedStr):
            parts = [_plain(part, wording) for part in node.values if not _is_nothing(part)]
            fields = {"values": parts}
        return [type(node).__name__, fields]
    return node


def computed(text: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that a text is put together from, without its words and formats."""
    if isinstance(text, ast.JoinedStr):
        for part in text.values:
            if isinstance(part, ast.FormattedValue):
                yield part.value
                if part.format_spec is not None:
                    yield from computed(part.format_spec)


def module_meaning(source: str) -> str:
    """Return the hash of one module's whole syntax tree, as scheme 1 recorded it."""
    return json_sha256(_plain(ast.parse(source)))


def statement_meaning(statement: ast.stmt, words: Collection[int]) -> str:
    """Return the hash of a statement without the strings that are mere wording."""
    return json_sha256(_plain(statement, words))


def wording(nodes: list[ast.AST]) -> set[int]:
    """Return the `id` of each string that only tells people something: its text does not count.

    These are the strings that are handed, as they are or put together by an operator, to what is
    raised and to what prints or logs. A string handed to another function on the way does count:
    what the function makes of it is not known.

    Args:
        nodes: all nodes of a module.
    """
    bound = _bound(nodes)
    telling: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            # A keyword of an exception is data that a handler may look at.
            for argument in node.exc.args:
                telling.update(_strings(argument))
        elif isinstance(node, ast.Call) and _tells(node, bound):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                telling.update(_strings(argument))
    return telling


def _strings(node: ast.expr) -> Iterator[int]:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield id(node)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            yield from _strings(left)
            yield from _strings(right)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _strings(body)
            yield from _strings(orelse)
        case ast.BoolOp(values=several) | ast.Tuple(elts=several) | ast.List(elts=several):
            for one in several:
                yield from _strings(one)
        case ast.Starred(value=value) | ast.GeneratorExp(elt=value) | ast.ListComp(elt=value):
            yield from _strings(value)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str()) as text, attr="join" | "format"),
            args=args,
            keywords=keywords,
        ):
            yield id(text)
            for one in (*args, *(keyword.value for keyword in keywords)):
                yield from _strings(one)


def _tells(call: ast.Call, bound: dict[str, set[str]]) -> bool:
    """Tell whether a call prints or logs."""
    match call.func:
        case ast.Name(id="print"):
            return {"print", "*"}.isdisjoint(bound) and all(
                keyword.arg in {"sep", "end", "flush"} or _is_stream(keyword, bound)
                for keyword in call.keywords
            )
        case ast.Attribute(value=ast.Name(id="warnings"), attr="warn"):
            return bound.get("warnings") == {"warnings"}
        case ast.Attribute(value=ast.Name(id="logging"), attr=attr):
            return attr in LOG_METHODS and bound.get("logging") == {"logging"}
        case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in LOGGERS:
            return attr in LOG_METHODS
        case ast.Attribute(value=stream, attr="write"):
            return _is_standard(stream, bound)
    return False


def _is_stream(keyword: ast.keyword, bound: dict[str, set[str]]) -> bool:
    # Printing into a file writes an output.
    return keyword.arg == "file" and _is_standard(keyword.value, bound)


def _is_standard(node: ast.expr, bound: dict[str, set[str]]) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr=attr):
            return attr in STREAMS and bound.get("sys") == {"sys"}
    return False


def _bound(nodes: list[ast.AST]) -> dict[str, set[str]]:
    """Return the names that a module binds anywhere, each with the modules that it stands for."""
    bound: dict[str, set[str]] = {}
    for node in nodes:
        match node:
            case ast.alias(name=name, asname=alias):
                bound.setdefault(alias or name.partition(".")[0], set()).add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                bound.setdefault(name, set()).add("")
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                bound.setdefault(name, set()).add("")
    return bound


def parts(source: str) -> dict[str, str]:
    """Return the hash of each function, method, class body and assignment of a module by its name.

    What has no name, such as imports, goes by `the rest of the module`.
    """
    return parts_of(ast.parse(source).body)


def parts_of(statements: list[ast.stmt], words: Collection[int] = ()) -> dict[str, str]:
    """Return the hash of each part of some statements by its name, see `parts`."""
    trees: dict[str, list[object]] = {}
    for node in statements:
        if isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, FUNCTIONS)]
            for method in methods:
                trees.setdefault(f"{node.name}.{method.name}", []).append(_plain(method, words))
            fields = dict(ast.iter_fields(node))
            fields["body"] = [n for n in node.body if n not in methods]
            trees.setdefault(f"class {node.name}", []).append(_plain(ast.ClassDef(**fields), words))
        elif not is_docstring(node):
            trees.setdefault(_name(node), []).append(_plain(node, words))
    return {name: json_sha256(several) for name, several in trees.items()}


def _name(node: ast.AST) -> str:
    if isinstance(node, FUNCTIONS):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return ", ".join(names) or "the rest of the module"
