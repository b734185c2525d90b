import dataclasses
import pkgutil
import re
from pathlib import Path

import pytest

from scaletrace import contract, stages
from scaletrace.study.config import load
from scaletrace.study.cost import ASSUMED
from scaletrace.study.estimates import Estimates
from scaletrace.study.graph import Graph
from scaletrace.study.plan import Plan
from scaletrace.study.rules import LARGE, RULES

CONFIG = Path(__file__).parents[2] / "config"


RATE = "{law: inverse_width, at_width: 32, value: 0.010}"
TUNING = """
tuning:
  sizes: [d8-l1, d16-l1]
  tokens: 32_000
  rates: {decoder: [0.01, 0.02, 0.04]}
"""


@pytest.fixture
def estimates():
    return Estimates(Plan(load(CONFIG / "tiny.yaml")), ASSUMED["cpu"])


@pytest.fixture
def tuned(tmp_path):
    text = (CONFIG / "tiny.yaml").read_text(encoding="utf-8").replace(RATE, "{law: tuned}")
    path = tmp_path / "tuned.yaml"
    path.write_text(text + TUNING, encoding="utf-8")
    return Estimates(Plan(load(path)), ASSUMED["cpu"])


@pytest.fixture
def checked(tmp_path):
    text = (CONFIG / "tiny.yaml").read_text(encoding="utf-8").replace(RATE, "{law: tuned}")
    path = tmp_path / "checked.yaml"
    check = "coordinate_check: {widths: [16, 32], layers: [1, 2]}\n"
    path.write_text(text + TUNING + check, encoding="utf-8")
    return Estimates(Plan(load(path)), ASSUMED["cpu"])


@pytest.mark.parametrize("study", ["estimates", "tuned", "checked"])
def test_every_job_needs_only_jobs_before_it(study, request):
    seen = set()
    for job in Graph(request.getfixturevalue(study), {"networkx": "1"}).jobs():
        assert set(job.needs) <= seen
        assert job.name not in seen
        seen.add(job.name)


@pytest.mark.parametrize("study", ["estimates", "tuned", "checked"])
def test_the_flops_of_all_jobs_are_those_of_the_plan(study, request):
    estimates = request.getfixturevalue(study)
    plan = estimates.plan
    flops = sum(
        plan.flops_per_token(job.size) * job.tokens
        for job in Graph(estimates, {}).jobs()
        if job.size
    )
    assert flops == pytest.approx(plan.flops())


def test_a_larger_model_takes_longer_and_a_run_no_longer_than_its_pace_says(estimates):
    seconds = {job.name: job.takes.seconds for job in Graph(estimates, {}).jobs()}
    assert seconds["anneal d48-l2-s0-48k"] > seconds["anneal d8-l1-s0-48k"]
    run = estimates.plan.runs["d48-l2-s0-48k"]
    tokens = run.n_tokens - estimates.plan.start(run)
    flops = estimates.plan.flops_per_token("d48-l2") * tokens
    assert seconds["anneal d48-l2-s0-48k"] == pytest.approx(
        3.0 + flops / 65e9 + 3 * (tokens / 600e3 + tokens / 64 * 1e-3)
    )


def test_training_waits_for_the_law_that_tuning_finds(tuned):
    needs = {job.name: job.needs for job in Graph(tuned, {}).jobs()}
    assert len([name for name in needs if name.startswith("trial ")]) == 6
    assert needs["pretrain d48-l2 0 24960"] == ("tokenize", "tune decoder")
    assert needs["tune decoder"][0] == "trial decoder d8-l1-s0-32k-lr0.01"


def test_a_coordinate_check_trains_at_the_peak_by_the_law_of_the_runs(checked):
    jobs = {job.name: job for job in Graph(checked, {}).jobs()}
    names = [name for name in jobs if name.startswith("coordinates ")]
    assert names == [f"coordinates {model}-s0" for model in ("d16-l1", "d32-l1", "d16-l2")]
    assert all(jobs[name].needs == ("tokenize", "tune decoder") for name in names)
    assert jobs["figures coordinate_check"].needs == tuple(names)
    told = jobs["coordinates d32-l1-s0"].settings()
    assert (told.model.width, told.model.layers, told.model.heads) == (32, 1, 2)
    recipe = dataclasses.replace(told, learning_rate=0.1).recipe()
    assert [recipe.rate(step) for step in range(told.steps)] == [0.1] * 10
    assert 0 < jobs["coordinates d32-l1-s0"].takes.seconds < 10


def test_wikitext_is_as_long_in_its_zip_as_without(tmp_path):
    text = (CONFIG / "tiny.yaml").read_text(encoding="utf-8")
    path, archive = tmp_path / "wikitext.yaml", tmp_path / "wikitext-2-v1.zip"
    corpus = "{source: docstrings, packages: [networkx]}"
    assert corpus in text
    path.write_text(text.replace(corpus, "{source: wikitext-2}"), encoding="utf-8")
    archive.write_bytes(b"small")
    plan = Plan(load(path))
    zipped, downloaded = (Estimates(plan, ASSUMED["cpu"], raw) for raw in ([str(archive)], []))
    assert zipped.text_bytes == downloaded.text_bytes


def test_processes_share_the_time_and_hold_a_core_and_a_gpu_each(tmp_path):
    text = (CONFIG / "tiny.yaml").read_text(encoding="utf-8")
    text = text.replace(
        "{width: 48, layers: 2, heads: 2}", "{width: 48, layers: 2, heads: 2, gpus: 2}"
    )
    text = text.replace("training:\n", "training:\n  device: cuda\n  gpu_memory: 16\n")
    path = tmp_path / "gpus.yaml"
    path.write_text(text, encoding="utf-8")
    estimates = Estimates(Plan(load(path)), ASSUMED["cuda"])
    found = {job.name: job for job in Graph(estimates, {}).jobs()}
    alone, shared = found["anneal d32-l2-s0-48k"], found["anneal d48-l2-s0-48k"]
    assert (alone.takes.cores, alone.takes.gpus) == (1, 1)
    assert (shared.takes.cores, shared.takes.gpus) == (2, 2)
    assert found["evaluate d48-l2-s0-48k"].takes.gpus == 1
    assert found["corpus"].takes.gpus == 0
    assert 0 < shared.takes.gpu_memory_mb < 16 * 1024
    steps = shared.tokens / 64
    flops = estimates.plan.flops_per_token("d48-l2") * shared.tokens
    assert shared.takes.seconds == pytest.approx(
        60 + flops / 2 / 200e12 + 3 * (shared.tokens / 2 / 250e6 + steps * 0.25e-3)
    )


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_names_each_output_of_its_stage_once(rule):
    declared = {field.name for field in dataclasses.fields(rule.stage.Outputs)}
    patterns = rule.patterns("s")
    assert patterns.keys() == declared
    assert len(set(patterns.values())) == len(patterns)
    assert all(path.startswith("results/s/") for path in patterns.values())
    assert rule.main in declared


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_outputs_and_log_of_a_rule_have_the_same_wildcards(rule):
    def wildcards(text):
        return set(re.findall(r"\{(\w+)\}", text))

    log = wildcards(rule.log)
    assert {name: wildcards(path) for name, path in rule.patterns("s").items()} == dict.fromkeys(
        rule.patterns("s"), log
    )


def test_the_rules_are_the_stages():
    assert RULES.keys() == {info.name for info in pkgutil.iter_modules(stages.__path__)}
    assert [name for name, rule in RULES.items() if rule.name != name] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_misspelt_input_or_output_cannot_be_written(rule):
    for kind in (rule.stage.Inputs, rule.stage.Outputs):
        with pytest.raises(TypeError, match="no_such_file"):
            kind(no_such_file=Path("x"))


@pytest.mark.parametrize("study", ["estimates", "tuned", "checked"])
def test_jobs_fit_their_rules(study, request):
    for job in Graph(request.getfixturevalue(study), {"networkx": "1"}).jobs():
        wildcards = set(re.findall(r"\{(\w+)\}", job.rule.log))
        assert job.wildcards.keys() == wildcards
        paths = {name: str(path) for name, path in job.output_files().items()}
        patterns = job.rule.patterns("tiny")
        assert paths == {n: pattern.format(**job.wildcards) for n, pattern in patterns.items()}
        assert job.result in job.output_files().values()
        # Their settings are what the stage declares.
        told = contract.plain(job.settings())
        assert contract.settings_from(job.rule.stage, told) == job.settings()


def test_a_whole_study_makes_all_that_a_light_copy_has_and_timings(estimates):
    graph = Graph(estimates, {})
    targets = graph.targets()
    assert targets[-1] == "results/tiny/timings.csv"
    plan = estimates.plan
    for name in plan.fits():
        assert f"results/tiny/fits/{name}.json" in targets
    for name in plan.figures():
        assert {f"results/tiny/figures/{name}.{form}" for form in ("pdf", "svg", "png", "csv")} <= {
            *targets
        }
    made = {str(path) for job in graph.jobs() for path in job.output_files().values()}
    left_out = {name for name in made if name.endswith(LARGE)}
    assert {Path(name).suffix for name in left_out} == {".jsonl", ".bin", ".safetensors"}
    assert made - left_out == {*targets[:-1]}
    assert len(targets) == len(set(targets))


def test_an_excluded_run_with_numbers_stays_in_the_table(tmp_path):
    name = "d8-l1-s0-48k"
    text = (CONFIG / "tiny.yaml").read_text(encoding="utf-8")
    path = tmp_path / "excluded.yaml"
    path.write_text(f"{text}\nexclude:\n  {name}: for a test\n", encoding="utf-8")
    excluded = Estimates(Plan(load(path)), ASSUMED["cpu"])
    evaluation = Path(f"results/tiny/evals/{name}.json")
    for tabled in ((), (name,)):
        jobs = {job.name: job for job in Graph(excluded, {}, tabled).jobs()}
        # It is not trained, and what was trained is read.
        assert f"anneal {name}" not in jobs
        assert f"evaluate {name}" not in jobs
        read = jobs["observe"].inputs
        assert (evaluation in read.evals) == bool(tabled)
        assert (Path(f"results/tiny/runs/{name}/outcome.json") in read.outcomes) == bool(tabled)
    again = Graph(excluded, {}, (name,)).at_pace(ASSUMED["cpu"])
    assert evaluation in again.job("observe").inputs.evals


def test_a_job_that_the_study_has_not_is_none(estimates):
    with pytest.raises(KeyError):
        Graph(estimates, {}).job("anneal", "d8-l1-s0-1T")
