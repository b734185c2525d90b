"""What the import of a module may do besides defining names."""

import pytest

from scaletrace.jobs import at_import
from scaletrace.jobs.sources import Sources

PLAIN = "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Plain:\n    x: int\n"
CODED = (
    "@dataclass\nclass Coded:\n    x: int\n\n    def __post_init__(self):\n        print(self)\n"
)
HEAD = (
    "import re\nfrom dataclasses import dataclass, field\nfrom enum import Enum\n"
    "from functools import cache\nfrom pathlib import Path\nimport registry\n"
    "from scaletrace.parts import Coded, Plain, made\n"
)


def only_defines(text):
    """Whether importing the last statement of a text does no more than define."""
    parts = f"{PLAIN}\n\n{CODED}\n\ndef made():\n    return 1\n"
    sources = Sources({"one.py": HEAD + text, "parts.py": parts}.get)
    module = sources.module("scaletrace.one")
    assert module is not None
    return at_import.only_defines(module.statements[-1], module, sources)


@pytest.mark.parametrize(
    "text",
    [
        "A = 1 + 2",
        "A, B = 'x'.join(['a']), {1: 2}",
        "A = Path('a') / 'b'",
        "A = re.compile('x')",
        "A = Plain(3)",
        "A = sorted([2, 1])",
        "A = lambda: print(1)",
        "__all__ = ['x']",
        "def f(x=frozenset()):\n    print(x)",
        "@cache\ndef f():\n    pass",
        "class K(Plain):\n    y: int = field(default=2)",
        "class K(Enum):\n    A = 1",
        "class K:\n    @property\n    def f(self): pass\n    @f.setter\n    def f(self, x): pass",
    ],
)
def test_what_only_defines(text):
    assert only_defines(text)


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "A = made()",
        "A = Coded(3)",
        "A = open('x')",
        "A = sorted([2, 1], key=made)",
        "A = [x := 3]",
        "A = registry.add(3)",
        "__getattr__ = made",
        "def f(x=made()):\n    pass",
        "@registry.add\ndef f():\n    pass",
        "def f() -> made():\n    pass",
        "class K(registry.Base):\n    pass",
        "class K(metaclass=made):\n    pass",
        "class K:\n    A = made()",
        "class K:\n    print(1)",
        "Path = made()\nA = Path('a')",
        "for i in range(3):\n    A = i",
    ],
)
def test_what_may_do_more(text):
    assert not only_defines(text)
