"""What counts in small written packages, rule by rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.written_package import KINDS, counted, hash_of

FAR = "from scaletrace.text.farther import X\ndef used(): return X\ndef unused(): return 1\n"


@pytest.mark.parametrize(
    "run",
    [
        "from scaletrace.text import far\ndef run(): far.used()",
        "from scaletrace.text.far import used\ndef run(): used()",
        "from scaletrace.text.far import used as other\ndef run(): other()",
        "import scaletrace.text.far\ndef run(): scaletrace.text.far.used()",
        "import scaletrace.text.far as f\ndef run(): f.used()",
        "from ..text import far\ndef run(): far.used()",
        "from ..text.far import used\ndef run(): used()",
        "def run():\n    from scaletrace.text.far import used\n    return used()",
        "from scaletrace.text import far\ndef run(): getattr(far, 'used')()",
        "from scaletrace.text import far\ndef run(): return [far][0].used",
    ],
)
def test_every_way_to_a_definition_is_followed(run):
    found = counted(run, text__far=FAR, text__farther="X = 1\nY = 2")
    assert found == {"stages.one": ["run"], "text.far": ["used"], "text.farther": ["X"]}


def test_a_name_is_followed_through_those_that_hand_it_on():
    found = counted(
        "from scaletrace.text import shown\ndef run(): shown()",
        text="from scaletrace.text.far import used as shown",
        text__far="def used(): pass\ndef shown(): pass",
    )
    assert found["text.far"] == ["used"]


def test_a_plain_name_counts_in_its_module_alone():
    run = "from scaletrace.text import far\ndef helper(): pass\ndef run(): helper(); far.other()"
    assert counted(run, text__far="def helper(): pass\ndef other(): pass")["text.far"] == ["other"]


def test_a_keyword_is_no_mention():
    run = "from scaletrace.text import far\ndef run(): far.f(used=1)"
    assert counted(run, text__far="def used(): pass\ndef f(**more): pass")["text.far"] == ["f"]


@pytest.mark.parametrize("head", ["typing.TYPE_CHECKING", "TYPE_CHECKING"])
def test_what_is_imported_for_types_is_not_followed(head):
    run = (
        f"import typing\nfrom typing import TYPE_CHECKING\nif {head}:\n    from scaletrace.text"
        "import far\nelse:\n    from scaletrace.text import farther\ndef run(): farther.X"
    ).replace("textimport", "text import")
    found = counted(run, text__far="print('hello')", text__farther="X = 1")
    assert found == {"stages.one": ["run"], "text.farther": ["X"]}


def test_type_checking_by_another_meaning_is_no_exception():
    run = "TYPE_CHECKING = 1\nif TYPE_CHECKING:\n    import scaletrace.text.far\ndef run(): ..."
    assert counted(run, text__far="f()")["text.far"] == ["a statement"]


def test_a_kind_counts_as_far_as_the_execution_names_it():
    kind = "def build(): return helper()\ndef helper(): ...\ndef costs(): ...\nKEYS = {'a': 1}"
    run = "import importlib\ndef run(name): importlib.import_module(name).build()"
    assert counted(run, KINDS, kinds__one=kind)["kinds.one"] == ["build", "helper"]
    with pytest.raises(ModuleNotFoundError):
        counted(run, ("scaletrace.kinds.two",), kinds__one=kind)


EVERYTHING = [
    "globals()",
    "vars()",
    "eval('1')",
    "exec('1')",
    "__import__('a')",
    "locals()",
    "Base.__subclasses__()",
    "getattr(far, name)",
    "vars(far)",
    "far.__dict__",
    "getattr(importlib.import_module(name), name)",
    "sys.modules[name]",
    "operator.attrgetter(name)",
]


@pytest.mark.parametrize("look_up", EVERYTHING)
def test_what_may_reach_all_counts_all(look_up):
    run = f"from scaletrace.text import far\ndef run(name): {look_up}"
    assert counted(run, text__far="def a(): ...\ndef b(): ...\n")["text.far"] == ["a", "b"]


@pytest.mark.parametrize("look_up", ["getattr(one, name)", "vars(one)", "model.eval()"])
def test_a_look_up_in_what_is_no_module_counts_nothing(look_up):
    run = f"from scaletrace.text import far\ndef run(name, one, model): {look_up}; far.a"
    assert counted(run, text__far="def a(): ...\ndef b(): ...\n")["text.far"] == ["a"]


def test_a_star_brings_everything():
    run = "from scaletrace.text.far import *\ndef run(): ..."
    assert counted(run, text__far="def a(): ...\nB = 1")["text.far"] == ["a", "B"]


ALWAYS = [
    "f()",
    "if x: y = 1",
    "for x in y: pass",
    "X += 1",
    "del x",
    "X['a'] = 1",
    "x.y = 1",
    "def __getattr__(name): ...",
    "@register\ndef f(): ...",
    "@register('a')\nclass A: ...",
    "class A(metaclass=M): ...",
    "class A:\n    f()",
    "class A(Unknown): ...",
    "def f(a=g()): ...",
    "def f(a: g()): ...",
    "class Base:\n    def __init_subclass__(cls): ...\nclass A(Base): ...",
    "from scaletrace.text.base import Base as B\nclass A(B): ...",
    "def g(): ...\nX = g()",
    "X = sorted([1], key=g)",
    "X = Path('a').mkdir()",
    "class P:\n    def __init__(self): ...\nX = P()",
    "class P:\n    def __init__(self): ...\nclass Q(P): ...\nX = Q()",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n"
    "    def __post_init__(self): ...\nX = P()",
    "from pydantic import BaseModel, field_validator\nclass P(BaseModel):\n"
    "    @field_validator('a')\n    def check(cls, a): ...\nX = P()",
    "from dataclasses import dataclass, field\ndef make(): ...\n@dataclass\nclass P:\n"
    "    a: int = field(default_factory=make)\nX = P()",
    "set = print\nX = set()",
    "class P:\n    def __set_name__(self, a, b): ...\nX = [P]",
]


@pytest.mark.parametrize("text", ALWAYS)
def test_what_does_something_when_it_is_imported_counts_always(text):
    modules = {"text__base": "class Base:\n    def __init_subclass__(cls): ..."}
    run = "import scaletrace.text.far\ndef run(): ..."
    assert "text.far" in counted(run, text__far=text, **modules)


ONLY_DEFINES = [
    "X = 1",
    "X: int = 1",
    "a, b = 1, 2",
    "X = frozenset({1}) | {2}",
    "from pathlib import Path\nX = Path(__file__).parents[1]",
    "import re\nX = re.compile('a')",
    "import numpy as np\nX = np.array([1.0])",
    "from typing import TypeVar\nT = TypeVar('T')",
    "X = lambda: g()",
    "@staticmethod\ndef f(a=1): return g()",
    "from functools import lru_cache\n@lru_cache(maxsize=2)\ndef f(): ...",
    "import contextlib\n@contextlib.contextmanager\ndef f(): ...",
    "import torch\n@torch.no_grad()\ndef f(): ...",
    "class A:\n    @property\n    def x(self): ...\n    @x.setter\n    def x(self, v): ...",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\nX = P(1)",
    "from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass P:\n    a: int\n"
    "    b: list = field(default_factory=list)\nX = P(1)",
    "from scaletrace.text.plain import P\nX = P(1)",
    "from scaletrace.text import plain\nX = plain.P(1)",
    "from pydantic import BaseModel, Field\nclass P(BaseModel):\n    a: int = Field(gt=0)\n"
    "X = P(a=1)",
    "import enum\nclass P(enum.Enum):\n    A = 1\nX = P(1)",
    "X = 'a b'.split()",
]


@pytest.mark.parametrize("text", ONLY_DEFINES)
def test_what_only_defines_counts_where_it_is_named(text):
    plain = "from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int"
    run = "import scaletrace.text.far\ndef run(): ..."
    assert counted(run, text__far=text, text__plain=plain) == {"stages.one": ["run"]}


def test_an_import_counts_by_what_it_brings_and_not_by_its_text():
    text = "{}\ndef run(): return used(1), np.pi"
    modules = {"text__far": "def used(x): ...", "text__other": "def used(x): ..."}

    def value(lines):
        return hash_of(text.format(lines), **modules)

    first = value("import numpy as np\nfrom scaletrace.text.far import used")
    assert value("from ..text.far import (used,)\nimport numpy as np\nimport json as np2") != first
    assert value("from ..text.far import (used,)\nimport numpy as np") == first
    assert value("import jax as np\nfrom scaletrace.text.far import used") != first
    both = "from scaletrace.text import far, other\ndef f(): far.used, other.used\n"
    modules["stages__two"] = "from scaletrace.text.far import used\nused = used"
    one, two = (
        hash_of(f"from scaletrace.text.{name} import used\n{both}def run(): used(f)", **modules)
        for name in ("far", "other")
    )
    assert one != two


def test_an_import_for_its_effect_counts():
    plain = "from __future__ import annotations\ndef run(): ..."
    assert hash_of(plain) == hash_of("def run(): ...")
    assert hash_of(f"{plain}\nimport readline") != hash_of(plain)


def test_an_order_of_definitions_that_matters_counts():
    one, two = "A = 1\nA = 2\ndef run(): A", "A = 2\nA = 1\ndef run(): A"
    assert hash_of(one) != hash_of(two)


NAMES = [f"f{n}" for n in range(8)]


@st.composite
def graphs(draw):
    """Who calls whom among functions in two modules."""
    return {name: draw(st.sets(st.sampled_from(NAMES), max_size=3)) for name in NAMES}


def package(graph, entries):
    def text(names):
        calls = ((name, ", ".join(f"m.{c}" for c in sorted(graph[name]))) for name in names)
        return "\n".join(f"def {name}(m): return ({said})" for name, said in calls)

    imports = "from scaletrace.text import near, far\n"
    run = f"{imports}def run(m): return [{', '.join(f'm.{name}' for name in sorted(entries))}]"
    return counted(run, text__near=text(NAMES[:4]), text__far=text(NAMES[4:]))


@given(graphs(), st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_more_calls_reach_no_less_and_exactly_what_is_called(graph, entries, caller, called):
    def reached(found):
        return {name for names in found.values() for name in names} - {"run"}

    expected, waiting = set(), list(entries)
    while waiting:
        name = waiting.pop()
        if name not in expected:
            expected.add(name)
            waiting += graph[name]
    before = reached(package(graph, entries))
    assert before == expected
    more = graph | {caller: graph[caller] | {called}}
    assert before <= reached(package(more, entries))
