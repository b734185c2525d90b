"""Progress of long fits on standard error, and nothing of it elsewhere."""

import json

from scaletrace import cli
from scaletrace.commands import _waiting
from tests.drawing import made_fit


def test_a_line_after_a_while_and_then_now_and_again(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(_waiting.time, "monotonic", lambda: clock[0])
    waiting = _waiting.Waiting()
    for second in range(9):
        clock[0] = float(second)
        waiting("resampling", 100 * second, 1000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        *("resampling: 200 of 1000", "resampling: 500 of 1000", "resampling: 800 of 1000"),
    ]


def test_a_long_fit_says_how_far_it_is_and_a_short_one_nothing(capsys, monkeypatch, tmp_path):
    rows = json.loads(made_fit.content("grid"))["residuals"]
    path = tmp_path / "runs.csv"
    lines = [f"{row['n_params']},{row['n_tokens']},{row['observed']}" for row in rows]
    path.write_text("\n".join(["n_params,n_tokens,loss", *lines]))
    command = ["fit", str(path), "--law", "power_n", "--bootstrap", "100", "--json"]
    capsys.readouterr()
    assert cli.main(command) == 0
    short = capsys.readouterr()
    assert short.err == ""
    monkeypatch.setattr(_waiting, "AFTER", 0.0)
    monkeypatch.setattr(_waiting, "EVERY", 0.0)
    assert cli.main(command) == 0
    long = capsys.readouterr()
    assert long.out == short.out
    assert "resampling: 0 of 100" in long.err.splitlines()
    assert "intervals: 2 of 3" in long.err.splitlines()
