"""docs/formats.md names every column and key that the code reads and writes."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from scaletrace.formats import (
    coordinates,
    curve,
    evaluation,
    figure_csv,
    fit,
    history,
    manifest,
    observations,
    outcome,
    rate_law,
    record,
    tokens,
    trials,
)
from scaletrace.formats import trial as trial_result
from scaletrace.jobs import timings

PAGE = Path(__file__).parents[2] / "docs/formats.md"


def keys(*kinds: type) -> list[str]:
    return [field.name for kind in kinds for field in fields(kind)]


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("observations.csv", observations.COLUMNS),
        ("Figures", (*figure_csv.COLUMNS, "csv_sha256", "sources")),
        ("curve.csv", curve.COLUMNS),
        ("outcome.json, evals, trials", keys(outcome.RunOutcome, evaluation.EvaluatedRun)),
        ("outcome.json, evals, trials", keys(trial_result.TrialResult)),
        ("manifest.json", keys(manifest.Manifest, manifest.Overlap)),
        ("Tokens", keys(tokens.TokenHeader)),
        ("The best learning rate", keys(rate_law.TunedLaw, rate_law.BestOfSize)),
        ("The best learning rate", keys(rate_law.NextTrial)),
        ("The best learning rate", trials.COLUMNS),
        ("Coordinates", coordinates.COLUMNS),
        ("timings.csv", timings.COLUMNS),
        ("Job records", ("identity", "id", "circumstances", "seal")),
        ("Job records", keys(record.Identity, record.Code, record.RecordedInput)),
        ("Job records", [*record.PLAIN, *record.SECTIONS, "attempts"]),
        ("The root", ("study", "study_file", "rules", "records", "history", "root")),
        ("History", [*history.KINDS, *keys(*history.KINDS.values())]),
        (
            "FIT.json",
            keys(
                *(fit.Fit, fit.Interval, fit.Residual, fit.CurveAlone, fit.CurveAtHeld, fit.Data),
                *(fit.CurvesAlong, fit.ObjectiveValue, fit.Diagnostics, fit.MeasuredRange),
                *(fit.Draws, fit.Step, fit.Extrapolation, fit.Warned, fit.ComparedLaw),
                *(fit.OtherChoice, fit.Chosen, fit.LearntCost, fit.MeasuredMetric),
                *(fit.CountedN, fit.FittedRuns, fit.Ahead, fit.LawErrorAhead, fit.LawChoice),
            ),
        ),
    ],
)
def test_the_page_names_what_the_code_does(section: str, names: list[str]):
    (text,) = re.findall(
        rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    said = {
        word for quoted in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", quoted)
    }
    assert not set(names) - said


def test_the_page_names_every_module_of_formats_that_holds_a_file():
    text = PAGE.read_text()
    named = set(re.findall(r"(\w+)\.py", text))
    helpers = {
        "fields",
        "files",
        "progress_line",
        "row_conditions",
        "source",
        "typed_json",
        "untrusted",
        "written_numbers",
        "yaml_files",
    }
    folder = PAGE.parents[1] / "src/scaletrace/formats"
    assert {path.stem for path in folder.glob("[a-z]*.py")} - helpers <= named
