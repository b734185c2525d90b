"""A study's DVC pipeline: names, stages, texts, and what an earlier release put elsewhere."""

from pathlib import Path

import pytest
import yaml

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code, Identity
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.dvc import pipeline
from tests.lineage import small_study
from tests.lineage.small_study import CONFIG, FIGURE, FIT, KEEP, TABLE, text

RECORD = "provenance/jobs/s/fit/fit=power.json"


def identity(rule, **wildcards):
    return Identity(rule, wildcards, {}, Code("f" * 64, {}), (), ())


@pytest.mark.parametrize(
    ("rule", "wildcards", "name"),
    [
        ("corpus", {}, "s-corpus"),
        ("anneal", {"run": "d8-s0-1.5M"}, "s-anneal-d8-s0-1_5M"),
        ("pretrain", {"tokens": "9", "size": "d8", "seed": "0"}, "s-pretrain-0-d8-9"),
        ("fit", {"fit": "power d/ü"}, "s-fit-power_d__"),
    ],
)
def test_names_are_of_letters_that_dvc_allows(rule, wildcards, name):
    assert pipeline.stage_name(identity(rule, **wildcards), "s") == name


def test_a_stage_is_nothing_that_dvc_could_run(study):
    job = small_study.record("fit", {"fit": "power"})
    command = "echo 'not run by dvc: use snakemake --configfile config/s.yaml' >&2; exit 1"
    expected = {
        "cmd": command,
        "wdir": "../../..",
        "deps": [RECORD, TABLE],
        "outs": [{FIT: {"persist": True}}],
        "meta": {"study": "s", "record": job.record.id},
    }
    own = pipeline.own("s")
    assert pipeline.stage(job, "s", Path(CONFIG), set(), own, KEEP) == expected
    expected["outs"] = [{FIT: {"persist": True, "cache": False}}]
    assert pipeline.stage(job, "s", Path(CONFIG), {FIT}, own, KEEP) == expected
    del expected["wdir"]
    assert pipeline.stage(job, "s", Path(CONFIG), {FIT}, pipeline.SHARED, KEEP) == expected
    assert pipeline.owner(expected) == "s"
    assert pipeline.owner({"cmd": "x"}) is pipeline.owner({"meta": "x"}) is None


def test_a_pipeline_shows_fits_evaluations_and_figures(study):
    jobs = Ancestry("s").jobs
    content = pipeline.compiled(jobs, "s", Path(CONFIG), {TABLE}, KEEP)
    assert [*content["stages"]] == [
        "s-corpus",
        "s-evaluate-a",
        "s-figures-loss_vs_params",
        "s-fit-power",
        "s-observe",
    ]
    assert content["metrics"] == [
        "../../../provenance/metrics/s/power.json",
        "../../../results/s/evals/a.json",
    ]
    # The figure of the small study is no picture, and nothing was trained.
    assert content["plots"] == [
        {"s training": {"x": {}, "y": {}, "title": "s: training loss (nats per token)"}}
    ]
    shown = Path("provenance/metrics/s/power.json")
    assert pipeline.metrics_files(jobs, "s") == {shown: Path(FIT)}
    assert pipeline.fitted(jobs, "s") == {shown: {"E": 2.0}}


def test_two_jobs_of_one_name_are_refused(study):
    small_study.job("evaluate", {"run": "b.c"}, {"observations": TABLE}, {"csv": FIGURE})
    small_study.job("evaluate", {"run": "b/c".replace("/", "?")}, {}, {"csv": FIGURE})
    with pytest.raises(BadInput, match=r"stages\.s-evaluate-b_c: .* would need the same name"):
        pipeline.compiled(Ancestry("s").jobs, "s", Path(CONFIG), set(), KEEP)


def test_texts():
    assert pipeline.text({"stages": {}, "metrics": ["a"]}) == (
        "# Compiled from the workflow by `scaletrace record`; snakemake runs it, dvc stores it.\n"
        "stages: {}\nmetrics:\n- a\n"
    )
    assert pipeline.lock_text({"s-fit": {"cmd": "x"}}) == (
        "schema: '2.0'\nstages:\n  s-fit:\n    cmd: x\n"
    )


def test_a_study_that_is_kept_from_plain_dvc(folder):
    assert not pipeline.is_kept_apart("s")
    text(".dvcignore", "# Nobody pushed these.\n/provenance/dvc/s\n")
    assert pipeline.is_kept_apart("s")
    assert not pipeline.is_kept_apart("other")


@pytest.fixture
def shared(folder):
    """A pipeline at the root of two studies, s and t, as an earlier release wrote it."""
    stages = {f"{name}-fit": {"cmd": "x", "meta": {"study": name}} for name in ("s", "t")}
    own: dict = {"stages": {**stages, "mine": {"cmd": "make"}}}
    own["metrics"] = ["results/s/evals/a.json", {"provenance/metrics/s/x.json": {}}, "results/t/x"]
    own["plots"] = ["results/s/x.svg", {"s training": {}}, {"t training": {}}]
    text("dvc.yaml", yaml.safe_dump(own))
    text("dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": {n: {"cmd": "x"} for n in stages}}))


def test_a_study_moves_out_of_the_shared_pipeline(shared):
    assert pipeline.place("s") == pipeline.SHARED
    assert pipeline.lost_entries(pipeline.SHARED) == set()
    texts = pipeline.moved_out("s")
    # The lock first: a pipeline whose lock is short is told apart from one that was cut.
    assert [*texts] == [Path("dvc.lock"), Path("dvc.yaml")]
    left = yaml.safe_load(texts[Path("dvc.yaml")])
    assert left["stages"].keys() == {"t-fit", "mine"}
    assert left["metrics"] == ["results/t/x"]
    assert left["plots"] == [{"t training": {}}]
    assert yaml.safe_load(texts[Path("dvc.lock")])["stages"].keys() == {"t-fit"}
    for path, content in texts.items():
        text(path, content)
    assert pipeline.moved_out("s") == {}
    assert pipeline.place("s") == pipeline.own("s") != pipeline.SHARED
    assert pipeline.own("s").lock == Path("provenance/dvc/s/dvc.lock")


def test_nothing_moves_out_of_a_lock_that_was_cut(shared):
    text("dvc.lock", "schema: '2.0'\nstages:\n  s-fit:\n    cmd: x\n")
    assert pipeline.lost_entries(pipeline.SHARED) == {"t-fit"}
    with pytest.raises(BadInput, match=r"no entries of 1 recorded stages \(t-fit\): a write was"):
        pipeline.moved_out("s")
