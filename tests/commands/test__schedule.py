"""`scaletrace fit` on loss curves, and `predict` at the end of a schedule."""

import json

import pytest

from scaletrace import cli
from scaletrace.formats.curve import COLUMNS
from tests.fitting import test_loss_curves as made
from tests.laws.test_laws import one


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    every = {"wsd": made.WSD, "cosine": made.COSINE, "constant": made.CONSTANT}
    curves = [made.curve(folder, name, rates) for name, rates in every.items()]
    out = folder / "fit.json"
    command = ["fit", *curves, "--law", "annealing", "--bootstrap", 100, "--out", out]
    assert cli.main(list(map(str, command))) == 0
    return out


def predicted(fit, *options, capsys) -> float:
    capsys.readouterr()
    assert cli.main(["predict", str(fit), "--json", *map(str, options)]) == 0
    return json.loads(capsys.readouterr().out)["predictions"]["loss"]["estimate"]


def test_the_end_of_a_schedule_is_predicted(fitted, capsys):
    s1, s2 = (float(area[-1]) for area in made.areas(made.np.array(made.WSD), made.MOMENTUM))
    expected = pytest.approx(one("annealing", made.TRUE, s1=s1, s2=s2), rel=1e-6)
    options = ("--steps", 500, "--warmup", 20, "--cooldown", 100, "--learning-rate", 0.01)
    assert predicted(fitted, *options, capsys=capsys) == expected
    assert predicted(fitted, "--schedule", fitted.parent / "wsd.csv", capsys=capsys) == expected
    never = predicted(fitted, *options[:4], "--learning-rate", 0.01, capsys=capsys)
    assert never > one("annealing", made.TRUE, s1=s1, s2=s2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--steps", "4"], "--learning-rate: a schedule needs it"),
        (["--cooldown", "4"], "parts of --steps"),
        (["--steps", "4", "--learning-rate", "-1"], "--learning-rate -1.0: a positive"),
        (["--steps", "4", "--learning-rate", "1", "--cooldown", "5"], "together at most --steps"),
        (["--steps", "0", "--learning-rate", "1"], "--steps 0: 1 to"),
        (["--schedule", "wsd.csv", "--steps", "4"], "--schedule says all"),
        (["--schedule", "bad.csv"], "bad.csv: no schedule"),
        (["--schedule", "gone.csv"], "gone.csv: cannot be read"),
        (["--flops", "1e9"], "annealing cannot answer --flops; ask with one of --schedule FILE"),
    ],
)
def test_half_a_schedule_is_refused(fitted, tmp_path, monkeypatch, capsys, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(f"{','.join(COLUMNS)}\n3,1,1,1\n2,1,1,1\n", encoding="utf-8")
    assert cli.main(["predict", str(fitted), *options]) == 2
    assert said in capsys.readouterr().err


def test_a_law_of_tables_takes_one_file_and_no_schedule(tmp_path, capsys):
    assert cli.main(["fit", "a.csv", "b.csv", "--law", "chinchilla"]) == 2
    assert "2 files; chinchilla is fitted to one table of runs" in capsys.readouterr().err
