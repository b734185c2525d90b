"""The notebook of the library: every cell runs, and what is stored is what the cells show."""

import contextlib
import importlib.util
import json
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_every_cell_runs_and_shows_what_is_stored():
    spec = importlib.util.spec_from_file_location("run_notebook", DOCS / "run_notebook.py")
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    stored = json.loads((DOCS / "library.ipynb").read_text(encoding="utf-8"))
    with contextlib.chdir(DOCS):
        again = runner.run(stored)
    for cell, kept in zip(again["cells"], stored["cells"], strict=True):
        assert cell["source"] == kept["source"]
        if cell["cell_type"] == "code":
            assert cell["execution_count"] == kept["execution_count"]
            # Numbers may differ in their last digits from machine to machine, kinds may not.
            assert [*map(kinds, cell["outputs"])] == [*map(kinds, kept["outputs"])], cell["source"]


def kinds(output: dict) -> list[str]:
    return sorted(output.get("data", {output.get("name", ""): ""}))
