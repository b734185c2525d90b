"""The coordinate check on real models: what stays from one width, and one depth, to another."""

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.formats.coordinates import read_coordinates
from scaletrace.formats.tokens import TokenHeader, write_header
from scaletrace.stages import coordinates, figures
from scaletrace.study.config import Study
from scaletrace.study.plan import Plan

IDS, CONTEXT = 16, 32
MUP = {"kind": "mup", "at_width": 32}
COMPLETEP = {"kind": "completep", "at_width": 32, "at_layers": 2}
WIDTHS: dict[str, Any] = {"widths": [32, 64, 128, 256], "steps": 5}
DEPTHS: dict[str, Any] = {"widths": [32, 64], "layers": [2, 4, 8], "steps": 5}
RATES = {"adamw": 0.002, "muon": 0.01}
FLAT = 0.15
LAYERS = {
    f"{half} {side} {block}"
    for half in ("attention", "MLP")
    for side in ("in", "out")
    for block in ("1", "last")
}
LAYERS |= {"embedding", "stream", "logits"}


def plan(check: dict[str, Any], training: dict[str, Any], **changes: Any) -> Plan:
    optimiser = training.get("optimiser", "adamw")
    study = {
        "study": "made",
        "corpus": {"source": "files", "paths": ["text.txt"]},
        "vocabulary": {"kind": "bytes"},
        "model": {"context": CONTEXT},
        "sizes": {"d32-l2": {"width": 32, "layers": 2, "heads": 2}},
        "budgets": [200_000],
        "training": {
            "batch_tokens": 16 * CONTEXT,
            "learning_rate": {"law": "constant", "value": RATES[optimiser]},
            **training,
        },
        "coordinate_check": check,
        "evaluation": {"tokens": 4_096},
    }
    return Plan(Study.model_validate(study | changes))


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Return tokens of a chain in which each id is followed by few others."""
    folder, rng = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    after = rng.dirichlet(np.full(IDS, 0.2), size=IDS).cumsum(1)
    ids = [0]
    for drawn in rng.random(20_000):
        ids.append(min(int(np.searchsorted(after[ids[-1]], drawn)), IDS - 1))
    np.array(ids, "<u2").tofile(folder / "train.bin")
    write_header(folder / "train.json", TokenHeader("uint16", len(ids), IDS))
    return {"tokens": [folder / "train.bin"], "header": [folder / "train.json"]}


def run(planned: Plan, tokens: dict[str, list[Path]], folder: Path) -> list[Path]:
    paths = []
    for name, check in planned.checks.items():
        paths.append(folder / f"{name}.csv")
        settings = contract.plain(planned.coordinates(check))
        contract.run(coordinates, tokens, {"coordinates": paths[-1]}, settings, folder)
    return paths


def slopes(paths: list[Path], against: str) -> dict[str, float]:
    """Return d log(change) / d log(width, or layers) at the last step, by layer and block."""
    lines: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    models = [read_coordinates(path) for path in paths]
    for rows in models:
        for row in rows:
            if row.step == rows[-1].step:
                block = "last" if row.block == row.layers else row.block
                place = {"width": row.width, "depth": row.layers}[against]
                lines[f"{row.layer} {block or ''}".rstrip()].append((place, row.change))
    whole = {name: np.log(np.array(line)) for name, line in lines.items() if len(line) > 2}
    return {name: float(np.polyfit(line[:, 0], line[:, 1], 1)[0]) for name, line in whole.items()}


@pytest.mark.parametrize("optimiser", RATES)
def test_under_mup_every_layer_moves_as_much_at_any_width(optimiser, tokens, tmp_path):
    training = {"optimiser": optimiser, "parametrisation": MUP}
    found = slopes(run(plan(WIDTHS | {"seeds": [0, 1]}, training), tokens, tmp_path), "width")
    assert found.keys() == LAYERS
    assert {name: slope for name, slope in found.items() if abs(slope) > FLAT} == {}


@pytest.mark.parametrize("optimiser", RATES)
def test_at_one_rate_for_all_widths_the_logits_move_more_the_wider(optimiser, tokens, tmp_path):
    check = WIDTHS | {"widths": [32, 64, 128]}
    found = slopes(run(plan(check, {"optimiser": optimiser}), tokens, tmp_path), "width")
    assert found["logits"] > 0.6
    # A step of Muon has one norm at any width.
    assert (found["stream"] > FLAT) == (optimiser == "adamw")


def test_under_mup_an_epsilon_above_all_gradients_changes_nothing(tokens, tmp_path):
    training = {"parametrisation": MUP, "epsilon": 0.1, "clip": 1e9}
    training["learning_rate"] = {"law": "constant", "value": 0.01}
    check = WIDTHS | {"widths": [32, 64, 128]}
    found = slopes(run(plan(check, training), tokens, tmp_path), "width")
    wrong = {name: found[name] for name in ("embedding", "stream", "logits")}
    assert {name: slope for name, slope in wrong.items() if abs(slope) > FLAT} == {}


@pytest.mark.parametrize("optimiser", RATES)
def test_under_completep_alone_the_stream_moves_as_much_at_any_depth(optimiser, tokens, tmp_path):
    training = {"optimiser": optimiser, "parametrisation": COMPLETEP}
    found = slopes(run(plan(DEPTHS, training), tokens, tmp_path), "depth")
    for name in ("embedding", "attention in last", "MLP in last", "stream", "logits"):
        assert abs(found[name]) < FLAT, name
    # Each of more blocks adds less.
    assert found["MLP out 1"] == pytest.approx(-1.0, abs=2 * FLAT)
    training["parametrisation"] = MUP
    assert slopes(run(plan(DEPTHS, training), tokens, tmp_path), "depth")["stream"] > 0.6


def test_at_first_only_the_head_moves_then_what_is_added_then_what_reads(tokens, tmp_path):
    training = {"weight_decay": 0.0}
    (path, _) = run(
        plan({"widths": [32, 64], "layers": [1], "steps": 3}, training), tokens, tmp_path
    )
    rows = read_coordinates(path)
    assert {(row.family, row.width, row.layers, row.seed) for row in rows} == {
        ("decoder", 32, 1, 0)
    }
    moved = {
        step: {row.layer for row in rows if row.step == step and row.change} for step in range(4)
    }
    assert moved[0] == set()
    assert moved[1] == {"logits"}
    added = {"embedding", "attention out", "MLP out", "stream"}
    assert added < moved[2]
    assert moved[3] == {row.layer for row in rows}
    # The head begins at zero.
    logits = [row for row in rows if row.layer == "logits"]
    assert [row.rms for row in logits] == [row.change for row in logits]
    (embedding,) = [row.rms for row in rows if row.layer == "embedding" and row.step == 0]
    assert embedding == pytest.approx(0.1, rel=0.1)


def test_the_file_ends_where_activations_do(tokens, tmp_path):
    check = {"widths": [32, 64], "layers": [1], "steps": 5}
    training = {"learning_rate": {"law": "constant", "value": 1e38}}
    (path, _) = run(plan(check, training), tokens, tmp_path)
    assert {row.step for row in read_coordinates(path)} < {0, 1, 2}


def test_tokens_that_fill_no_batch_are_refused(tokens, tmp_path):
    short = tmp_path / "short.bin"
    short.write_bytes(tokens["tokens"][0].read_bytes()[:200])
    write_header(tmp_path / "short.json", TokenHeader("uint16", 100, IDS))
    given = {"tokens": [short], "header": [tmp_path / "short.json"]}
    with pytest.raises(BadInput, match=r"short.bin: 3 windows of 32 tokens; one batch takes 16"):
        run(plan(WIDTHS, {}), given, tmp_path)


def test_every_family_has_layers_and_lines(tokens, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planned = plan(
        {"widths": [32, 64], "layers": [1, 2], "steps": 3},
        {},
        model={"context": CONTEXT, "family": ["decoder", "encoder_textbook"]},
    )
    assert [name for name in planned.checks if "encoder" in name] == [
        "d32-l1-encoder_textbook-s0",
        "d64-l1-encoder_textbook-s0",
        "d32-l2-encoder_textbook-s0",
    ]
    paths = run(planned, tokens, tmp_path)
    last = [row for row in read_coordinates(paths[-1]) if row.step == 3]
    assert [(row.layer, row.block) for row in last] == [
        ("embedding", None),
        ("layer", 1),
        ("layer", 2),
        ("stream", None),
        ("logits", None),
    ]
    assert all(row.change > 0.0 for row in last)
    outputs = {form: tmp_path / f"checks.{form}" for form in ("pdf", "svg", "png", "csv")}
    settings = {"study": "made", "figure": "coordinate_check", "title": "Both"}
    settings |= {"conventions": {}, "runs": [], "trunks": []}
    contract.run(figures, {"coordinates": paths}, outputs, settings, tmp_path)
    with outputs["csv"].open(encoding="utf-8", newline="") as stream:
        points = [row for row in csv.DictReader(stream) if row["kind"] == "point"]
    assert {row["series"].split(" ")[0] for row in points} == {"decoder", "encoder_textbook"}
    drawn = {(row["series"], row["run"]): float(row["y"]) for row in points}
    for row in last:
        block = {None: "", 1: " first", 2: " last"}[row.block]
        assert drawn[f"encoder_textbook depth {row.layer}{block}", paths[-1].stem] == row.change
