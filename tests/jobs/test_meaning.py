"""What of a statement means something."""

import pytest

from scaletrace.jobs import meaning
from tests.jobs.written_package import hash_of

PAIRS = [
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = 'a'", "x = b'a'"),
    ("x = f'{a}'", "x = f'{a!r}'"),
    ("x = a - b", "x = b - a"),
    ("x = a + b", "x = a - b"),
    ("def f(a, *, b): ...\nf", "def f(a, b): ...\nf"),
    ("def f(a=None): ...\nf", "def f(a): ...\nf"),
    ("x = 'a' 'b'", "x = ['a', 'b']"),
    ("class A: x: int", "class A: x: float"),
    ("raise E('a')", "raise F('a')"),
    ("raise E(f'{a}')", "raise E(f'{b}')"),
    ("raise E(f'{a + 1}')", "raise E(f'{a + 2}')"),
    ("raise E(f'{a[\"b\"]}')", "raise E(f'{a[\"c\"]}')"),
    ("raise E(call('a'))", "raise E(call('b'))"),
    ("raise E(kind='a')", "raise E(kind='b')"),
    ("raise E('a')", "raise E('a') from None"),
    ("raise E('a')", "pass"),
    ("print(1)", "print(2)"),
    ("print('a', file=stream)", "print('b', file=stream)"),
    ("log.append('a')", "log.append('b')"),
    ("import logging\nlogging.getLogger('a')", "import logging\nlogging.getLogger('b')"),
    ("stream.write('a')", "stream.write('b')"),
    ("import sys\nsys.path.append('a')", "import sys\nsys.path.append('b')"),
    ("print = save\nprint('a')", "print = save\nprint('b')"),
    ("return_ = 'a'", "return_ = 'b'"),
    (
        "with redirect_stdout(x): print('a')",
        "with redirect_stdout(x): print('b')",
    ),
]
WORDING = [
    ("raise E('a')", "raise E('b c')"),
    ("raise E(f'a {x}')", "raise E(f'{x:>3} b')"),
    ("raise E('a ' + x)", "raise E('b ' + x)"),
    ("raise E('a %s' % x)", "raise E('b %s' % x)"),
    ("raise E('a {}'.format(x))", "raise E('b {}'.format(x))"),
    ("raise E(', '.join(x))", "raise E(' or '.join(x))"),
    ("raise E('a' if x else 'b')", "raise E('c' if x else 'd')"),
    ("raise E('a')", "raise E(f'b')"),
    ("print('a', x, flush=True)", "print('b', x, flush=True)"),
    ("print(f'{x:.1f} s', end='')", "print(f'{x:.2f} seconds', end='.')"),
    ("import sys\nprint('a', file=sys.stderr)", "import sys\nprint('b', file=sys.stderr)"),
    ("import sys\nsys.stderr.write('a')", "import sys\nsys.stderr.write('b')"),
    ("import warnings\nwarnings.warn('a')", "import warnings\nwarnings.warn('b')"),
    ("import logging\nlogging.info('a', x)", "import logging\nlogging.info('b', x)"),
    ("logger.warning('a')", "logger.warning('b')"),
    ("log.debug('helper')", "log.debug('run')"),
    ("x  =  (1)", "x = 1  # one"),
    ("def f():\n    '''Doc.'''\nf", "def f():\n    '''helper'''\nf"),
    ("x = u'a'", "x = 'a'"),
]


def both(pair):
    def text(lines):
        imports = [line for line in lines.split("\n") if line.startswith("import ")]
        rest = [line for line in lines.split("\n") if not line.startswith("import ")]
        body = "".join(f"    {line}\n" for line in rest)
        return "\n".join(imports) + f"\nhelper = 1\ndef run(x, a, b):\n{body}"

    return [hash_of(text(one)) for one in pair]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_different_meaning_gives_a_different_hash(pair):
    one, other = both(pair)
    assert one != other


@pytest.mark.parametrize("pair", WORDING)
def test_words_for_people_give_the_same_hash(pair):
    one, other = both(pair)
    assert one == other


TEXT = 'def f(a, *b, c=1, **d):\n    """Doc."""\n    return f"{a!r:>{c}} ü", [*b], {**d}\n'


def test_the_meaning_of_a_module_is_that_of_older_records():
    """Held by a known value: a Python that serialises a syntax tree otherwise fails here."""
    value = "517afd3dee31ce40b784188a4cb192818250a641be8b8dc3d1b9530eed9d2ee0"
    assert meaning.module_meaning(TEXT) == value


def test_the_hash_is_the_same_in_every_python():
    text = f"import numpy as np\n{TEXT}def run(x): raise E(f'a {{f(x)}} {{x:{{np.pi}}}}')\n"
    assert hash_of(text) == ("b9041b1bde8b6c05115e5c7460156fdc6a79b67b474740edef5464f3e30b2960")


def test_parts_are_named():
    text = "import a\nX = 1\nclass A:\n    y = 1\n    def m(self): ...\ndef f(): ...\n"
    before = meaning.parts(text)
    assert list(before) == ["the rest of the module", "X", "A.m", "class A", "f"]
    after = meaning.parts(text.replace("m(self)", "m(self, x)"))
    assert {name for name in before if before[name] != after[name]} == {"A.m"}
