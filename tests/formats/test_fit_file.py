import copy
import json
from pathlib import Path
from typing import Any

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats import fit, fit_file

FITS = Path(__file__).parents[2] / "results/example/fits"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """Return a fit that a release before this module wrote."""
    return json.loads((FITS / "kaplan.json").read_text(encoding="utf-8"))


def test_a_recorded_fit_is_read(content: dict[str, Any]):
    found = fit_file.read_fit(FITS / "kaplan.json")
    assert (found.law, found.n_observations, found.n_clusters) == ("kaplan", 68, 7)
    assert found.params == content["params"]
    assert found.intervals["a"].low == content["intervals"]["a"]["low"]
    assert not found.intervals["a"].weak
    assert found.diagnostics.design.n == fit.MeasuredRange(6146.0, 786448.0)
    assert len(found.draws.values) == 400
    assert [(curve.x_column, curve.held) for curve in found.curves][-1][0] == "n_non_embedding"
    assert len(found.curves) == 7 + 4


def test_each_part_says_what_the_whole_says(content: dict[str, Any]):
    path = FITS / "kaplan.json"
    assert fit_file.read_parameters(path) == content["params"]
    residuals = fit_file.read_residuals(path)
    assert residuals == {row["run"]: row["log_residual"] for row in content["residuals"]}
    assert fit_file.estimates_in(path.read_bytes(), path).params == content["params"]
    assert fit_file.read_answering(path).settings.level == 0.95
    (curve,) = fit_file.read_drawable(FITS / "power_n-1M.json").curves
    assert (curve.x_column, curve.held) == ("n_non_embedding", None)


def test_what_is_written_has_the_bytes_that_it_had(content: dict[str, Any], tmp_path: Path):
    fit_file.write_fit(tmp_path / "fit.json", content)
    assert (tmp_path / "fit.json").read_bytes() == (FITS / "kaplan.json").read_bytes()
    with pytest.raises(BadInput, match="formula: missing"):
        fit_file.write_fit(
            tmp_path / "other.json", {k: v for k, v in content.items() if k != "formula"}
        )
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("law", ["kaplan"], "law: found"),
        ("params", [], "params: found"),
        ("params.a", "1", "params.a: found '1'"),
        ("intervals.a", None, "intervals.a: found None"),
        ("intervals.a.low", float("nan"), "intervals.a.low: found nan"),
        ("residuals", 3, "residuals: found 3"),
        ("residuals.0", {"run": "a"}, "residuals.0.log_residual: missing"),
        ("draws.names", ["x"], "as many values as there are names"),
        ("draws.values", [[]], "as many values as there are names"),
        ("settings", {}, "settings.level: missing"),
        ("curve.against_n.series.0.x", [], "equally many of each"),
        ("curve.against_n.series.0.low", [1.0], "equally many of each"),
        ("data.columns", None, "data.columns: found None"),
        ("warnings", [{"code": 1}], "warnings.0.code: found 1"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    content: dict[str, Any], tmp_path: Path, path: str, value: Any, said: str
):
    spoilt = copy.deepcopy(content)
    *above, last = path.split(".")
    place: Any = spoilt
    for key in above:
        place = place[int(key) if isinstance(place, list) else key]
    place[int(last) if isinstance(place, list) else last] = value
    (tmp_path / "fit.json").write_text(json.dumps(spoilt))
    with pytest.raises(BadInput) as refused:
        fit_file.read_fit(tmp_path / "fit.json")
    assert str(refused.value).startswith(f"{tmp_path}/fit.json: not a fit that scaletrace wrote (")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_part_is_read_where_the_rest_is_spoilt(tmp_path: Path):
    path = tmp_path / "fit.json"
    path.write_text('{"params": {"E": 1}, "residuals": [{"run": "a", "log_residual": 0.5}]}')
    assert fit_file.read_parameters(path) == {"E": 1}
    assert fit_file.read_residuals(path) == {"a": 0.5}
    with pytest.raises(BadInput, match="intervals: missing"):
        fit_file.estimates_in(path.read_bytes(), path)
