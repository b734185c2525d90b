"""A coordinate check through real Snakemake, followed by trace and audit."""

import csv

import pytest
import yaml

from tests.workflow.conftest import Clone

CONFIG = "config/checked.yaml"
STUDY = {
    "study": "checked",
    "corpus": {"source": "files", "paths": ["text.txt"], "document": "paragraph"},
    "vocabulary": {"kind": "bytes"},
    "model": {"context": 16},
    "sizes": {"d8-l1": {"width": 8, "layers": 1, "heads": 1}},
    "budgets": [8_000],
    "training": {
        "batch_tokens": 64,
        "warmup": 640,
        "parametrisation": {"kind": "mup", "at_width": 8},
        "learning_rate": {"law": "constant", "value": 0.01},
    },
    "coordinate_check": {"widths": [8, 16, 32], "layers": [1], "head_width": 8, "steps": 3},
    "evaluation": {"tokens": 4_096},
}
PICTURE = "results/checked/figures/coordinate_check.png"


@pytest.fixture(scope="module")
def checked(built_once):
    """A clone in which the check, and it alone, has run."""

    def build(folder):
        clone = Clone(folder)
        sources = sorted((clone.folder / "src/scaletrace/training").glob("*.py"))
        text = "\n\n".join(path.read_text(encoding="utf-8") for path in sources)
        (clone.folder / "text.txt").write_text(text, encoding="utf-8")
        (clone.folder / CONFIG).write_text(yaml.safe_dump(STUDY), encoding="utf-8")
        clone.commit("study")
        clone.run("snakemake", "--cores", "2", "--configfile", CONFIG, "--", PICTURE)
        return clone

    return built_once("checked", build)


def rows_of(clone, name):
    path = clone.folder / f"results/checked/{name}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_figure_shows_each_model_after_its_last_step(checked):
    drawn = [row for row in rows_of(checked, "figures/coordinate_check") if row["kind"] == "point"]
    for model in ("d8-l1-s0", "d16-l1-s0", "d32-l1-s0"):
        rows = rows_of(checked, f"coordinates/{model}")
        assert {row["step"] for row in rows} == {"0", "1", "2", "3"}
        last = {float(row["change"]) for row in rows if row["step"] == "3"}
        assert {float(row["y"]) for row in drawn if row["run"] == model} == last


def test_the_check_is_part_of_what_trace_and_audit_follow(checked):
    assert "coordinates" in checked.run("scaletrace", "trace", PICTURE).stdout
    table = "results/checked/coordinates/d16-l1-s0.csv"
    assert "verified" in checked.run("scaletrace", "audit", table, check=False).stdout
    path, text = checked.edit(table, "logits", "stream")
    done = checked.run("scaletrace", "audit", table, check=False)
    path.write_text(text, encoding="utf-8")
    assert done.returncode == 1
    assert "d16-l1-s0.csv" in done.stdout
