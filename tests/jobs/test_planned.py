"""A study's jobs as data, of a study file alone."""

from importlib import metadata
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import Code, Identity
from scaletrace.jobs import ledger
from scaletrace.jobs.planned import asked_jobs, open_graph

ROOT = Path(__file__).parents[2]
TINY = ROOT / "config/tiny.yaml"
RUN = "d8-l1-s0-48k"


def test_every_job_stands_under_its_records_path(folder):
    asked = asked_jobs(TINY)
    graph = open_graph(TINY)
    assert len(asked) == len(list(graph.jobs()))
    job = asked[Path(f"provenance/jobs/tiny/anneal/run={RUN}.json")]
    assert (job.rule, job.wildcards, job.record) == ("anneal", {"run": RUN}, job.record)
    assert job.inputs["tokens"] == ["results/tiny/tokens/train.bin"]
    assert job.outputs["model"] == f"results/tiny/runs/{RUN}/model.safetensors"
    assert job.settings["seed"] == 0
    assert len(job.fingerprint) == 64
    # Nothing was executed or written.
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("key", ["exclude", "failed"])
def test_what_is_behind_the_numbers_of_a_run_left_out_is_asked_for(folder, key):
    path = folder / "excluded.yaml"
    text = TINY.read_text(encoding="utf-8") + f"\n{key}:\n  {RUN}: for a test\n"
    path.write_text(text, encoding="utf-8")
    record = folder / f"provenance/jobs/tiny/evaluate/run={RUN}.json"
    without = asked_jobs(path)
    record.parent.mkdir(parents=True)
    record.touch()
    extra = asked_jobs(path).keys() - without.keys()
    assert {name.parent.name for name in extra} >= {"anneal", "evaluate"}
    assert asked_jobs(path).keys() == asked_jobs(TINY).keys()


def test_text_of_packages_that_are_not_here_is_that_of_the_record(folder):
    path = folder / "other.yaml"
    text = TINY.read_text(encoding="utf-8").replace("[networkx]", "[networkx, some-other]")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"corpus\.packages\[1\]: found 'some-other', which is not"):
        asked_jobs(path)
    settings = {"packages": {"some-other": "2.0", "networkx": "0.1"}}
    ledger.write("tiny", Identity("corpus", {}, settings, Code("", {}), (), ()), {})
    job = asked_jobs(path)[Path("provenance/jobs/tiny/corpus/corpus.json")]
    here = metadata.version("networkx")
    assert job.settings["packages"] == {"networkx": here, "some-other": "2.0"}


def test_what_this_code_does_not_know_is_named(folder):
    path = folder / "other.yaml"
    text = TINY.read_text(encoding="utf-8").replace("family: [decoder]", "family: [mamba]")
    path.write_text(text + "\nmodel_of_mine: 1\n", encoding="utf-8")
    with pytest.raises(BadInput, match="model_of_mine"):
        asked_jobs(path)
