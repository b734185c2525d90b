import ast
import importlib.metadata
import warnings
from pathlib import Path

import pytest

from scaletrace.text.docstrings import clean, docstrings

LONG = "word " * 50


def parsed(source: bytes) -> list[tuple[str, str]]:
    """Find the docstrings by a full parse: what `docstrings` must find without one."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source, feature_version=(3, 11))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str(text))) as first, *_]:
                    if len(clean(text)) > 200:
                        name = getattr(node, "name", "")
                        found.append((first.lineno, name, clean(text)))
    return [(name, text) for _, name, text in sorted(found)]


@pytest.mark.parametrize("package", ["networkx", "numpy"])
def test_finds_what_a_full_parse_finds(package):
    count = 0
    for file in importlib.metadata.files(package) or []:
        if file.suffix == ".py" and "tests" not in file.parts:
            source = Path(str(file.locate())).read_bytes()
            expected = parsed(source)
            assert docstrings(source, 200) == expected, file
            count += len(expected)
    assert count > 1000


@pytest.mark.parametrize(
    "source",
    [
        f'"""{LONG}"""\n',
        f"# -*- coding: utf-8 -*-\n\n# comment \"\n'''{LONG}'''\n",
        f'def f(a=":", *, b="""x"""): # it\'s\n    # "quote\n\n    r"""\\d {LONG}"""  # end\n',
        f'class A:\n    """{LONG}"""\n\n    async def f(\n        self,\n    ) -> "A":\n'
        f"        u'''{LONG}'''\n        return self\n",
        f'def f():\n    def g():\n        """{LONG}"""\n    return g\n',
        f'if True:\n    class A:\n        """{LONG}"""; x = 1\n',
        f'def f():\n\t"""{LONG}\n\n\t\tindented \\\n\tline"""\n',
        f'def f():\n    """{LONG} \\""" \' # \\\\"""\n',
        f'def f():\r\n    """{LONG}\r\n    more\r\n    """\r\n',
        f'def é():\n    """déjà vu {LONG}"""\n',
    ],
)
def test_finds_every_form(source):
    found = docstrings(source.encode(), 200)
    assert found
    assert found == parsed(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        f'x = 1\n"""{LONG}"""\n',
        f'x = """{LONG}"""\n',
        f'def f():\n    return """{LONG}"""\n',
        f'def f():\n    if True:\n        """{LONG}"""\n',
        f'def f():\n    f"""{LONG}"""\n',
        f'def f():\n    b"""{LONG}"""\n',
        f'def f():\n    """{LONG}""" % 1\n',
        f'def f():\n    """{LONG}""".strip()\n',
        f'def f():\n    x = {{"a":\n    """{LONG}"""\n    }}\n',
        f'f(\n    """{LONG}"""\n)\n',
        f'def f(a=\n    """{LONG}"""\n): pass\n',
        f'x = \'def f():\\n    """{LONG}"""\'\n',
        f'# def f():\n# """{LONG}"""\n',
        'def f():\n    """short"""\n',
    ],
)
def test_finds_nothing_else(source):
    assert parsed(source.encode()) == []
    assert docstrings(source.encode(), 200) == []


def test_syntax_newer_than_the_oldest_python_is_left_out_everywhere():
    source = f'def f[T](x: T):\n    """{LONG}"""\n\n\ndef g():\n    """other {LONG}"""\n'
    assert [docstring.name for docstring in docstrings(source.encode(), 200)] == ["g"]


def test_source_that_is_no_utf8_has_no_docstring():
    assert docstrings(f'def f():\n    """{LONG}\xe9"""\n'.encode("latin-1"), 200) == []


def test_invalid_escapes_warn_nobody():
    assert docstrings(f'"""\\d {LONG}"""\n'.encode(), 200)[0].text.startswith("\\d word")


def test_clean():
    assert clean("  One.\n\n      Two\n        three.  \n      \tfour\n    ") == (
        "One.\n\nTwo\n  three.\n  four"
    )
    assert clean("\ud800lone") == "lone"
