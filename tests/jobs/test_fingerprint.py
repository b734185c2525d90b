"""Fingerprints: what changes them and what does not."""

import shutil
from pathlib import Path

import pytest

from scaletrace.jobs import fingerprint
from scaletrace.models.families import MODULES

SOURCE = Path(fingerprint.__file__).parents[1]
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
        for family in MODULES:
            found[f"{stage} {family}"] = fingerprint.fingerprint(stage, family, root)
    return found


def edited(root, module, old, new):
    path = root / module
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def changed(before, after):
    return {stage for stage in before if before[stage] != after[stage]}


def test_comments_docstrings_and_formatting_count_for_nothing(package):
    before = all_of(package)
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        text = text.replace('"""', '"""Other words. ', 1)
        path.write_text(f"# a comment\n{text}\n\n# another\n", encoding="utf-8")
    assert all_of(package) == before


def test_an_edited_law_concerns_fits_alone(package):
    before = all_of(package)
    with (package / "laws/__init__.py").open("a", encoding="utf-8") as stream:
        stream.write("\nANOTHER = 1\n")
    assert changed(before, all_of(package)) <= {"fit"}
    assert "fit" in changed(before, all_of(package))


def test_an_edited_model_concerns_training_and_evaluation(package):
    before = all_of(package)
    with (package / "families/decoder.py").open("a", encoding="utf-8") as stream:
        stream.write("\nANOTHER = 1\n")
    assert changed(before, all_of(package)) == {f"{stage} decoder" for stage in USERS_OF_MODELS}


def test_an_edited_family_concerns_no_other(package):
    before = all_of(package)
    edited(package, "models/encoder_textbook.py", "INITIAL_RANGE = 0.1", "INITIAL_RANGE = 0.2")
    users = {f"{stage} encoder_textbook" for stage in USERS_OF_MODELS}
    assert changed(before, all_of(package)) == users


def test_an_edited_fit_of_the_best_rate_concerns_the_tuning_alone(package):
    before = all_of(package)
    edited(package, "fitting/best_rate.py", "NEAR = 0.03", "NEAR = 0.05")
    assert changed(before, all_of(package)) == {"tune"}


def test_the_job_wrapper_concerns_no_stage(package):
    before = all_of(package)
    for module in ("job.py", "jobs/lease.py", "cli.py", "jobs/records.py", "study/plan.py"):
        with (package / module).open("a", encoding="utf-8") as stream:
            stream.write("\nANOTHER = 1\n")
    assert all_of(package) == before


def write(root, **modules):
    for folder in ("stages", "text"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "__init__.py").touch()
    (root / "__init__.py").touch()
    for name, text in modules.items():
        root.joinpath(*name.split("__")).with_suffix(".py").write_text(text, encoding="utf-8")
    fingerprint.forget()


@pytest.mark.parametrize(
    "line",
    [
        "from scaletrace.text import far",
        "from scaletrace.text.far import X",
        "import scaletrace.text.far",
        "from ..text import far",
        "from ..text.far import X",
        "def f():\n    from scaletrace.text.far import X\n    return X",
    ],
)
def test_every_way_to_import_is_followed(tmp_path, line):
    root = tmp_path / "scaletrace"
    write(
        root,
        stages__one=line,
        text__far="from scaletrace.text.farther import X",
        text__farther="X = 1",
    )
    assert "scaletrace.text.farther" in fingerprint.modules("one", root=root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("x = a - b", "x = b - a"),
        ("x = a + b", "x = a - b"),
        ("def f(a, *, b): ...", "def f(a, b): ..."),
        ("def f(a=None): ...", "def f(a): ..."),
        ("x = 'a' 'b'", "x = ['a', 'b']"),
        ("class A: x: int", "class A: x: float"),
    ],
)
def test_a_different_meaning_gives_a_different_fingerprint(tmp_path, one, other):
    root = tmp_path / "scaletrace"
    write(root, stages__one=one)
    before = fingerprint.fingerprint("one", root=root)
    write(root, stages__one=other)
    assert fingerprint.fingerprint("one", root=root) != before


def test_the_value_is_the_same_in_every_python(tmp_path):
    """Held by a known value: a Python that serialises a syntax tree otherwise fails here."""
    root = tmp_path / "scaletrace"
    text = 'def f(a, *b, c=1, **d):\n    """Doc."""\n    return f"{a!r:>{c}} ü", [*b], {**d}\n'
    write(root, stages__one=text)
    value = fingerprint.modules("one", root=root)["scaletrace.stages.one"]
    assert value == "517afd3dee31ce40b784188a4cb192818250a641be8b8dc3d1b9530eed9d2ee0"
