"""A tuned study through real Snakemake, and what a second family in it would run."""

import csv
import json

import pytest
import yaml

from scaletrace.formats.rate_law import read_rate_law
from tests.workflow.conftest import Clone

CONFIG = "config/tuned.yaml"
STUDY = {
    "study": "tuned",
    "corpus": {"source": "files", "paths": ["text.txt"], "document": "paragraph"},
    "vocabulary": {"kind": "bytes"},
    "model": {"context": 16},
    "sizes": {
        "d8-l1": {"width": 8, "layers": 1, "heads": 1},
        "d16-l1": {"width": 16, "layers": 1, "heads": 1},
    },
    "budgets": [8_000],
    "training": {"batch_tokens": 64, "warmup": 640, "learning_rate": {"law": "tuned"}},
    "tuning": {"sizes": ["d8-l1", "d16-l1"], "rates": [0.001, 0.02, 0.4], "tokens": 8_000},
    "evaluation": {"tokens": 4_096},
    # So few sizes carry no fit; none is asked for below.
    "fits": ["power_n"],
}
AFTER_TRIALS = {"tune": 1, "anneal": 2, "evaluate": 2, "observe": 1, "figures": 1}
WANTED = ("observations.csv", "figures/tuning.png")


def write(clone, **changes):
    text = yaml.safe_dump({**STUDY, **changes}, sort_keys=False)
    (clone.folder / CONFIG).write_text(text, encoding="utf-8")


def jobs_to_do(clone):
    words = ["--dry-run", "--quiet", "rules", "--", *(f"results/tuned/{name}" for name in WANTED)]
    said = clone.run("snakemake", "--configfile", CONFIG, *words).stdout
    counts = [line.split() for line in said.splitlines() if len(line.split()) == 2]
    return {rule: int(number) for rule, number in counts if number.isdigit() and rule != "total"}


def finish(clone):
    wanted = [f"results/tuned/{name}" for name in WANTED]
    clone.run("snakemake", "--cores", "2", "--configfile", CONFIG, "--", *wanted)


def table(clone, name):
    with (clone.folder / f"results/tuned/{name}").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def tuned(built_once):
    """A clone in which the study has run with one family."""

    def build(folder):
        clone = Clone(folder)
        sources = sorted((clone.folder / "src/scaletrace/training").glob("*.py"))
        text = "\n\n".join(path.read_text(encoding="utf-8") for path in sources)
        (clone.folder / "text.txt").write_text(text, encoding="utf-8")
        write(clone)
        clone.commit("study")
        finish(clone)
        return clone

    return built_once("tuned", build)


def test_training_follows_the_law_that_the_trials_gave(tuned):
    assert jobs_to_do(tuned) == {}
    law = read_rate_law(tuned.folder / "results/tuned/tuning/decoder/law.json")
    assert 0.001 < law.value < 0.4
    for row in table(tuned, "observations.csv"):
        assert float(row["learning_rate"]) == law.rate(
            float(row["n_non_embedding"]), float(row["n_tokens"])
        )
        record = tuned.folder / f"provenance/jobs/tuned/anneal/run={row['run']}.json"
        inputs = {e["name"] for e in json.loads(record.read_text())["identity"]["inputs"]}
        assert "law" in inputs
        curve = table(tuned, f"runs/{row['run']}/curve.csv")
        assert max(float(step["learning_rate"]) for step in curve) == float(row["learning_rate"])
    trials = table(tuned, "tuning/decoder/trials.csv")
    assert len(trials) == 6
    points = [row for row in table(tuned, "figures/tuning.csv") if row["run"].endswith("lr0.02")]
    assert {row["y"] for row in points} == {t["loss"] for t in trials if "lr0.02" in t["trial"]}


def test_one_more_rate_is_tried_and_the_ladder_trained_again(tuned):
    write(tuned, tuning=STUDY["tuning"] | {"rates": [0.001, 0.02, 0.05, 0.4]})
    assert jobs_to_do(tuned) == {"trial": 2, **AFTER_TRIALS}
    write(tuned)


def test_a_second_family_trains_itself_alone(tuned):
    write(tuned, model=STUDY["model"] | {"family": ["decoder", "encoder_textbook"]})
    assert jobs_to_do(tuned) == {"trial": 6, **AFTER_TRIALS}
    write(tuned)


def test_the_tuning_is_part_of_what_trace_and_audit_follow(tuned):
    said = tuned.run("scaletrace", "trace", "results/tuned/figures/tuning.png").stdout
    assert "trial" in said
    assert "tune" in said
    law = "results/tuned/tuning/decoder/law.json"
    assert "verified" in tuned.run("scaletrace", "audit", law, check=False).stdout
    path, text = tuned.edit(law, '"value": 0.', '"value": 1.')
    done = tuned.run("scaletrace", "audit", law, check=False)
    path.write_text(text, encoding="utf-8")
    assert done.returncode == 1
    assert "law.json" in done.stdout
