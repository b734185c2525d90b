"""What the import of a module may do besides defining names: a definition that does so counts.

A definition is taken to only define where everything that its import executes (decorators,
default values, annotations, bases, class bodies, assigned values) is made of operators,
attributes and these calls:

- of well-known makers of values, decorators and bases outside the package, listed here;
- of a class of the package that neither it nor a base gives an `__init__`, `__post_init__`,
  validator or the like (a plain dataclass, NamedTuple, enumeration, pydantic model): making one
  stores values. So `PARAMETER = Parameter("E", "level")` counts only where it is named.

A call of a function or method of the package counts always, as it may change what others see.
"""

import ast
import builtins
import fnmatch
from collections.abc import Iterator

from scaletrace.jobs.sources import DEFINITIONS, Module, Sources, Statement, stored

MAKERS = [
    *(f"builtins.{name}" for name in ("frozenset", "tuple", "dict", "list", "set", "range")),
    *(f"builtins.{name}" for name in ("int", "float", "str", "bool", "bytes", "len", "max")),
    *(f"builtins.{name}" for name in ("min", "sum", "sorted", "abs", "round", "zip", "slice")),
    *(f"builtins.{name}" for name in ("enumerate", "reversed", "object", "complex", "isinstance")),
    *("pathlib.*", "re.compile", "re.escape", "typing.*", "collections.*", "math.*", "enum.*"),
    *("dataclasses.field", "functools.partial", "types.MappingProxyType", "struct.Struct"),
    *("struct.calcsize", "pydantic.Field", "pydantic.ConfigDict", "pydantic.*Validator"),
    *("pydantic.StringConstraints", "pydantic.Discriminator", "pydantic.Tag"),
    *(f"numpy.{name}" for name in ("array", "asarray", "arange", "linspace", "logspace", "dtype")),
    *(f"numpy.{name}" for name in ("log", "log2", "log10", "exp", "sqrt", "finfo", "iinfo")),
    *(f"numpy.{name}" for name in ("float*", "int[0-9]*", "uint*", "zeros", "ones", "full")),
]
DECORATORS = [
    *("dataclasses.dataclass", "functools.cache", "functools.lru_cache", "typing.*"),
    *("functools.cached_property", "contextlib.contextmanager", "builtins.staticmethod"),
    *("builtins.classmethod", "builtins.property", "abc.abstractmethod", "torch.no_grad"),
    *("pydantic.field_validator", "pydantic.model_validator"),
]
BASES = [
    *("builtins.*", "typing.*", "abc.ABC", "enum.*", "pydantic.BaseModel", "torch.nn.Module"),
    *("torch.autograd.Function", "torch.utils.data.Dataset", "yaml.SafeLoader"),
]
# Methods that run where an instance is made.
MAKING = {
    *("__init__", "__new__", "__post_init__", "model_post_init", "__setattr__", "__missing__"),
    *("__getattribute__", "__getattr__", "_missing_", "_generate_next_value_", "__set__"),
}
VALIDATORS = {"field_validator", "model_validator", "validator", "root_validator"}
# Methods that run where a class is made, of this one's bases or of what stands in its body.
INHERITED = {"__init_subclass__", "__pydantic_init_subclass__"}
HOOKS = {
    *("__set_name__", "__class_getitem__", "__mro_entries__", "__prepare__"),
    *("__get_pydantic_core_schema__", "__get_pydantic_json_schema__", "__instancecheck__"),
}
# `__all__` matters to `import *` alone, which takes everything.
NOT_SPECIAL = {"__all__", "__version__", "__author__"}

Definition = tuple[Module, Statement]


def only_defines(statement: Statement, module: Module, sources: Sources) -> bool:
    """Tell whether importing a module does no more by a statement than define its names."""
    if not statement.names or any(_is_special(name) for name in statement.names):
        return False
    return _Reader(module, sources)._defines(statement.node)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in NOT_SPECIAL


class _Reader:
    """What the names in one module stand for."""

    def __init__(
        self, module: Module, sources: Sources, inside: frozenset[str] = frozenset()
    ) -> None:
        # `inside` are the names of the class body that is read.
        self.module, self.sources, self.inside = module, sources, inside

    def _defines(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            executed = [
                *(arguments.defaults + arguments.kw_defaults),
                *(one.annotation for one in _parameters(arguments)),
                node.returns,
            ]
            return all(map(self._decorates, node.decorator_list)) and self._pure(*executed)
        if isinstance(node, ast.ClassDef):
            return self._defines_class(node)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            return self._pure(node.value, getattr(node, "annotation", None)) and all(
                isinstance(target, ast.Name | ast.Tuple) for target in _targets(node)
            )
        # The value of a type alias is not executed.
        return type(node).__name__ == "TypeAlias"

    def _defines_class(self, node: ast.ClassDef) -> bool:
        if any(word.arg in {"metaclass", None} for word in node.keywords):
            return False
        methods = _methods(node)
        body = _Reader(self.module, self.sources, self.inside | stored(node) - {node.name})
        return (
            all(map(self._decorates, node.decorator_list))
            and all(self._is_plain_base(base, methods) for base in node.bases)
            and self._pure(*(word.value for word in node.keywords))
            and all(
                isinstance(one, ast.Pass)
                or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
                or body._defines(one)
                for one in node.body
            )
        )

    def _is_plain_base(self, base: ast.expr, methods: set[str]) -> bool:
        if isinstance(base, ast.Subscript):
            return self._is_plain_base(base.value, methods) and self._pure(base.slice)
        meant = self.resolved(base)
        if isinstance(meant, str):
            is_enumeration = meant.startswith("enum.") and not methods.isdisjoint(MAKING)
            return _is_in(meant, BASES) and not is_enumeration
        if meant is None:
            return False
        module, statement = meant
        if not isinstance(statement.node, ast.ClassDef):
            return False
        reader = _Reader(module, self.sources)
        return (
            _methods(statement.node).isdisjoint(INHERITED | HOOKS)
            and not any(word.arg in {"metaclass", None} for word in statement.node.keywords)
            and all(reader._is_plain_base(one, methods) for one in statement.node.bases)
        )

    def _decorates(self, decorator: ast.expr) -> bool:
        match decorator:
            case ast.Attribute(value=ast.Name(id=name), attr="setter" | "getter" | "deleter"):
                # A property's, in the body of a class.
                return name in self.inside
        if isinstance(decorator, ast.Call):
            words = [*decorator.args, *(word.value for word in decorator.keywords)]
            return self._decorates(decorator.func) and self._pure(*words)
        meant = self.resolved(decorator)
        return isinstance(meant, str) and _is_in(meant, DECORATORS)

    def _pure(self, *expressions: ast.expr | None) -> bool:
        return all(
            self._is_plain(node)
            for expression in expressions
            if expression is not None
            for node in _executed(expression)
        )

    def _is_plain(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Name | ast.Attribute):
            meant = self.resolved(node)
            if isinstance(meant, tuple) and isinstance(meant[1].node, ast.ClassDef):
                return HOOKS.isdisjoint(_methods(meant[1].node))
            return True
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        return not isinstance(node, ast.Call) or self._makes(node)

    def _makes(self, call: ast.Call) -> bool:
        """Tell whether a call does no more than make a value."""
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Constant):
            return True
        meant = self.resolved(call.func)
        if isinstance(meant, str):
            # A key is a function that is called.
            return _is_in(meant, MAKERS) and not any(word.arg == "key" for word in call.keywords)
        return meant is not None and self._stores(*meant)

    def _stores(self, module: Module, statement: Statement) -> bool:
        """Tell whether making an instance of a class of the package executes none of its code."""
        node = statement.node
        reader = _Reader(module, self.sources)
        if not isinstance(node, ast.ClassDef) or not all(
            map(reader._decorates, node.decorator_list)
        ):
            return False
        for part in ast.walk(node):
            if isinstance(part, DEFINITIONS) and part.name in MAKING:
                return False
            match part:
                case ast.keyword(arg="metaclass"):
                    return False
                case ast.keyword(arg="default_factory", value=factory):
                    if not isinstance(reader.resolved(factory), str):
                        return False
            if isinstance(part, ast.Name | ast.Attribute):
                name = part.id if isinstance(part, ast.Name) else part.attr
                if name in VALIDATORS or name.endswith("Validator"):
                    return False
        for base in node.bases:
            while isinstance(base, ast.Subscript):
                base = base.value
            meant = reader.resolved(base)
            if meant is None or (isinstance(meant, str) and not _is_in(meant, BASES)):
                return False
            if not isinstance(meant, str) and not reader._stores(*meant):
                return False
        return True

    def resolved(self, node: ast.AST) -> str | Definition | None:
        """Return what a name stands for: a dotted name outside the package or a definition in it.

        None where that is not certain.
        """
        match node:
            case ast.Name(id=name):
                return self._named(name, ())
            case ast.Attribute(value=ast.Name() | ast.Attribute() as value, attr=attr):
                module = self._module_named(value)
                if module is not None:
                    return _Reader(module, self.sources)._named(attr, ())
                outer = self.resolved(value)
                return f"{outer}.{attr}" if isinstance(outer, str) else None
        return None

    def _module_named(self, node: ast.expr) -> Module | None:
        """Return the module of the package that a name stands for."""
        if not isinstance(node, ast.Name):
            return None
        module, name = self.module, node.id
        ones = module.imported.get(name, [])
        if name in module.definitions or name in module.otherwise_bound | self.inside:
            return None
        if len(ones) != 1 or not ones[0].thing:
            return None
        return self.sources.module(ones[0].dotted)

    def _named(self, name: str, passed: tuple[str, ...]) -> str | Definition | None:
        module = self.module
        if name in module.otherwise_bound | self.inside or module.name in passed:
            return None
        defined, ones = module.definitions.get(name, []), module.imported.get(name, [])
        if not defined and ones and not any(one.thing for one in ones):
            # `import a` and `import a.b` both bind a.
            return None if ones[0].is_ours else name
        if len(defined) + len(ones) > 1:
            return None
        if defined:
            return module, defined[0]
        if ones:
            one = ones[0]
            if not one.is_ours:
                return one.dotted
            source = self.sources.module(one.source)
            if source is None:
                return None
            return _Reader(source, self.sources)._named(one.thing, (*passed, module.name))
        if module.stars or not hasattr(builtins, name):
            return None
        return f"builtins.{name}"


def _is_in(name: str, patterns: list[str]) -> bool:
    return any(
        name.count(".") == pattern.count(".") and fnmatch.fnmatchcase(name, pattern)
        for pattern in patterns
    )


def _methods(node: ast.ClassDef) -> set[str]:
    return {one.name for one in node.body if isinstance(one, DEFINITIONS)}


def _parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    yield from (one for one in (arguments.vararg, arguments.kwarg) if one is not None)


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _executed(expression: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of an expression without the bodies of its functions, which do not run."""
    yield expression
    if isinstance(expression, ast.Lambda):
        for default in (*expression.args.defaults, *expression.args.kw_defaults):
            if default is not None:
                yield from _executed(default)
        return
    for child in ast.iter_child_nodes(expression):
        yield from _executed(child)
