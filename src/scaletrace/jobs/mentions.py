"""What a statement names."""

import ast
import re
from collections.abc import Collection

from scaletrace.jobs import meaning
from scaletrace.jobs.imports import Import, imported

# Who names one of these may reach a definition whose name stands nowhere.
BY_ANY_NAME = {"globals", "locals", "eval", "exec", "__import__"}
LOOK_UPS = {"__subclasses__", "getmembers", "getmembers_static", "resolve_name"}
CAPTURES = {"redirect_stdout", "redirect_stderr", "__stdout__", "__stderr__"}


class Mentions(ast.NodeVisitor):
    """What a statement names.

    Attributes:
        own: plain names, which are looked up in the statement's module.
        any: attributes and strings, which may be looked up in every module.
        imports: what it imports inside.
        by_any_name: whether it may reach what it does not name.
        captures: whether it redirects what is printed.
    """

    def __init__(
        self, statement: ast.AST, package: str, words: Collection[int], modules: Collection[str]
    ) -> None:
        """Read a statement.

        Args:
            statement: its tree.
            package: the package that its relative imports start from.
            words: see `meaning.wording`.
            modules: names that may stand for a module of the package.
        """
        self.own: set[str] = set()
        self.any: set[str] = set()
        self.imports: set[Import] = set()
        self.by_any_name = self.captures = False
        self._package, self._words, self._modules = package, words, modules
        self.visit(statement)
        self.captures |= not CAPTURES.isdisjoint(self.own | self.any)

    def visit(self, node: ast.AST) -> None:
        """Note what a node names, and go on to what is in it."""
        if meaning.is_docstring(node):
            return
        if id(node) in self._words:
            for part in meaning.computed(node):
                self.visit(part)
            return
        match node:
            case ast.Name(id=name):
                self.own.add(name)
                self.by_any_name |= name in BY_ANY_NAME | LOOK_UPS
            case ast.Attribute(value=value, attr=name, ctx=context):
                self.any.add(name)
                self.captures |= name in meaning.STREAMS and isinstance(context, ast.Store)
                self.by_any_name |= (
                    name in LOOK_UPS
                    # A model's `eval` is no evaluation of text.
                    or (name in BY_ANY_NAME and _is_name(value, "builtins"))
                    or (name == "modules" and _is_name(value, "sys"))
                    or (name == "__dict__" and self._may_be_module(value))
                )
            case ast.Constant(value=str() as text):
                if re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", text):
                    self.any.update(text.split("."))
            case ast.Import() | ast.ImportFrom():
                self.imports.update(imported(node, self._package))
            case ast.Global(names=names):
                self.own.update(names)
            case ast.MatchClass(kwd_attrs=names):
                self.any.update(names)
            case ast.Call():
                self._call(node)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if annotation is not None:
                self._annotation(annotation)
        self.generic_visit(node)

    def _annotation(self, annotation: ast.AST) -> None:
        # Names in quoted annotations are looked up by what reads them, such as pydantic.
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.own.update(re.findall(r"[^\W\d]\w*", node.value))

    def _call(self, call: ast.Call) -> None:
        match call:
            case ast.Call(func=ast.Name(id="vars" | "dir"), args=[]):
                self.by_any_name = True
            case ast.Call(func=ast.Name(id="vars" | "dir"), args=[thing]):
                self.by_any_name |= self._may_be_module(thing)
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "delattr" | "hasattr"),
                args=[thing, name, *_],
            ):
                computed = not isinstance(name, ast.Constant)
                self.by_any_name |= computed and self._may_be_module(thing)
            case ast.Call(
                func=ast.Name(id="attrgetter" | "methodcaller")
                | ast.Attribute(attr="attrgetter" | "methodcaller"),
                args=names,
            ):
                self.by_any_name |= not all(isinstance(name, ast.Constant) for name in names)

    def _may_be_module(self, node: ast.AST) -> bool:
        return loads(node) or (isinstance(node, ast.Name) and node.id in self._modules)


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def loads(node: ast.AST) -> bool:
    """Tell whether an expression may give a module that is loaded by its name."""
    return any(
        isinstance(part, ast.Name | ast.Attribute)
        and (part.id if isinstance(part, ast.Name) else part.attr) == "import_module"
        for part in ast.walk(node)
    )
