"""What a stage declares, and how it crosses to a job and back."""

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput

A, B = Path("a"), Path("b")


@dataclasses.dataclass(frozen=True)
class Inputs:
    one: Path
    some: tuple[Path, ...] = ()
    maybe: Path | None = None


@dataclasses.dataclass(frozen=True)
class Outputs:
    table: Path


@dataclasses.dataclass(frozen=True)
class Inner:
    width: int
    heads: int = 1


@dataclasses.dataclass(frozen=True)
class Settings:
    name: str
    inner: Inner
    rate: float = 0.5
    words: list[str] = dataclasses.field(default_factory=list)


@pytest.fixture
def stage():
    """A stage that returns what it was told."""
    module: Any = ModuleType("scaletrace.stages.made")
    module.Inputs, module.Outputs, module.Settings = Inputs, Outputs, Settings
    module.run = lambda *told: {"told": told}
    return module


def test_files_by_name():
    inputs = Inputs(one=A, some=(A, B))
    assert contract.files_by_name(inputs) == {"one": [A], "some": [A, B]}
    assert contract.files_by_name(Inputs(one=A, maybe=B)) == {"one": [A], "maybe": [B]}
    assert contract.map_files(inputs, lambda path: "x" / path) == Inputs(
        one=Path("x/a"), some=(Path("x/a"), Path("x/b"))
    )


@pytest.mark.parametrize(
    "files", [Inputs(one=A), Inputs(one=A, some=(B,)), Inputs(one=A, some=(A, B), maybe=B)]
)
def test_files_come_back_as_they_went(files):
    assert contract.files_from(Inputs, contract.files_by_name(files)) == files


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "inputs: one: 0 files; one is needed"),
        ({"one": [A, B]}, "inputs: one: 2 files; one is needed"),
        ({"one": [A], "maybe": [A, B]}, "inputs: maybe: 2 files; one is needed"),
        ({"one": [A], "onee": [A]}, "inputs: found 'onee'; allowed are one, some, maybe"),
    ],
)
def test_files_that_the_stage_does_not_know_so(given, said):
    with pytest.raises(BadInput) as refused:
        contract.files_from(Inputs, given)
    assert str(refused.value) == said


def test_settings_without_what_has_its_default():
    settings = Settings("a", Inner(8))
    assert contract.plain(settings) == {"name": "a", "inner": {"width": 8, "heads": 1}}
    other = Settings("a", Inner(8), rate=0.25, words=["x"])
    assert contract.plain(other) == {
        "name": "a",
        "inner": {"width": 8, "heads": 1},
        "rate": 0.25,
        "words": ["x"],
    }


@pytest.mark.parametrize(
    "settings", [Settings("a", Inner(8)), Settings("b", Inner(8, 2), 1.0, ["x"])]
)
def test_settings_come_back_as_they_went(stage, settings):
    assert contract.settings_from(stage, contract.plain(settings)) == settings


def test_all_that_is_wrong_with_settings_is_said_at_once(stage):
    values = {"inner": {"width": "wide"}, "rate": "x", "rat": 1}
    with pytest.raises(BadInput) as refused:
        contract.settings_from(stage, values)
    lines = str(refused.value).splitlines()
    assert [line.partition(";")[0] for line in lines] == [
        "settings.name: missing",
        "settings.inner.width: found 'wide'",
        "settings.rate: found 'x'",
        "settings.rat: no such setting",
    ]


def test_settings_may_be_of_another_class_for_every_kind(stage):
    stage.settings_type = lambda values: Inner if "width" in values else Settings
    assert contract.settings_from(stage, {"width": 8}) == Inner(8)


def test_the_kinds_of_a_stage(stage):
    assert contract.kinds(stage, Settings("a", Inner(8))) == ()
    stage.kinds = lambda settings: (f"scaletrace.kinds.{settings.name}",)
    assert contract.kinds(stage, Settings("a", Inner(8))) == ("scaletrace.kinds.a",)


def test_a_stage_is_run_with_what_its_command_says(stage):
    settings = {"name": "a", "inner": {"width": 8}}
    told = contract.run(stage, {"one": [A]}, {"table": B}, settings, Path("work"))["told"]
    assert told == (Inputs(A), Outputs(B), Settings("a", Inner(8)), Path("work"))
    with pytest.raises(BadInput, match="outputs: found 'tabel'; allowed are table"):
        contract.run(stage, {"one": [A]}, {"tabel": B}, settings, Path("work"))


@pytest.mark.parametrize("name", ["corpus", "pretrain", "figures"])
def test_every_stage_is_a_module(name):
    assert contract.stage(name).__name__ == f"scaletrace.stages.{name}"
