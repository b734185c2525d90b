import csv
import json
from pathlib import Path
from typing import Any

import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.stages import observe

HEADER = (
    "run,size,family,seed,budget,n_non_embedding,n_total,n_with_head,n_tokens,flops_6nd,"
    "flops_exact,loss,loss_se,bits_per_byte,perplexity,learning_rate,learning_rate_flag,"
    "batch_tokens,unique_tokens,status,reason"
)


def planned(name: str, **changes: Any) -> dict[str, Any]:
    numbers = {"n_non_embedding": 6148, "n_total": 38916, "n_with_head": 22532}
    numbers |= {"n_tokens": 1000, "flops_6nd": 36888000, "flops_exact": 184320000}
    texts = {"run": name, "size": "d16-l2", "family": "decoder"}
    texts |= {"seed": 0, "budget": "1k"}
    rest = {"learning_rate": 0.1 + 0.2, "batch_tokens": 100, "excluded": None, "failed": None}
    return texts | numbers | rest | changes


class Folder:
    def __init__(self, path: Path):
        self.path = path
        self.inputs: dict[str, list[Path]] = {"evals": [], "outcomes": []}

    def trained(self, name: str, evaluated: str = "ok", trained: str = "ok", **more: int) -> None:
        numbers = ("loss", "loss_se", "bits_per_byte", "perplexity")
        values = (3.3000000000000003, 0.01, 1.9, 27.0) if evaluated == "ok" else (None,) * 4
        outcome = {"status": trained, "step": 10, "train_loss": None, "unique_tokens": 900, **more}
        evaluation = {"status": evaluated, **dict(zip(numbers, values, strict=True))}
        evaluation |= {"tokens": 128, "windows": 1}
        for kind, file, content in (
            ("evals", f"evals/{name}.json", evaluation),
            ("outcomes", f"runs/{name}/outcome.json", outcome),
        ):
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
            self.inputs[kind].append(path)

    def run(self, *runs: dict[str, Any]) -> list[dict[str, str]]:
        path = self.path / "observations.csv"
        measured = contract.run(
            observe, self.inputs, {"observations": path}, {"runs": list(runs)}, self.path
        )
        lines = path.read_bytes().decode().split("\n")
        assert lines[0] == HEADER
        rows = list(csv.DictReader(lines))
        assert measured == {"runs": len(rows), "ok": sum(row["status"] == "ok" for row in rows)}
        return rows


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_row_holds_plan_and_measurements_with_every_digit(folder: Folder):
    folder.trained("a")
    (row,) = folder.run(planned("a"))
    assert float(row["learning_rate"]) == 0.1 + 0.2
    assert float(row["loss"]) == 3.3000000000000003
    assert (row["unique_tokens"], row["status"], row["reason"]) == ("900", "ok", "")
    assert (row["n_total"], row["seed"], row["budget"]) == ("38916", "0", "1k")


def test_every_status_is_a_row_with_its_reason(folder: Folder):
    for name in "adeh":
        folder.trained(
            name,
            evaluated={"d": "diverged", "e": "failed"}.get(name, "ok"),
            trained="diverged" if name == "d" else "ok",
        )
    rows = folder.run(
        planned("a"),
        planned("d"),
        planned("e"),
        planned("f", failed="no memory"),
        planned("g", excluded="a bug in the corpus"),
        planned("h", excluded="too short"),
    )
    assert [(row["run"], row["status"], row["reason"], bool(row["loss"])) for row in rows] == [
        ("a", "ok", "", True),
        ("d", "diverged", "loss not finite by step 10", False),
        ("e", "failed", "loss on the held-out tokens not finite", False),
        ("f", "failed", "no memory", False),
        ("g", "excluded", "a bug in the corpus", False),
        ("h", "excluded", "too short", True),
    ]


def test_where_steps_are_skipped_it_is_the_gradient_that_was_not_finite(folder: Folder):
    folder.trained("d", evaluated="diverged", trained="diverged", skipped=100)
    (row,) = folder.run(planned("d"))
    assert (row["status"], row["reason"]) == ("diverged", "gradient not finite by step 10")


def test_a_run_without_evaluation_is_not_passed_over(folder: Folder):
    with pytest.raises(BadInput, match="run a: no evaluation"):
        folder.run(planned("a"))


def law(folder: Folder, **changes: Any) -> None:
    path = folder.path / "law.json"
    known = {"family": "decoder", "value": 0.01, "at_n": 6148, "n_exponent": -0.5, "beta2": 0.95}
    path.write_text(json.dumps({**known, "batch_tokens": 50, "covariance": None, **changes}))
    folder.inputs["laws"] = [path]


def test_rates_left_to_tuning_are_the_laws(folder: Folder):
    law(folder)
    for name in "ab":
        folder.trained(name)
    rows = folder.run(
        planned("a", learning_rate=None), planned("b", learning_rate=None, n_non_embedding=4 * 6148)
    )
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.01, 0.005])
    assert [row["batch_tokens"] for row in rows] == ["50", "50"]
    assert [row["learning_rate_flag"] for row in rows] == ["", ""]


def test_rates_far_from_the_law_are_flagged(folder: Folder):
    law(folder)
    rates = {"a": 0.0201, "b": 0.0199, "c": 0.0051, "d": 0.0049}
    for name in rates:
        folder.trained(name)
    rows = folder.run(*(planned(name, learning_rate=rate) for name, rate in rates.items()))
    assert [row["learning_rate_flag"] for row in rows] == ["above law", "", "", "below law"]
    other = folder.run(planned("a", learning_rate=0.1, family="encoder_textbook"))
    assert other[0]["learning_rate_flag"] == ""


def test_what_is_no_law_is_refused(folder: Folder):
    law(folder)
    folder.inputs["laws"][0].write_text("{}")
    with pytest.raises(BadInput, match=r"law\.json: not the law of a learning rate"):
        folder.run(planned("a"))
