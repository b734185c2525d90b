"""What a statement names."""

import ast

import pytest

from scaletrace.jobs.imports import Import
from scaletrace.jobs.mentions import Mentions, loads


def mentions(text, modules=(), words=()):
    (node,) = ast.parse(text).body
    return Mentions(node, "p", words, modules)


def test_names_attributes_and_strings():
    found = mentions("x = f(a.b, 'c.d', 'no name', 3, key=e)")
    assert found.own == {"x", "f", "a", "e"}
    assert found.any == {"b", "c", "d"}


def test_a_docstring_is_no_mention():
    assert mentions("def f():\n    'one'\n    return 'two'").any == {"two"}


def test_imports_inside():
    found = mentions("def f():\n    from .q import r as s")
    assert found.imports == {Import("s", "p.q", "r")}


def test_quoted_annotations_are_looked_up_in_the_module():
    found = mentions("def f(x: 'Thing | Other') -> 'list[Made]':\n    pass")
    assert {"Thing", "Other", "Made"} <= found.own


def test_patterns_and_global_names():
    assert mentions("match a:\n    case B(c=1):\n        pass").any == {"c"}
    assert mentions("def f():\n    global g").own == {"g"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("globals()['f']", True),
        ("eval('f')", True),
        ("model.eval()", False),
        ("builtins.eval('f')", True),
        ("sys.modules[name]", True),
        ("mod.__dict__", True),
        ("one.__dict__", False),
        ("Base.__subclasses__()", True),
        ("vars()", True),
        ("vars(mod)", True),
        ("vars(one)", False),
        ("getattr(mod, name)", True),
        ("getattr(mod, 'f')", False),
        ("getattr(one, name)", False),
        ("attrgetter(name)", True),
        ("operator.attrgetter('f')", False),
        ("getattr(import_module(x), name)", True),
    ],
)
def test_who_may_reach_what_it_does_not_name(text, answer):
    assert mentions(text, modules={"mod"}).by_any_name == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("with redirect_stdout(x): pass", True),
        ("sys.stdout = x", True),
        ("print(x, file=sys.stdout)", False),
    ],
)
def test_who_may_capture_what_is_printed(text, answer):
    assert mentions(text).captures == answer


def test_what_loads_a_module_by_its_name():
    for text, answer in (
        ("importlib.import_module(x)", True),
        ("import_module", True),
        ("f", False),
    ):
        assert loads(ast.parse(text, mode="eval").body) == answer
