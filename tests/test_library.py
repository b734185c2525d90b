"""The library for notebooks: the command's numbers, tables in and out, and nothing at import."""

import json
import subprocess
import sys
import typing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scaletrace
from scaletrace import cli, library
from scaletrace.commands._answers import predict
from scaletrace.fitting.settings import Settings
from scaletrace.formats.fit_file import read_answering
from tests.drawing import made_fit

OPTIONS: library.Options = {"bootstrap": 100}
WRONG = typing.cast("library.Options", {"nothing": 1})
WORDS = typing.cast("library.Options", {"level": "x"})


def frame() -> pd.DataFrame:
    rows = json.loads(made_fit.content("grid"))["residuals"]
    table = pd.DataFrame(rows, columns=["run", "n_params", "n_tokens", "observed"])
    return table.rename(columns={"observed": "loss"})


@pytest.fixture(scope="module")
def fit() -> library.Fit:
    return scaletrace.fit(frame(), "chinchilla", **OPTIONS)


def test_import_loads_no_library():
    heavy = ("torch", "snakemake", "scipy", "pandas", "matplotlib", "numpy", "pydantic")
    code = f"import scaletrace, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_frame_gives_the_numbers_of_the_command(fit):
    found, written = json.loads(fit.to_json()), json.loads(made_fit.content("grid"))
    assert found == written


def test_a_path_a_mapping_and_a_frame_give_the_same(fit, tmp_path):
    frame().to_csv(tmp_path / "runs.csv", index=False)
    fixed = {"fix": {"E": 1.7, "alpha": 0.34, "B": 1800.0, "beta": 0.37}}
    tables = (tmp_path / "runs.csv", frame().to_dict("list"), frame().set_index("run"))
    texts = {scaletrace.fit(table, "chinchilla", **OPTIONS, **fixed).to_json() for table in tables}
    (text,) = texts
    assert json.loads(text)["settings"]["fixed"] == fixed["fix"]


def test_predictions_are_those_of_the_command(fit, tmp_path):
    fit.to_json(tmp_path / "fit.json")
    answering = read_answering(tmp_path / "fit.json")
    for given in ({"n": 3e8, "d": 5e9}, {"flops": 1e21}, {"loss": 2.5}, {"loss": 2.5, "n": 1e9}):
        expected = predict(answering, given)["predictions"]
        (row,) = fit.predict(**given).to_dict("records")
        for name, prediction in expected.items():
            assert row[name] == prediction["estimate"]
            assert (row[f"{name}_low"], row[f"{name}_high"]) == (
                prediction["low"],
                prediction["high"],
            )


def test_points_keep_their_columns_index_and_units(fit):
    points = frame().assign(note="x").set_index("run")
    answers = fit.predict(points)
    assert list(answers.index) == list(points.index)
    assert list(answers.columns) == [
        *("n_params", "n_tokens", "note", "loss", "loss_low", "loss_high"),
        *("loss_run_low", "loss_run_high", "warnings"),
    ]
    assert answers["loss"].to_numpy() == pytest.approx(fit.residuals["predicted"].to_numpy())
    by_option = fit.predict(pd.DataFrame({"n": points.n_params, "d": points.n_tokens}))
    assert by_option["loss"].equals(answers["loss"])
    millions = scaletrace.fit(
        frame().assign(n_params=lambda table: table.n_params / 1e6),
        "chinchilla",
        bootstrap=100,
        scale={"n": 1e6},
    )
    small = points.assign(n_params=points.n_params / 1e6)
    assert millions.predict(small)["loss"].to_numpy() == pytest.approx(answers["loss"].to_numpy())


def test_budgets_broadcast_and_an_unreachable_target_is_nan(fit):
    best = fit.optimal(np.array([1e19, 1e21]))
    assert (6 * best.N_opt * best.D_opt / best.flops).to_numpy() == pytest.approx([1, 1])
    targets = fit.predict(loss=[2.5, 1.0])
    assert targets.warnings[1] == "unreachable"
    assert np.isnan(targets.C[1])
    assert len(fit.predict(n=[1e8, 1e9, 1e10], d=1e10)) == 3


def test_what_a_fit_says(fit, tmp_path):
    assert list(fit.intervals.index) == ["E", "A", "alpha", "B", "beta", "a"]
    row = fit.intervals.loc["alpha"]
    assert row.low < row.estimate < row.high
    assert fit.params["alpha"] == row.estimate
    assert [warning.code for warning in fit.warnings] == [
        warning["code"] for warning in json.loads(fit.to_json())["warnings"]
    ]
    assert "chinchilla: loss = E + A / N^alpha" in repr(fit)
    assert "<table>" in fit._repr_html_()
    fit.to_json(tmp_path / "fit.json")
    again = scaletrace.read_fit(tmp_path / "fit.json")
    assert again.to_json() == fit.to_json()
    assert library.Fit.read(str(tmp_path / "fit.json")).params == fit.params
    fit.save_plot(tmp_path / "fit.svg")
    assert cli.main(["figure", str(tmp_path / "fit.json"), str(tmp_path / "command.svg")]) == 0
    drawn = [(tmp_path / name).read_text() for name in ("fit.svg", "command.svg")]
    assert [text.count("<path") for text in drawn] == [drawn[0].count("<path")] * 2


def test_a_plot_is_a_picture_in_a_notebook(fit):
    figure = fit.plot()
    assert len(figure.axes) == 4
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_laws_are_compared_as_by_the_command(fit):
    with_law = scaletrace.compare(frame(), ["chinchilla", "power_n"], fix={"E": 1.7})
    assert list(with_law.index) == ["chinchilla", "power_n"]
    assert with_law.aic["chinchilla"] < with_law.aic["power_n"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fit: scaletrace.fit(frame(), "nothing"), "law 'nothing'; allowed: "),
        (lambda fit: scaletrace.fit(frame(), "power_n", **WRONG), "option 'nothing'; allowed"),
        (lambda fit: scaletrace.fit(frame(), "power_n", **WORDS), "settings.level: found 'x'"),
        (lambda fit: scaletrace.fit(frame().assign(loss="x"), "power_n"), "table: line 2, column"),
        (lambda fit: scaletrace.fit(frame(), "power_n", scale={"n": -1.0}), "n=-1"),
        (lambda fit: scaletrace.fit("none.csv", "power_n"), "none.csv: cannot be read"),
        (lambda fit: scaletrace.fit(typing.cast("str", 3), "power_n"), "fit: a value cannot be"),
        (lambda fit: scaletrace.compare(frame(), "power_n"), "a list of their names"),
        (lambda fit: scaletrace.read_fit("none.json"), "none.json: cannot be read"),
        (lambda fit: fit.predict(), "nothing is asked"),
        (lambda fit: fit.predict(n=1e9), "cannot answer n; ask with one of"),
        (lambda fit: fit.predict(n=[1e9, 2e9], d=[1e9] * 3), "predict: a value cannot be used"),
        (lambda fit: fit.predict(n=[1e9, -1.0], d=1e9), "row 1: d 1000000000.0|row 1: n -1.0"),
        (lambda fit: fit.predict(frame()[["loss"]]), "with the columns loss; chinchilla needs"),
        (lambda fit: fit.predict(frame(), n=1e9), "points, or n; not both"),
        (lambda fit: fit.to_json("/proc/none/fit.json"), "/proc/none"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(fit, call, message):
    with pytest.raises(scaletrace.BadInput, match=message):
        call(fit)


def test_every_option_of_a_fit_is_one_of_the_library():
    names = {library.SETTINGS.get(name, name) for name in library.Options.__annotations__}
    assert names == set(Settings.__dataclass_fields__) - {"law"}


def test_the_package_says_that_it_is_typed():
    assert (Path(scaletrace.__file__).parent / "py.typed").is_file()


def test_next_runs_are_those_of_the_command(fit, tmp_path, capsys):
    proposed = scaletrace.next_runs(fit, 1e21, goal="a")
    fit.to_json(tmp_path / "fit.json")
    command = ["next", str(tmp_path / "fit.json"), "--spend", "1e21", "--goal", "a", "--json"]
    assert cli.main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert [[run["n"], run["d"], run["seeds"]] for run in said["runs"]] == [
        [row["n"], row["d"], row["seeds"]] for row in proposed.to_dict("records")
    ]
    assert proposed.attrs["after"]["low"] == said["after"]["low"]
    with pytest.raises(scaletrace.BadInput):
        scaletrace.next_runs(fit, -1.0)
