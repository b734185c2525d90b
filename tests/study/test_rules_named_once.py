"""Only `study/rules.py` names rules; elsewhere one is one of its constants."""

import ast
from pathlib import Path

import pytest

import scaletrace
from scaletrace.study.rules import RULES, TIMINGS

PACKAGE = Path(scaletrace.__file__).parent
FOLDERS = ("cluster", "commands", "jobs", "lineage")
NAMES = {*RULES, TIMINGS}
# Words that are also a rule's name and mean something else there.
OTHER_MEANINGS = {
    ("commands/fit.py", "fit"): "the output of the stage, by its name",
    ("commands/_limits.py", "timings"): "an option",
    ("commands/figure.py", "fit"): "the command's argument",
    ("commands/next.py", "fit"): "the command's argument",
    ("commands/predict.py", "fit"): "the command's argument",
    ("jobs/history.py", "fit"): "a wildcard",
    ("jobs/progress.py", "trial"): "a wildcard",
    ("lineage/audit/selection.py", "fit"): "a wildcard",
    ("lineage/diff/__init__.py", "fit"): "a kind of result that moved",
    ("lineage/diff/__init__.py", "figures"): "the heading of a kind of result that moved",
    ("lineage/diff/values.py", "fit"): "a kind of result that moved",
}


def rules_in(text: str) -> set[str]:
    """Return the rules' names that are strings of a module, or begin one that is put together."""
    nodes = list(ast.walk(ast.parse(text)))
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    begun = [node.values[0] for node in nodes if isinstance(node, ast.JoinedStr) and node.values]
    words = [node.value for node in begun if isinstance(node, ast.Constant)]
    # As in f"evaluate {run}", a job's name, or "anneal/*.json", a pattern of its records.
    words = [str(word).split(" ")[0] for word in words]
    words += [str(constant).partition("/")[0] for constant in constants]
    return NAMES.intersection(words)


@pytest.mark.parametrize(
    "text",
    [
        'job.rule == "fit"',
        'RULES["anneal"]',
        'rule in {"pretrain", "anneal"}',
        'f"evaluate {run}"',
        'f"pretrain to {tokens}"',
        'folder.glob("anneal/*.json")',
    ],
)
def test_a_rule_that_is_spelt_out_is_seen(text):
    assert rules_in(text)


def test_rules_are_named_in_one_module_alone():
    named = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for folder in FOLDERS
        for path in (PACKAGE / folder).rglob("*.py")
        for name in rules_in(path.read_text(encoding="utf-8"))
    }
    assert named == OTHER_MEANINGS.keys()
