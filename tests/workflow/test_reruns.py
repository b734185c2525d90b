"""What runs again after a change, asked of real Snakemake on a finished study."""

import csv
import json
import shutil
from pathlib import Path

import pytest

SIZES, RUNS = 5, 10
AFTER_TRAINING = {"observe": 1, "timings": 1, "fit": 2, "figures": 4}


def test_a_finished_study_has_nothing_to_do(clone):
    assert clone.jobs_to_do() == {}


def test_every_run_is_observed_with_its_numbers(clone):
    with (clone.folder / "results/tiny/observations.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == RUNS
    assert {row["status"] for row in rows} == {"ok"}
    vocabulary = 320
    for row in rows:
        width = int(row["size"][1:].partition("-")[0])
        assert int(row["n_with_head"]) - int(row["n_non_embedding"]) == vocabulary * width
        # A model that has learned anything is below the loss of a uniform guess.
        assert 0 < float(row["loss"]) < 5.7
        assert 0 < float(row["loss_se"]) < 0.1


def test_the_fit_uses_every_observation_of_its_budget(clone):
    fit = json.loads((clone.folder / "results/tiny/fits/power_n-32k.json").read_text())
    assert fit["n_observations"] == SIZES
    assert set(fit["params"]) == {"E", "A", "alpha"}


def test_an_added_size_runs_its_own_jobs_fits_and_figures(clone):
    clone.edit(
        "config/tiny.yaml", "budgets:", "  d64-l2: {width: 64, layers: 2, heads: 2}\nbudgets:"
    )
    assert clone.jobs_to_do() == {"pretrain": 1, "anneal": 2, "evaluate": 2, **AFTER_TRAINING}


def test_a_doubled_budget_runs_one_segment_and_one_anneal_per_size(clone):
    clone.edit("config/tiny.yaml", "[32_000, 48_000]", "[32_000, 48_000, 64_000]")
    added = {"pretrain": SIZES, "anneal": SIZES, "evaluate": SIZES}
    assert clone.jobs_to_do() == {**added, **AFTER_TRAINING, "fit": 3}


def test_a_budget_between_the_others_trains_nothing_else(clone):
    clone.edit("config/tiny.yaml", "[32_000, 48_000]", "[32_000, 40_000, 48_000]")
    added = {"anneal": SIZES, "evaluate": SIZES}
    assert clone.jobs_to_do() == {**added, **AFTER_TRAINING, "fit": 3}


def test_an_excluded_run_is_tabled_with_the_numbers_of_its_record_and_never_trained(damaged):
    damaged.edit("config/tiny.yaml", "fits:", "exclude: {d8-l1-s0-32k: an outlier}\nfits:")
    assert damaged.jobs_to_do() == AFTER_TRAINING
    # As in a clone whose files have not been pulled: the same numbers are asked for.
    shutil.rmtree("results")
    assert damaged.jobs_to_do()["evaluate"] == RUNS
    Path("provenance/jobs/tiny/evaluate/run=d8-l1-s0-32k.json").unlink()
    assert damaged.jobs_to_do()["evaluate"] == RUNS - 1


def test_an_added_seed_trains_only_that_seed(clone):
    clone.edit("config/tiny.yaml", "fits:", "seeds: [0, 1]\nfits:")
    added = {"pretrain": SIZES, "anneal": RUNS, "evaluate": RUNS}
    assert clone.jobs_to_do() == {**added, **AFTER_TRAINING}


def test_a_new_title_redraws_that_figure_alone(clone):
    clone.edit("config/tiny.yaml", "fits:", "figures: {residuals: {title: Residuals}}\nfits:")
    assert clone.jobs_to_do() == {"figures": 1}


def test_an_excluded_run_is_observed_anew_and_not_trained(clone):
    clone.edit("config/tiny.yaml", "fits:", "exclude: {d8-l1-s0-32k: too small}\nfits:")
    assert clone.jobs_to_do() == AFTER_TRAINING


def test_an_edited_learning_rate_trains_everything_and_keeps_the_text(clone):
    clone.edit("config/tiny.yaml", "value: 0.010", "value: 0.020")
    trained = {"pretrain": SIZES, "anneal": RUNS, "evaluate": RUNS}
    assert clone.jobs_to_do() == {**trained, **AFTER_TRAINING}


def test_a_rate_that_steps_down_keeps_the_first_segment_of_every_trunk(clone):
    clone.edit("config/tiny.yaml", "batch_tokens:", "schedule: stepped\n  batch_tokens:")
    assert clone.jobs_to_do() == {"anneal": RUNS, "evaluate": RUNS, **AFTER_TRAINING}


def test_comments_and_docstrings_run_nothing(clone):
    for path in sorted((clone.folder / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8").replace('"""', '"""Said otherwise: ', 1)
        path.write_text(f"# A new comment.\n{text}", encoding="utf-8")
    assert clone.jobs_to_do() == {}


def test_an_edited_law_reruns_its_fits_and_figures_alone(clone):
    clone.edit("src/scaletrace/laws/kaplan.py", "0.35", "0.36")
    assert clone.jobs_to_do() == {}
    clone.edit("src/scaletrace/laws/power_n.py", '"alpha"', '"a"')
    assert clone.jobs_to_do() == {"fit": 2, "figures": 3}


@pytest.mark.parametrize("name", ["Snakefile", "workflow/Snakefile"])
def test_both_snakefiles_find_the_study_finished(clone, name):
    assert "Nothing to be done" in clone.snakemake("--dry-run", "--snakefile", name).stdout


def test_a_mistake_in_the_site_file_is_one_sentence(clone):
    site = clone.folder / "slurm/site.yaml"
    site.write_text("acount: x\n", encoding="utf-8")
    try:
        done = clone.snakemake("--dry-run", check=False)
    finally:
        site.unlink()
    assert done.returncode == 2
    assert "slurm/site.yaml: acount: unknown key" in done.stderr
    assert "resources.smk" not in done.stderr
