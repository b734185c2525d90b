import json

import pytest

from scaletrace import cli
from tests.drawing import made_fit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fit.json").write_bytes(made_fit.content("grid"))
    return tmp_path


def test_a_fit_that_holds_impossible_values_is_refused(folder, capsys):
    fit = json.loads((folder / "fit.json").read_text())
    fit["settings"]["level"] = 7.0
    (folder / "fit.json").write_text(json.dumps(fit))
    assert cli.main(["figure", "fit.json", "fit.png"]) == 2
    assert "not a fit that scaletrace wrote" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["fit.json"]


def test_a_fit_is_drawn_as_it_is_fitted_or_later(folder, capsys):
    fit = json.loads((folder / "fit.json").read_text())
    lines = ["run,n_params,n_tokens,loss"]
    for row in fit["residuals"]:
        lines.append(",".join(str(row[k]) for k in ("run", "n_params", "n_tokens", "observed")))
    (folder / "runs.csv").write_text("\n".join(lines) + "\n")
    fitting = ["fit", "runs.csv", "--law", "chinchilla", "--bootstrap", "100"]
    assert cli.main([*fitting, "--out", "out.json", "--figure", "now/fit.svg"]) == 0
    assert "written: now/fit.svg" in capsys.readouterr().out
    assert cli.main(["figure", "out.json", "later/fit.svg"]) == 0
    assert "written: later/fit.svg, later/fit.plotted.csv" in capsys.readouterr().out
    for name in ("fit.svg", "fit.plotted.csv"):
        assert (folder / "now" / name).read_bytes() == (folder / "later" / name).read_bytes()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["figure", "fit.json", "fit.jpg"], "one that ends in .pdf, .svg, .png, .html is needed"),
        (["figure", "none.json", "fit.pdf"], "none.json: cannot be read"),
        (["figure", "fit.json", "fit.json/fit.pdf"], "cannot be written"),
        (["fit", "none.csv", "--law", "power_n", "--figure", "fit.jpg"], "fit.jpg: no picture's"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(folder, capsys, command, message):
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["fit.json"]
