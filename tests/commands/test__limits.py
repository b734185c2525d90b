"""`scaletrace predict` under limits of compute, time and size."""

import json
from pathlib import Path

import pytest

from tests.commands.predicting import asked

PACE = ("--gpus", 8, "--flops-per-second", 4e14)


def answered(capsys, fit: Path, *arguments: object) -> dict:
    code, out, _ = asked(capsys, fit, *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_time_alone_is_the_budget_of_its_flops(capsys, fit):
    answer = answered(capsys, fit, "--hours", 10, *PACE)
    assert answer["spent"] == pytest.approx({"flops": 10 * 3600 * 8 * 4e14, "hours": 10.0})
    budget = answered(capsys, fit, "--flops", 10 * 3600 * 8 * 4e14)
    for name, prediction in answer["predictions"].items():
        for key in ("low", "estimate", "high"):
            assert prediction[key] == pytest.approx(budget["predictions"][name][key], rel=1e-5)
    assert answer["limits"] == [{"limit": "--hours", "value": 10, "binds": True, "without": None}]


def test_the_tighter_limit_binds_and_says_what_it_costs(capsys, fit):
    answer = answered(capsys, fit, "--hours", 10, *PACE, "--flops", 1e21)
    flops, hours = answer["limits"]
    assert (flops["binds"], hours["binds"]) == (False, True)
    wider = answered(capsys, fit, "--flops", 1e21)["predictions"]["loss"]["estimate"]
    assert hours["without"]["loss"] == pytest.approx(wider)
    assert flops["without"]["loss"] == pytest.approx(answer["predictions"]["loss"]["estimate"])
    _, out, _ = asked(capsys, fit, "--hours", 10, *PACE, "--flops", 1e21)
    assert "--flops 1e+21 does not bind" in out
    assert f"--hours 10 binds: without it loss {wider:.5g}" in out


def test_a_largest_model_takes_more_tokens(capsys, fit):
    answer = answered(capsys, fit, "--flops", 1e21, "--n-max", 1e9)
    assert answer["predictions"]["N_opt"]["estimate"] == pytest.approx(1e9)
    assert answer["predictions"]["D_opt"]["estimate"] == pytest.approx(1e21 / 6e9)
    assert [limit["binds"] for limit in answer["limits"]] == [True, True]


def test_the_pace_of_a_study_is_by_size(capsys, fit, tmp_path):
    content = json.loads(fit.read_text())
    content["data"]["columns"]["n"] = "n_total"
    other = tmp_path / "fit.json"
    other.write_text(json.dumps(content))
    timings, table = tmp_path / "timings.csv", tmp_path / "observations.csv"
    table.write_text("run,n_total,status\na,1e7,ok\nb,1e9,ok\n")
    timings.write_text("rule,job,tokens_per_s\nanneal,run=a,1e5\nanneal,run=b,4e3\ncorpus,c,\n")
    answer = answered(capsys, other, "--hours", 100, "--timings", timings)
    n, d = (answer["predictions"][name]["estimate"] for name in ("N_opt", "D_opt"))
    assert 1e7 < n < 1e9
    # Between the sizes the pace in FLOP/s lies between theirs, and so tokens per second follow.
    assert 6e7 * 1e5 < 6.0 * n * d / 360000.0 < 6e9 * 4e3
    assert answer["spent"]["hours"] == pytest.approx(100.0)
    small = answered(capsys, other, "--hours", 100, "--timings", timings, "--n-max", 1e6)
    assert "pace_extrapolated" in {warning["code"] for warning in small["warnings"]}
    timings.write_text("rule,job,tokens_per_s\nanneal,run=a,-\nanneal,run=b,0\n")
    code, _, err = asked(capsys, other, "--hours", 100, "--timings", timings)
    assert code == 2
    assert err.count("a positive number is needed") == 2
    timings.write_text("rule,job\nanneal,run=a\n")
    assert "no timings.csv" in asked(capsys, other, "--hours", 1, "--timings", timings)[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--hours", -1, "--gpus", 0, "--flops", 1, 2, "--loss", 2),
            ("--hours -1.0: a pos", "--gpus 0.0", "--flops 1 2: one", "--loss", "needs a pace"),
        ),
        (("--n-max", 1e9), ("--n-max alone",)),
        (("--gpus", 8, "--flops", 1e20), ("--gpus: of --hours",)),
        (("--hours", 1, *PACE, "--timings", "t.csv"), ("one pace",)),
    ],
)
def test_all_faults_are_said_at_once(capsys, fit, arguments, words):
    code, _, err = asked(capsys, fit, *arguments)
    assert code == 2
    for word in words:
        assert word in err


def test_a_law_of_one_variable_has_no_best_n_and_d(capsys, fit, tmp_path):
    content = json.loads(fit.read_text())
    content |= {"law": "power_n", "params": {"E": 1.7, "A": 400.0, "alpha": 0.34}}
    content["draws"] = {"names": ["E", "A", "alpha"], "values": [[1.7, 400.0, 0.34]] * 3}
    content["runs"]["variables"] = {"n": content["runs"]["variables"]["n"]}
    other = tmp_path / "fit.json"
    other.write_text(json.dumps(content))
    assert "does not trade" in asked(capsys, other, "--hours", 1, *PACE)[2]
