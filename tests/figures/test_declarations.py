"""What every figure's file says of itself, and what reading it costs."""

import subprocess
import sys

import pytest

from scaletrace import contract, kinds
from scaletrace.jobs import fingerprint
from scaletrace.stages import figures
from scaletrace.study.config import FigureName, load
from scaletrace.study.plan import Plan
from tests.figures.made_study import ASKED_FOR
from tests.workflow.conftest import ROOT

DRAWN_FROM = {"observations", "fits", "curves", *ASKED_FOR}


@pytest.mark.parametrize("name", kinds.names("figures"))
def test_a_figure_says_what_it_is_and_draws_from(name: str):
    figure = kinds.load("figures", name)
    assert figure.TITLE
    assert figure.CAPTION.endswith(".")
    assert figure.DRAWS
    assert set(figure.DRAWS) <= DRAWN_FROM
    assert all(callable(getattr(figure, part)) for part in ("read", "rows", "draw"))


def test_the_study_file_knows_every_figure():
    assert FigureName.__args__ == kinds.names("figures")  # pyright: ignore[reportAttributeAccessIssue]


def test_a_plan_has_the_figures_that_its_study_can_draw():
    planned = Plan(load(ROOT / "config/tiny.yaml")).figures()
    for name in kinds.names("figures"):
        figure = kinds.load("figures", name)
        assert (name in planned) == ASKED_FOR.isdisjoint(figure.DRAWS)
    for name, settings in planned.items():
        draws = kinds.load("figures", name).DRAWS
        assert settings.title == kinds.load("figures", name).TITLE
        assert bool(settings.runs) == bool(settings.trunks) == ("curves" in draws)
        assert settings.n_range is None
        assert contract.kinds(figures, settings) == (f"scaletrace.figures.{name}",)


def test_reading_the_declarations_imports_nothing_slow():
    program = (
        "import sys\nfrom scaletrace import kinds\nimport scaletrace.study.plan\n"
        "for name in kinds.names('figures'): kinds.load('figures', name)\n"
        "slow = {'matplotlib', 'numpy', 'scipy', 'torch', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'imported {slow}' if slow else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_code_of_one_figure_is_no_part_of_another():
    for name in kinds.names("figures"):
        used = fingerprint.modules(figures.FOLDER, (kinds.module("figures", name),))
        assert [module for module in used if module.startswith("scaletrace.figures.")] == [
            kinds.module("figures", name)
        ]
