"""The stage: its bytes, and what it refuses."""
# ruff: noqa: F811

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import figures
from tests.figures.conftest import fitted, made  # noqa: F401
from tests.figures.made_study import FIGURES, FORMS, MadeStudy


def test_bytes_do_not_depend_on_process_matplotlibrc_or_output_names(made: MadeStudy):
    hostile = Path("hostile")
    hostile.mkdir()
    (hostile / "matplotlibrc").write_text(
        "font.size: 30\nfont.family: serif\nlines.linewidth: 9\nsavefig.dpi: 50\n"
        "axes.prop_cycle: cycler('color', ['r'])\nsvg.hashsalt: other\npath.simplify: False\n"
    )
    program = (
        "import json, sys\nfrom pathlib import Path\n"
        "from scaletrace import contract\nfrom scaletrace.stages import figures\n"
        "for inputs, outputs, settings in json.load(sys.stdin):\n"
        "    inputs = {k: [Path(p) for p in v] for k, v in inputs.items()}\n"
        "    outputs = {k: Path(v) for k, v in outputs.items()}\n"
        "    contract.run(figures, inputs, outputs, settings, Path('w'))\n"
    )
    jobs = [
        (
            {name: list(map(str, paths)) for name, paths in made.inputs(figure).items()},
            {form: f"hostile/other {figure}.{form}" for form in FORMS},
            made.settings(figure),
        )
        for figure in FIGURES
    ]
    environment = os.environ | {"MATPLOTLIBRC": str(hostile), "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "-W", "error", "-c", program]
    subprocess.run(command, input=json.dumps(jobs), text=True, env=environment, check=True)
    for figure, (_, elsewhere, _) in zip(FIGURES, jobs, strict=True):
        here = made.draw(figure)
        for form in FORMS:
            content = here[form].read_bytes()
            assert content == Path(elsewhere[form]).read_bytes(), (figure, form)
            assert str(Path.cwd()).encode() not in content
            assert b"elsewhere" not in content


def write_other_n(made: MadeStudy) -> None:
    path = made.fits[0]
    path.write_text(path.read_text().replace("n_non_embedding", "n_total"))


def lose_all(made: MadeStudy) -> None:
    for row in made.rows:
        made.mark(row["run"], "failed")
    made.write()


def forget_runs(made: MadeStudy) -> None:
    made.rows = made.rows[:4]
    made.write()


def forget_residuals(made: MadeStudy) -> None:
    for path in made.fits:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"residuals": []}))


@pytest.mark.parametrize(
    ("figure", "spoil", "message"),
    [
        ("loss_vs_params", lose_all, "observations.csv: no run has a loss"),
        ("loss_vs_params", write_other_n, "fitted to column 'n_total'"),
        (
            "loss_vs_params",
            lambda made: made.fits[0].write_text("[]"),
            "not a fit that scaletrace wrote",
        ),
        ("loss_vs_params", lambda made: made.observations.write_text("a\n1\n"), "not a table"),
        ("residuals", forget_runs, "is not in results/made/observations.csv"),
        ("residuals", lambda made: made.fits.clear(), "no fit"),
        ("residuals", forget_residuals, "has no residual"),
        ("training_curves", lambda made: made.trunks.pop(), None),
        ("training_curves", lambda made: made.curves.clear() or made.trunks.clear(), "no curve"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(
    made: MadeStudy,
    figure: str,
    spoil: Any,
    message: str | None,
):
    settings = made.settings(figure)
    spoil(made)
    if message is None:
        message = "11 trunk curve files for 12 names"
    else:
        settings = made.settings(figure)
    outputs = {form: Path(f"x.{form}") for form in FORMS}
    with pytest.raises(BadInput, match=message):
        contract.run(figures, made.inputs(figure), outputs, settings, Path("work"))
    assert not any(path.exists() for path in outputs.values())


def test_settings_out_of_range_and_inputs_elsewhere_are_refused(made: MadeStudy):
    with pytest.raises(BadInput, match="one of coordinate_check, loss_vs_params, loss_vs_tokens"):
        made.draw("loss_vs_params", figure="pie")
    with pytest.raises(BadInput, match=r"conventions\.n: 'all'; one of non_embedding"):
        made.draw("loss_vs_params", conventions={"n": "all", "flops": "exact"})
    made.observations = made.observations.absolute()
    made.draw("loss_vs_tokens")
    os.chdir("elsewhere")
    with pytest.raises(BadInput, match="must lie in the repository"):
        made.draw("loss_vs_tokens")
