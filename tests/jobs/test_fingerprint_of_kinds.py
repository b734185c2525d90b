"""Of a kind's file only what its job executes counts, not its study keys, costs and validation."""

import shutil
from pathlib import Path

import pytest

from scaletrace import kinds
from scaletrace.jobs import fingerprint

SOURCE = Path(fingerprint.__file__).parents[1]
JOBS = [
    ("pretrain", "families", "decoder"),
    ("evaluate", "families", "decoder"),
    ("corpus", "corpora", "docstrings"),
    ("corpus", "corpora", "files"),
    ("corpus", "corpora", "wikitext_2"),
    ("vocab", "tokenizers", "bpe"),
    ("tokenize", "tokenizers", "bpe"),
]
MODELS = {"pretrain decoder", "evaluate decoder"}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    copy = tmp_path_factory.mktemp("package") / "scaletrace"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def fingerprints(package):
    fingerprint.forget()
    return {
        f"{stage} {name}": fingerprint.fingerprint(stage, (kinds.module(folder, name),), package)
        for stage, folder, name in JOBS
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "jobs"),
    [
        ("corpora/docstrings.py", "PACKAGE_BYTES = 3", "PACKAGE_BYTES = 4", set()),
        ("corpora/docstrings.py", "min_length=1", "min_length=2", set()),
        ("corpora/docstrings.py", "LONGER_THAN = 200", "LONGER_THAN = 201", {"corpus docstrings"}),
        ("corpora/files.py", "sorted(named)", "sorted(named)[:9]", set()),
        ("corpora/files.py", "if filled:", "if not filled:", {"corpus files"}),
        ("corpora/wikitext_2.py", '("tokens", "raw")', '("raw", "tokens")', set()),
        ("corpora/wikitext_2.py", '"test": 4358', '"test": 4359', {"corpus wikitext_2"}),
        ("tokenizers/bpe.py", "le=1 << 20", "le=1 << 21", set()),
        ("tokenizers/bpe.py", "SMALLEST + size:", "SMALLEST + 2 * size:", set()),
        ("tokenizers/bpe.py", "{1,64}", "{1,32}", {"vocab bpe"}),
        ("families/decoder.py", "VALUE_BYTES = 2", "VALUE_BYTES = 3", set()),
        ("families/decoder.py", "return 6 * (", "return 7 * (", set()),
        ("families/decoder.py", "(shape, seed)\n", "(shape, 1)\n", MODELS),
    ],
)
def test_an_edit_counts_where_it_is_executed(package, file, old, new, jobs):
    before = fingerprints(package)
    path = package / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    after = fingerprints(package)
    path.write_text(text, encoding="utf-8")
    changed = {job for job in before if after[job] != before[job]}
    assert changed == jobs
