"""What import statements bind."""

import ast

import pytest

from scaletrace.jobs.imports import Import, imported


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a", [("a", "a", "")]),
        ("import a.b", [("a", "a.b", "")]),
        ("import a.b as x", [("x", "a", "b")]),
        ("import a as x", [("x", "", "a")]),
        ("import a as a, b", [("a", "a", ""), ("b", "b", "")]),
        ("from a.b import c, d as e", [("c", "a.b", "c"), ("e", "a.b", "d")]),
        ("from a import *", [("*", "a", "*")]),
        ("from . import c", [("c", "p.q", "c")]),
        ("from .c import d", [("d", "p.q.c", "d")]),
        ("from ..c import d", [("d", "p.c", "d")]),
        ("from .. import d", [("d", "p", "d")]),
        ("from __future__ import annotations", []),
        ("a = 1", []),
    ],
)
def test_names_that_a_statement_binds(text, found):
    (node,) = ast.parse(text).body
    assert list(imported(node, "p.q")) == [Import(*one) for one in found]


@pytest.mark.parametrize(
    ("one", "dotted", "ours"),
    [
        (Import("x", "scaletrace.laws", "power"), "scaletrace.laws.power", True),
        (Import("scaletrace", "scaletrace.laws"), "scaletrace.laws", True),
        (Import("x", "", "numpy"), "numpy", False),
        (Import("x", "scaletrace_more", "y"), "scaletrace_more.y", False),
    ],
)
def test_the_whole_name_of_what_is_imported(one, dotted, ours):
    assert (one.dotted, one.is_ours) == (dotted, ours)
