"""The recorded example of this repository, in a fresh clone and with nothing else at hand."""

import json

import pytest

from scaletrace.jobs.planned import open_graph
from tests.workflow.conftest import ROOT, Clone

STUDY = ("--study", "example")
FIGURES = "results/example/figures"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A clone as a person makes it: what is committed, and no more."""
    clone = Clone.at(tmp_path_factory.mktemp("example") / "clone")
    Clone.at(ROOT).git("clone", "--quiet", str(ROOT), str(clone.folder))
    return clone


@pytest.mark.parametrize("kind", ["pdf", "svg", "png", "csv"])
def test_a_figure_leads_to_the_text(fresh, kind):
    said = fresh.run("scaletrace", "trace", f"{FIGURES}/loss_vs_params.{kind}").stdout
    assert "corpus" in said
    assert "from package scipy " in said


def test_a_trace_holds_every_run(fresh):
    said = fresh.run("scaletrace", "trace", "--json", f"{FIGURES}/loss_vs_params.pdf").stdout
    jobs = {job["job"] for job in json.loads(said)["jobs"].values()}
    runs = open_graph(ROOT / "config/example.yaml").plan.runs
    assert {f"anneal {run}" for run in runs} <= jobs
    assert {f"evaluate {run}" for run in runs} <= jobs


def test_it_is_verified_without_checkpoints_and_a_changed_digit_is_not(fresh):
    audit = ("scaletrace", "audit", "--no-checkpoints", *STUDY)
    said = fresh.run(*audit).stdout
    assert "verified: " in said
    assert "checkpoints, token files and texts" in said
    path = fresh.folder / f"{FIGURES}/loss_vs_params.csv"
    content = path.read_bytes()
    at = content.rindex(b"1")
    path.write_bytes(content[:at] + b"2" + content[at + 1 :])
    try:
        done = fresh.run(*audit, "--hashes-only", check=False)
    finally:
        path.write_bytes(content)
    assert done.returncode == 1
    assert f"{FIGURES}/loss_vs_params.csv: sha256" in done.stdout
