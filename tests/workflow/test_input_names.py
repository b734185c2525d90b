"""The words by which rules hand files over are the words by which stages read them.

A stage that reads an input under `inputs.get` goes on without it, so that two words for one thing
fail nowhere. Names of outputs need no such test: a job fails whose stage writes one that its rule
does not name, or leaves one out that it does.
"""

import ast
import functools
import importlib.util
import pkgutil
from collections import defaultdict
from pathlib import Path

import pytest

from scaletrace import stages
from scaletrace.jobs import fingerprint
from scaletrace.lineage.snakemake import graph
from scaletrace.text.documents import SPLITS
from tests.workflow import test_tuning
from tests.workflow.conftest import Clone

WIKITEXT = {"source": "wikitext-2", "path": "wikitext"}
# Of several states, so that one goes on from another.
TRUNK = [500_000, 1_000_000]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with text for a tuned study of its own files, and of a local WikiText-2."""
    clone = Clone(tmp_path_factory.mktemp("names") / "clone")
    (clone.folder / "wikitext").mkdir()
    for name in ("text.txt", *(f"wikitext/wiki.{split}.raw" for split in SPLITS)):
        (clone.folder / name).write_text("Text.\n", encoding="utf-8")
    return clone


@functools.cache
def names_read(module):
    """The names that a module reads of its `inputs`, optional ones among them."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    keys = []
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        match node:
            case ast.Subscript(value=ast.Name(id="inputs"), slice=key):
                keys.append(key)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="inputs"), attr="get")):
                keys.append(node.args[0])
    names = {key.value for key in keys if isinstance(key, ast.Constant)}
    # The one name that is no literal is that of each split in turn.
    return names.union(*(SPLITS for key in keys if isinstance(key, ast.Name) and key.id == "split"))


def test_a_stage_reads_what_rules_hand_over_and_nothing_else(clone, monkeypatch):
    monkeypatch.chdir(clone.folder)
    jobs = []
    for corpus in (test_tuning.STUDY["corpus"], WIKITEXT):
        test_tuning.write(clone, corpus=corpus, budgets=TRUNK)
        jobs += graph.jobs(Path(test_tuning.CONFIG)).values()
    assert {job.rule for job in jobs} == {m.name for m in pkgutil.iter_modules(stages.__path__)}
    handed_to = defaultdict(set)
    for job in jobs:
        modules = fingerprint.modules(job.rule, fingerprint.kinds_of(job.rule, job.settings))
        read = {module: names_read(module) for module in modules}
        assert job.inputs.keys() <= set().union(*read.values()), job.rule
        for module, names in read.items():
            handed_to[module] |= names & job.inputs.keys()
    for module, handed in handed_to.items():
        assert names_read(module) == handed, module
