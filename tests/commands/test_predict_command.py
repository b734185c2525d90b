"""`scaletrace predict`: budgets, points and targets from a written fit."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from scaletrace import cli

E, A, ALPHA, B, BETA = 1.7, 400.0, 0.34, 410.0, 0.28


@pytest.fixture(scope="module")
def fits(tmp_path_factory) -> Path:
    """Return a folder with one fit per law to the same nearly noise-free runs."""
    folder = tmp_path_factory.mktemp("fits")
    random = np.random.default_rng(0)
    n, d = np.meshgrid(np.geomspace(1e6, 1e10, 10), np.geomspace(1e8, 1e12, 6))
    n, d = n.ravel(), d.ravel()
    loss = (E + A / n**ALPHA + B / d**BETA) * np.exp(1e-3 * random.normal(size=60))
    with (folder / "runs.csv").open("w", encoding="utf-8") as stream:
        stream.write("n_params,n_tokens,loss\n")
        stream.writelines(
            f"{a!r},{b!r},{c!r}\n"
            for a, b, c in zip(*map(list, (n.tolist(), d.tolist(), loss.tolist())), strict=True)
        )
    for law in ("chinchilla", "power_n"):
        arguments = ["fit", str(folder / "runs.csv"), "--law", law, "--bootstrap", "200"]
        assert cli.main([*arguments, "--out", str(folder / f"{law}.json")]) == 0
    return folder


def ask(capsys, fits: Path, *arguments: object, law: str = "chinchilla") -> tuple[int, dict]:
    command = ["predict", str(fits / f"{law}.json"), "--json", *map(str, arguments)]
    capsys.readouterr()
    code = cli.main(command)
    return code, json.loads(capsys.readouterr().out or "{}")


def test_budget_gives_the_optimum_with_intervals(capsys, fits):
    code, answer = ask(capsys, fits, "--flops", 1e20)
    assert code == 0
    g = (ALPHA * A / (BETA * B)) ** (1.0 / (ALPHA + BETA))
    n = g * (1e20 / 6.0) ** (BETA / (ALPHA + BETA))
    found = answer["predictions"]
    assert found["N_opt"]["low"] < n < found["N_opt"]["high"]
    assert found["N_opt"]["estimate"] * found["D_opt"]["estimate"] * 6.0 == pytest.approx(1e20)
    loss = E + A / n**ALPHA + B / (1e20 / 6.0 / n) ** BETA
    assert found["loss"]["estimate"] == pytest.approx(loss, rel=2e-3)
    assert answer["warnings"] == []


def test_point_gives_the_loss(capsys, fits):
    code, answer = ask(capsys, fits, "--n", 1e8, "--d", 1e10)
    assert code == 0
    loss = E + A / 1e8**ALPHA + B / 1e10**BETA
    assert answer["predictions"]["loss"]["estimate"] == pytest.approx(loss, rel=2e-3)


def test_target_gives_what_it_needs_and_perplexity_is_its_exponential(capsys, fits):
    _, by_loss = ask(capsys, fits, "--loss", math.log(10.0))
    _, by_perplexity = ask(capsys, fits, "--perplexity", 10.0)
    assert by_loss["predictions"] == by_perplexity["predictions"]
    flops = by_loss["predictions"]["C"]["estimate"]
    _, back = ask(capsys, fits, "--flops", flops)
    assert back["predictions"]["loss"]["estimate"] == pytest.approx(math.log(10.0))
    _, beside = ask(capsys, fits, "--loss", math.log(10.0), "--n", 1e9)
    d = beside["predictions"]["D"]["estimate"]
    _, there = ask(capsys, fits, "--n", 1e9, "--d", d)
    assert there["predictions"]["loss"]["estimate"] == pytest.approx(math.log(10.0))


def test_target_below_e_is_unreachable(capsys, fits):
    code, answer = ask(capsys, fits, "--loss", 1.5)
    assert code == 1
    assert answer["reachable"] == "unreachable"
    assert answer["predictions"] == {}
    assert [warning["code"] for warning in answer["warnings"]] == ["unreachable"]
    code, answer = ask(capsys, fits, "--loss", 2.0, "--n", 1e6)
    assert (code, answer["reachable"]) == (1, "unreachable")


def test_target_within_the_interval_of_e_has_no_upper_end(capsys, fits):
    fit = json.loads((fits / "chinchilla.json").read_text(encoding="utf-8"))
    interval = fit["intervals"]["E"]
    code, answer = ask(capsys, fits, "--loss", 0.5 * (interval["low"] + interval["estimate"]))
    assert code == 0
    assert answer["reachable"] == "uncertain"
    assert answer["predictions"]["C"]["high"] is None
    assert answer["predictions"]["C"]["low"] > 0.0


def test_far_extrapolation_carries_its_factor(capsys, fits):
    _, answer = ask(capsys, fits, "--n", 1e12, "--d", 1e12)
    (warning,) = answer["warnings"]
    assert warning["code"] == "extrapolation"
    assert "factor of 100" in warning["message"]


def test_one_variable_law(capsys, fits):
    code, answer = ask(capsys, fits, "--n", 1e8, law="power_n")
    assert code == 0
    _, back = ask(capsys, fits, "--loss", answer["predictions"]["loss"]["estimate"], law="power_n")
    assert back["predictions"]["n"]["estimate"] == pytest.approx(1e8)


def test_unique_tokens_are_all_where_none_are_given(capsys, fits):
    content = json.loads((fits / "chinchilla.json").read_text(encoding="utf-8"))
    rates = {"R_D_star": 15.0, "R_N_star": 5.0}
    content["law"] = "data_constrained"
    content["params"] |= rates
    content["draws"]["values"] = [[*row, 15.0, 5.0] for row in content["draws"]["values"]]
    content["draws"]["names"] += list(rates)
    content["runs"]["variables"]["u"] = content["runs"]["variables"]["d"]
    (fits / "repeated.json").write_text(json.dumps(content), encoding="utf-8")
    point = ["--n", 1e8, "--d", 1e10]
    answers = [
        ask(capsys, fits, *point, *more, law="repeated")[1]["predictions"]
        for more in ([], ["--unique", 1e10], ["--unique", 1e8])
    ]
    assert answers[0] == answers[1]
    assert answers[2]["loss"]["estimate"] > answers[0]["loss"]["estimate"]


def test_the_level_of_a_broken_law_is_its_floor(capsys, fits):
    content = json.loads((fits / "power_n.json").read_text(encoding="utf-8"))
    names = {"a": 1.5, "b": 30.0, "c0": 0.2, "c1": 0.15, "d1": 3e7, "f1": 0.4}
    content |= {"law": "broken", "params": names, "intervals": {}}
    content["draws"] = {"names": list(names), "values": [list(names.values())] * 3}
    (fits / "broken.json").write_text(json.dumps(content), encoding="utf-8")
    assert ask(capsys, fits, "--loss", 1.4, law="broken")[1]["reachable"] == "unreachable"
    assert ask(capsys, fits, "--loss", 1.6, law="broken")[1]["reachable"] == "yes"


def test_a_budget_is_in_the_convention_of_the_fit(capsys, fits):
    _, plain = ask(capsys, fits, "--flops", 1e20)
    assert plain["flop_convention"] == "6 N D"
    content = json.loads((fits / "chinchilla.json").read_text(encoding="utf-8"))
    content["token_cost"] = {
        **{"convention": "flops_exact", "n_low": 1e6, "n_high": 1e10, "error": 0.0},
        "coefficients": [math.log(2.0)],
    }
    (fits / "twice.json").write_text(json.dumps(content), encoding="utf-8")
    _, twice = ask(capsys, fits, "--flops", 2e20, law="twice")
    assert "flops_exact" in twice["flop_convention"]
    for name in ("N_opt", "D_opt", "loss", "a"):
        assert twice["predictions"][name]["estimate"] == pytest.approx(
            plain["predictions"][name]["estimate"]
        )
    # A fit from before the cost was learnt is one to 6 N D.
    del content["token_cost"]
    (fits / "old.json").write_text(json.dumps(content), encoding="utf-8")
    assert ask(capsys, fits, "--flops", 1e20, law="old")[1] == plain


@pytest.mark.parametrize(
    ("law", "arguments", "message"),
    [
        ("power_n", ["--flops", "1e20"], "power_n cannot answer --flops"),
        ("chinchilla", ["--n", "1e9"], "ask with one of"),
        ("chinchilla", [], "cannot answer nothing"),
        ("chinchilla", ["--flops", "-1"], "positive finite"),
        ("chinchilla", ["--perplexity", "0.5"], "above 1"),
        ("absent", ["--flops", "1e20"], "cannot be read"),
        ("../chinchilla_not", ["--flops", "1e20"], "cannot be read"),
    ],
)
def test_questions_that_cannot_be_answered_exit_2(capsys, fits, law, arguments, message):
    assert cli.main(["predict", str(fits / f"{law}.json"), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_file_that_is_no_fit_is_refused(capsys, fits):
    other = fits / "other.json"
    other.write_text('{"law": "chinchilla"}', encoding="utf-8")
    assert cli.main(["predict", str(other), "--flops", "1e20"]) == 2
    assert "not a fit" in capsys.readouterr().err


def test_text_for_people(capsys, fits):
    assert cli.main(["predict", str(fits / "chinchilla.json"), "--flops", "1e20"]) == 0
    text = capsys.readouterr().out
    assert "N_opt" in text
    assert "(95 %)" in text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["draws"], []),
        (["draws"], {"a": 1}),
        (["params", "E"], "x"),
        (["intervals", "alpha"], []),
        (["settings"], None),
        (["diagnostics"], []),
        (["law"], ["chinchilla"]),
    ],
)
def test_a_file_that_only_looks_like_a_fit_is_one_sentence(fits, tmp_path, capsys, path, value):
    content = json.loads((fits / "chinchilla.json").read_text(encoding="utf-8"))
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    hostile = tmp_path / "fit.json"
    hostile.write_text(json.dumps(content), encoding="utf-8")
    assert cli.main(["predict", str(hostile), "--n", "1e8", "--d", "1e10"]) == 2
    assert "not a fit that scaletrace wrote" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "null", "[" * 100_000, '{"law": 1}'])
def test_garbage_is_one_sentence(tmp_path, capsys, content):
    (tmp_path / "fit.json").write_text(content, encoding="utf-8")
    assert cli.main(["predict", str(tmp_path / "fit.json"), "--n", "1e8", "--d", "1e10"]) == 2
    assert "not a fit that scaletrace wrote" in capsys.readouterr().err


@pytest.fixture(scope="module")
def metrics(tmp_path_factory) -> Path:
    """Return a folder with one fit to each metric of the same runs."""
    folder = tmp_path_factory.mktemp("metrics")
    n = np.geomspace(1e6, 1e10, 12)
    loss = (E + A / n**ALPHA) * np.exp(1e-3 * np.random.default_rng(0).normal(size=12))
    columns = {"val_ppl": np.exp(loss), "val_bpb": loss / 3, "accuracy": 1 - loss / 20}
    for name, values in columns.items():
        rows = [f"{a!r},{b!r}" for a, b in zip(n.tolist(), values.tolist(), strict=True)]
        path = folder / f"{name}.csv"
        path.write_text("\n".join([f"params,{name}", *rows]) + "\n", encoding="utf-8")
        command = ["fit", str(path), "--law", "power_n", "--bootstrap", "100", "--fix", "E=1.7"]
        command[-1] = {"val_bpb": f"E={E / 3}", "accuracy": f"E={E / 20}"}.get(name, command[-1])
        assert cli.main([*command, "--out", str(folder / f"{name}.json")]) == 0
    return folder


def test_answers_are_in_the_metric_of_the_column(capsys, metrics):
    loss = E + A / 1e11**ALPHA
    _, answer = ask(capsys, metrics, "--n", 1e11, law="val_ppl")
    found = answer["predictions"]
    assert list(found) == ["perplexity"]
    assert found["perplexity"]["estimate"] == pytest.approx(math.exp(loss), rel=2e-3)
    assert found["perplexity"]["low"] < found["perplexity"]["high"]
    _, answer = ask(capsys, metrics, "--n", 1e11, law="accuracy")
    found = answer["predictions"]["accuracy"]
    assert found["estimate"] == pytest.approx(1 - loss / 20, rel=2e-3)
    assert found["low"] < found["estimate"] < found["high"]


def test_a_perplexity_is_asked_only_of_what_is_known_to_be_in_nats(capsys, metrics):
    _, answer = ask(capsys, metrics, "--perplexity", 10.0, law="val_ppl")
    n = answer["predictions"]["n"]["estimate"]
    _, back = ask(capsys, metrics, "--n", n, law="val_ppl")
    assert back["predictions"]["perplexity"]["estimate"] == pytest.approx(10.0)
    for law in ("val_bpb", "accuracy"):
        assert cli.main(["predict", str(metrics / f"{law}.json"), "--perplexity", "10"]) == 2
        said = capsys.readouterr().err
        assert f"needs a fit to a loss in nats per token, and {law} is none" in said


def test_a_fit_of_an_earlier_release_says_no_metric(capsys, metrics, tmp_path):
    found = json.loads((metrics / "val_ppl.json").read_text())
    for key in ("metric", "describes"):
        del found[key]
    (tmp_path / "old.json").write_text(json.dumps(found), encoding="utf-8")
    code, answer = ask(capsys, tmp_path, "--n", 1e9, law="old")
    assert code == 0
    assert list(answer["predictions"]) == ["loss"]
    assert cli.main(["predict", str(tmp_path / "old.json"), "--perplexity", "10"]) == 2
