"""`tests/` mirrors the source tree: a module of these folders has a test file of its name."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A package's own code is tested by the package's name: audit/__init__.py by audit/test_audit.py.
# Modules without a test file of their own, each with the reason; none as yet, and at most three.
EXCEPTIONS: dict[str, str] = {}


def files_for(folder):
    """The test file that each module of a folder should have."""
    source = ROOT / "src/scaletrace"
    for path in sorted((source / folder).rglob("*.py")):
        is_package = path.name == "__init__.py"
        if is_package and not path.read_text(encoding="utf-8").strip():
            continue
        name = path.parent.name if is_package else path.stem
        yield path.relative_to(source).parent / f"test_{name}.py"


@pytest.mark.parametrize("folder", ["lineage", "jobs"])
def test_every_module_has_unit_tests(folder):
    wanted = [path.as_posix() for path in files_for(folder)]
    assert len(wanted) > 20
    missing = [path for path in wanted if not (ROOT / "tests" / path).is_file()]
    assert [path for path in missing if path not in EXCEPTIONS] == []


def test_exceptions_are_few_and_needed():
    wanted = [path.as_posix() for folder in ("lineage", "jobs") for path in files_for(folder)]
    assert EXCEPTIONS.keys() <= {*wanted}
    assert not any((ROOT / "tests" / path).is_file() for path in EXCEPTIONS)
    assert len(EXCEPTIONS) <= 3
    assert all(EXCEPTIONS.values())
