"""What a stage's code means: a hash over the syntax trees of every module that it imports."""

import ast
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaletrace.models import families

PACKAGE = "scaletrace"
ROOT = Path(__file__).parents[1]


def _module_file(module: str, root: Path) -> Path | None:
    base = root.joinpath(*module.split(".")[1:])
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _imported(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    """Yield the names of package modules (or of things in them) that a tree imports."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, node.module] if node.module else above)
            else:
                base = node.module or ""
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_nothing(node: object) -> bool:
    # Python 3.12 puts empty strings between the parts of an f-string.
    return isinstance(node, ast.Constant) and node.value == ""


def _plain(node: object) -> object:
    """Turn a syntax tree into JSON that every Python version writes alike.

    Positions, comments and docstrings are left out. So are empty fields, because newer versions
    add some (type parameters) to old kinds of node.
    """
    if isinstance(node, ast.AST):
        fields: dict[str, object] = {}
        for name, value in ast.iter_fields(node):
            # `kind` tells u"x" from "x", `ctx` follows from the place: neither means anything.
            if name in {"kind", "ctx", "type_comment"} or value is None or value == []:
                continue
            fields[name] = (
                [_plain(item) for item in value if not _is_docstring(item)]
                if isinstance(value, list)
                else _plain(value)
            )
        if isinstance(node, ast.Constant):
            fields = {"value": [type(node.value).__name__, repr(node.value).encode().hex()]}
            if isinstance(node.value, str):
                fields = {"value": ["str", node.value]}
        if isinstance(node, ast.JoinedStr):
            parts = [_plain(part) for part in node.values if not _is_nothing(part)]
            fields = {"values": parts}
        return [type(node).__name__, fields]
    return node


def meaning(source: str) -> str:
    """Return the hash of one module's syntax tree, given its text."""
    text = json.dumps(
        _plain(ast.parse(source)), ensure_ascii=True, separators=(",", ":"), sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def parts(source: str) -> dict[str, str]:
    """Return the hash of each function, method, class body and assignment of a module by its name.

    What has no name, such as imports, goes by `the rest of the module`.
    """
    found: dict[str, list[ast.AST]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            methods = [
                n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            for method in methods:
                found.setdefault(f"{node.name}.{method.name}", []).append(method)
            node.body = [n for n in node.body if n not in methods]
            found.setdefault(f"class {node.name}", []).append(node)
        elif not _is_docstring(node):
            found.setdefault(_name(node), []).append(node)
    return {
        name: hashlib.sha256(json.dumps([_plain(n) for n in nodes]).encode()).hexdigest()
        for name, nodes in found.items()
    }


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return ", ".join(names) or "the rest of the module"


def combined(modules: dict[str, str]) -> str:
    """Return the fingerprint of code that consists of these modules."""
    return hashlib.sha256(json.dumps(modules, sort_keys=True).encode()).hexdigest()


@functools.cache
def _module(module: str, root: Path) -> tuple[str, tuple[str, ...]]:
    """Return the hash of one module and the package modules that it imports."""
    path = _module_file(module, root)
    if path is None:
        raise ModuleNotFoundError(f"{module} is no module of the package")
    source = path.read_text(encoding="utf-8")
    found: set[str] = set()
    for name in _imported(ast.parse(source), module, path.name == "__init__.py"):
        parts = name.split(".")
        if parts[0] == PACKAGE:
            # Importing a.b.c runs a and a.b first.
            found.update(".".join(parts[: n + 1]) for n in range(len(parts)))
    imports = tuple(sorted(name for name in found if _module_file(name, root)))
    return meaning(source), imports


def family(settings: dict[str, Any]) -> str | None:
    """Return the model family that a job's settings ask for; None where it has no model."""
    model = settings.get("model")
    return model.get("family") if isinstance(model, dict) else None


def modules(stage: str, family: str | None = None, root: Path = ROOT) -> dict[str, str]:
    """Return the package modules that a stage imports, transitively, each with its hash.

    Args:
        stage: name of a module (or package) under `stages/`.
        family: name of the model family in use, whose module no stage imports by itself.
        root: folder of the package's sources.
    """
    start = f"{PACKAGE}.stages.{stage}"
    waiting, found = [PACKAGE, f"{PACKAGE}.stages", start], {}
    if family in families.MODULES:
        waiting.append(families.MODULES[family])
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found[module], imports = _module(module, root)
        waiting.extend(imports)
    return dict(sorted(found.items()))


def fingerprint(stage: str, family: str | None = None, root: Path = ROOT) -> str:
    """Return the hash of a stage's code: equal as long as the code means the same.

    Comments, docstrings and formatting do not count; every module of the package that the stage
    imports, directly or not, does, and that of the model family in use.
    """
    return combined(modules(stage, family, root))


def forget() -> None:
    """Read the sources anew at the next call: they may have been edited meanwhile."""
    _module.cache_clear()
