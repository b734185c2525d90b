"""The package's modules in one state of its files."""

import pytest

from scaletrace.jobs.imports import Import
from scaletrace.jobs.sources import Module, Sources, parse

TEXT = '''"""What it is for."""

import os
from typing import TYPE_CHECKING

from scaletrace import errors

if TYPE_CHECKING:
    from scaletrace.hidden import Hidden

A, B = 1, 2
C: int = 3
THING.part = 4


def f():
    from scaletrace.laws import power


class K:
    pass


for i in range(3):
    D = i
'''


def test_statements_with_what_they_define():
    module = Module("scaletrace.one", False, TEXT)
    assert [one.names for one in module.statements] == [
        ("A", "B"),
        ("C",),
        (),
        ("f",),
        ("K",),
        (),
    ]
    assert module.definitions.keys() == {"A", "B", "C", "f", "K"}
    # What is bound otherwise is not looked into.
    assert module.otherwise_bound == {"i", "D"}
    assert module.package == "scaletrace"
    assert Module("scaletrace.laws", True, "").package == "scaletrace.laws"


def test_what_it_imports_at_its_top_and_anywhere():
    module = Module("scaletrace.one", False, TEXT)
    assert module.imported["errors"] == [Import("errors", "scaletrace", "errors")]
    assert module.loads == {
        *("scaletrace", "scaletrace.errors"),
        *("scaletrace.laws", "scaletrace.laws.power"),
    }
    assert module.holds_modules == {"errors", "power"}
    assert Module("scaletrace.one", False, "from scaletrace.laws import *").stars == {
        "scaletrace.laws"
    }


def test_type_checking_of_ones_own_hides_nothing():
    text = "TYPE_CHECKING = True\nif TYPE_CHECKING:\n    from scaletrace import errors\n"
    assert "scaletrace.errors" in Module("scaletrace.one", False, text).loads


def test_the_hash_of_a_statement_is_its_meaning():
    texts = (
        "def f():\n    return 1",
        'def f():\n    """Do."""\n    return (1)',
        "def f(): return 2",
    )
    (a,), (b,), (c,) = (Module("scaletrace.x", False, text).statements for text in texts)
    assert a.hash == b.hash != c.hash


@pytest.fixture
def sources():
    return Sources(
        {
            "__init__.py": "",
            "stages/__init__.py": "",
            "stages/one.py": "from scaletrace.laws import power\n",
            "laws/__init__.py": "import scaletrace.errors\n",
            "laws/power.py": "import numpy\n",
            "errors.py": "",
            "other.py": "",
        }.get
    )


def test_importing_a_module_imports_what_is_above_it(sources):
    assert list(sources.closure(["scaletrace.stages.one"])) == [
        *("scaletrace", "scaletrace.errors", "scaletrace.laws", "scaletrace.laws.power"),
        *("scaletrace.stages", "scaletrace.stages.one"),
    ]
    with pytest.raises(ModuleNotFoundError, match=r"scaletrace\.gone is no module of the package"):
        sources.closure(["scaletrace.gone"])


def test_modules_by_their_names(sources):
    assert sources.module("scaletrace.errors").name == "scaletrace.errors"
    assert sources.module("scaletrace.laws").package == "scaletrace.laws"
    assert sources.module("numpy") is sources.module("scaletrace.gone") is None
    assert parse("scaletrace.errors", False, "") is sources.module("scaletrace.errors")
