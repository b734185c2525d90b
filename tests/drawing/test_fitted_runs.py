import json
from pathlib import Path

import numpy as np
import pytest

from scaletrace.commands._answers import predict
from scaletrace.drawing import fitted_runs as module
from scaletrace.errors import BadInput
from tests.drawing import made_fit


def test_runs_of_one_d_are_a_series_and_follow_the_law():
    runs = made_fit.runs("grid")
    assert runs.axes == ("n", "d")
    series = runs.series("n")
    assert [round(one.held["d"] / 1e9, 6) for one in series] == [1, 4, 16]
    assert [len(one.members) for one in series] == [5, 5, 5]
    assert all(one.exact for one in series)
    values = runs.at("n", runs.variables["n"][series[0].members], series[0].held)
    fitted = runs.losses_at(runs.params, values)[0]
    residuals = np.log(runs.losses[series[0].members] / fitted)
    assert residuals == pytest.approx(runs.log_residuals[series[0].members], abs=1e-12)
    low, high = runs.band(values)
    assert (low <= fitted).all()
    assert (fitted <= high).all()


def test_an_isoflop_design_holds_its_budgets():
    runs = made_fit.runs("budgets")
    for axis in ("n", "d"):
        series = runs.series(axis)
        assert [one.held["c"] for one in series] == pytest.approx([1e18, 1e19, 1e20, 1e21])
        values = runs.at(axis, np.array([1e9]), series[0].held)
        assert 6 * values["n"] * values["d"] == pytest.approx([1e18])


def test_scattered_runs_are_grouped_and_every_one_is_in_a_group(monkeypatch):
    monkeypatch.setattr(module, "MOST_SERIES", 3)
    runs = made_fit.runs("budgets")
    series = runs.series("n")
    assert len(series) == module.GROUPS
    assert sorted(i for one in series for i in one.members) == list(range(20))
    assert not any(one.exact for one in series)
    assert (np.diff([one.held["d"] for one in series]) > 0).all()


def test_values_that_lie_dense_are_not_all_one():
    logs = np.append(np.arange(0.0, 1.0, 0.0025), [2.0, 2.001, 2.001, 3.0])
    codes = module._alike(logs[::-1])[::-1]
    assert codes[-4:].tolist() == [50, 50, 50, 51]
    assert set(np.bincount(codes)[:50]) <= {7, 8, 9}


def test_too_many_points_are_thinned_evenly_ends_included(monkeypatch):
    monkeypatch.setattr(module, "MOST_POINTS", 5)
    kept = made_fit.runs("grid").thinned(np.arange(15))
    assert kept.tolist() == [0, 4, 7, 10, 14]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fit: fit.pop("residuals"), "residuals: missing"),
        (lambda fit: fit["residuals"][1].pop("observed"), "residuals.1.observed: found None"),
        (lambda fit: fit["residuals"][0].pop("n_tokens"), "d: missing"),
        (lambda fit: fit["residuals"][2].update(n_params=-1.0), "residuals.2.n_params: found -1.0"),
        (lambda fit: fit.update(law="nothing"), "found 'nothing'; allowed are"),
        (lambda fit: fit.update(residuals=[]), "has no residual of a run"),
    ],
)
def test_what_is_no_fit_is_refused_in_words(change, message):
    fit = json.loads(made_fit.content("grid"))
    change(fit)
    with pytest.raises(BadInput, match=message.replace(".", r"\.")):
        module.fitted_runs(json.dumps(fit).encode(), Path("fit.json"))


def test_a_path_elsewhere_is_known_by_its_name_alone(tmp_path):
    runs = module.fitted_runs(made_fit.content("grid"), tmp_path / "fit.json")
    assert runs.source.path == "fit.json"


def test_beyond_the_runs_the_interval_is_that_of_a_predicted_run():
    runs = made_fit.runs("grid")
    place = {"n": np.array([4e9, 2e10]), "d": np.array([16e9, 16e9])}
    low, high = module.interval_of_run(runs, place)
    law = runs.band(place)
    assert (low < law[0]).all()
    assert (law[1] < high).all()
    for i in range(2):
        given = {name: float(column[i]) for name, column in place.items()}
        said = predict(runs.fit, given)["predictions"]["loss"]["measured_run"]
        assert (low[i], high[i]) == pytest.approx((said["low"], said["high"]), rel=1e-12)


def test_a_fit_of_an_earlier_release_has_the_band_of_its_law_beyond_the_runs():
    fit = json.loads(made_fit.content("grid"))
    del fit["runs"], fit["ahead"]
    runs = module.fitted_runs(json.dumps(fit).encode(), Path("fit.json"))
    place = {"n": np.array([4e9]), "d": np.array([16e9])}
    assert module.interval_of_run(runs, place) == runs.band(place)
