"""Fingerprints of the package itself: what changes them and what does not."""

import ast
import dataclasses
import random
import shutil
from pathlib import Path

import pytest

from scaletrace import contract, kinds
from scaletrace.jobs import fingerprint, reachable
from scaletrace.stages import anneal
from scaletrace.study.config import load
from scaletrace.study.plan import Plan
from scaletrace.training.recipe import Compute

SOURCE = Path(fingerprint.__file__).parents[1]
FAMILIES = {name: kinds.module("families", name) for name in kinds.names("families")}
STAGES = [
    "corpus",
    "vocab",
    "tokenize",
    "pretrain",
    "anneal",
    "evaluate",
    "trial",
    "tune",
    "observe",
    "fit",
    "figures",
]
USERS_OF_MODELS = ["pretrain", "anneal", "evaluate", "trial"]
FITS = {"fit", "fit of power_d", "fit of kaplan"}
TRAINING = {"pretrain", "anneal", "trial"}


@pytest.fixture
def package(tmp_path):
    """A copy of the package's sources, to edit."""
    copy = tmp_path / "scaletrace"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def all_of(root):
    fingerprint.forget()
    found = {stage: fingerprint.fingerprint(stage, root=root) for stage in STAGES}
    for stage in USERS_OF_MODELS:
        for family, module in FAMILIES.items():
            found[f"{stage} {family}"] = fingerprint.fingerprint(stage, (module,), root)
    for law in ("power_d", "kaplan"):
        module = f"scaletrace.laws.{law}"
        found[f"fit of {law}"] = fingerprint.fingerprint("fit", (module,), root)
    return found


def edited(root, module, old, new):
    path = root / module
    text = path.read_text(encoding="utf-8")
    assert old in text, module
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def changed(before, after):
    return {stage for stage in before if before[stage] != after[stage]}


def of_models(stages):
    return {*stages, *(f"{stage} {family}" for stage in stages for family in FAMILIES)}


def test_comments_docstrings_and_formatting_count_for_nothing(package):
    before = all_of(package)
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        text = text.replace('"""', '"""Other words. ', 1)
        path.write_text(f"# a comment\n{text}\n\n# another\n", encoding="utf-8")
    assert all_of(package) == before
    for path in package.rglob("*.py"):
        path.write_text(ast.unparse(ast.parse(path.read_text(encoding="utf-8"))), encoding="utf-8")
    assert all_of(package) == before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("text/raw.py", "a corpus is UTF-8 text", "UTF-8 is needed"),
        ("stages/corpus.py", 'documents, {facts["bytes"]:,} bytes', "documents"),
        ("stages/figures.py", "figure: {name!r}; one of ", "{name}: no figure; known: "),
        ("training/segment.py", "resuming after step {", "going on after step {"),
        ("training/workers.py", "compiled in {seconds:.1f} s", "compiled, {seconds:.0f} s"),
    ],
)
def test_words_for_people_count_for_nothing(package, module, old, new):
    before = all_of(package)
    text = (package / module).read_text(encoding="utf-8")
    if old not in text:
        old, new = old.replace('"', "'"), new
    edited(package, module, old, new)
    changes = changed(before, all_of(package))
    # A value that is told no more is one expression less.
    assert changes == ({"corpus"} if "bytes" in old else set())


def test_a_number_among_the_words_counts(package):
    before = all_of(package)
    edited(package, "stages/evaluate.py", "weights of {facts['model']}", "weights of {2}")
    assert changed(before, all_of(package)) == of_models(["evaluate"])


def test_what_nothing_names_counts_for_nothing(package):
    before = all_of(package)
    for path in package.rglob("*.py"):
        with path.open("a", encoding="utf-8") as stream:
            stream.write("\n\ndef named_by_nothing(x=1):\n    return x\n\n\nNAMED_BY_NOTHING = 1\n")
    assert all_of(package) == before


@pytest.mark.parametrize(
    ("module", "old", "new", "stages"),
    [
        ("laws/power_d.py", '"beta"', '"b"', {"fit of power_d"}),
        ("laws/kaplan.py", "0.35", "0.36", {"fit of kaplan"}),
        ("fitting/powers.py", '"high": 4.0', '"high": 4.5', {"fit of power_d"}),
        ("fitting/best_rate.py", "NEAR = 0.03", "NEAR = 0.05", {"tune"}),
        ("fitting/solver.py", "\ndef ", "\nprint()\n\n\ndef ", FITS),
        ("training/loop.py", "self.step += 1", "self.step += 2", of_models(TRAINING)),
        (
            "models/encoder_textbook.py",
            "INITIAL_RANGE = 0.1",
            "INITIAL_RANGE = 0.2",
            {f"{stage} encoder_textbook" for stage in USERS_OF_MODELS},
        ),
        (
            "families/decoder.py",
            "def build(",
            "def build(*_, ",
            {f"{stage} decoder" for stage in USERS_OF_MODELS},
        ),
    ],
)
def test_an_edit_concerns_those_that_use_it(package, module, old, new, stages):
    before = all_of(package)
    edited(package, module, old, new)
    assert changed(before, all_of(package)) == stages


def test_what_a_plan_asks_of_a_law_and_what_a_model_costs_concerns_no_job(package):
    before = all_of(package)
    edited(package, "laws/power_d.py", "LAW =", "PER_BUDGET = True\nLAW =")
    edited(package, "laws/power_n.py", "PER_BUDGET = True", "PER_BUDGET = False")
    edited(package, "models/counts.py", "def flops_6nd(", "def flops_6nd(*_, ")
    assert all_of(package) == before


def test_what_surrounds_a_job_concerns_no_stage(package):
    before = all_of(package)
    paths = [package / "job.py", package / "cli.py", package / "workflow.py"]
    for folder in ("jobs", "study", "commands", "lineage"):
        paths += (package / folder).rglob("*.py")
    for path in paths:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("\nprint('edited')\n")
    assert all_of(package) == before


@pytest.mark.parametrize(
    ("stage", "kinds"),
    [("pretrain", (FAMILIES["decoder"],)), ("evaluate", (FAMILIES["decoder"],)), ("fit", ())],
)
def test_an_edit_of_a_definition_counts_where_the_definition_does(package, stage, kinds):
    fingerprint.forget()
    sources = fingerprint.sources(package)
    found = reachable.counted(sources, stage, kinds)
    counted = [one for what in found.values() for one in what.statements]
    closure = sources.closure([f"scaletrace.stages.{stage}", *kinds])
    others = [one for module in closure.values() for one in module.statements if one not in counted]
    assert others
    before = fingerprint.fingerprint(stage, kinds, package)
    choice = random.Random(0)
    for statements, counts in ((counted, True), (others, False)):
        for statement in choice.sample(statements, min(15, len(statements))):
            name = statement.module.name
            path = package.joinpath(*name.split(".")[1:])
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            text = path.read_text(encoding="utf-8")
            lines = text.splitlines(keepends=True)
            lines[statement.node.lineno - 1 : statement.node.end_lineno] = [other(statement.node)]
            path.write_text("".join(lines), encoding="utf-8")
            fingerprint.forget()
            after = fingerprint.fingerprint(stage, kinds, package)
            assert (after != before) == counts, (name, statement.names)
            path.write_text(text, encoding="utf-8")


def other(node):
    """The text of another definition of the same name."""
    node = ast.parse(ast.unparse(node)).body[0]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        node.body.append(ast.parse("12345").body[0])
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        assert node.value is not None
        node.value = ast.Tuple([node.value, ast.Constant(12345)], ast.Load())
    else:
        node = ast.If(ast.Constant(12345), [node], [])
    return ast.unparse(ast.fix_missing_locations(node)) + "\n"


def test_the_modules_that_are_named_are_those_that_count():
    found = fingerprint.modules("observe")
    assert "scaletrace.stages.observe" in found
    assert "scaletrace.formats" not in found
    assert fingerprint.combined(found) == fingerprint.fingerprint("observe")


def test_the_kinds_of_a_job_are_those_that_its_settings_name():
    plan = Plan(load(SOURCE.parents[1] / "config/tiny.yaml"))
    training = contract.plain(plan.anneal(plan.runs["d8-l1-s0-32k"]))
    for stage, settings, *modules in (
        ("anneal", training, "families.decoder", "optimisers.adamw"),
        ("corpus", {"source": "wikitext-2", "path": None}, "corpora.wikitext_2"),
        ("vocab", {"kind": "bytes", "size": 257}, "tokenizers.bytes"),
        ("tokenize", {}, "tokenizers.bpe"),
    ):
        assert fingerprint.kinds_of(stage, settings) == tuple(f"scaletrace.{m}" for m in modules)


GPU_AND_PROCESSES = ("training/cuda.py", "training/parallel.py", "models/decoder_bf16.py")


def test_code_of_gpus_and_of_several_processes_concerns_no_training_on_one_core(package):
    plan = Plan(load(SOURCE.parents[1] / "config/tiny.yaml"))
    alone = plan.anneal(plan.runs["d8-l1-s0-32k"])
    on_gpu = dataclasses.replace(alone, compute=Compute(device="cuda", micro_batch_tokens=64))

    def fingerprints():
        fingerprint.forget()
        return [
            fingerprint.fingerprint("anneal", contract.kinds(anneal, settings), package)
            for settings in (alone, on_gpu)
        ]

    before = fingerprints()
    for name in GPU_AND_PROCESSES:
        path = package / name
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}\nassert True\n", encoding="utf-8")
        after = fingerprints()
        assert after[0] == before[0], name
        assert after[1] != before[1], name
        path.write_text(text, encoding="utf-8")
