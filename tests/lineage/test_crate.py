"""RO-Crate metadata, entity by entity."""

import pytest

from scaletrace.lineage import crate
from scaletrace.lineage.ancestry import Ancestry
from scaletrace.lineage.crate import Packed
from tests.lineage import small_study
from tests.lineage.small_study import CODE, CONFIG, FIT, RAW, TABLE, TEXT

HELD = {
    "Snakefile": Packed("1" * 64, 10),
    CONFIG: Packed("2" * 64, 20),
    TABLE: Packed("3" * 64, 30),
    FIT: Packed("4" * 64, 40),
}


@pytest.fixture
def entities(study):
    ancestry = Ancestry("s")
    found = crate.metadata(ancestry, ancestry.jobs, HELD, CONFIG)["@graph"]
    by_id = {entity["@id"]: entity for entity in found}
    assert len(by_id) == len(found)
    return by_id


def test_every_reference_leads_somewhere(entities):
    def references(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if value.keys() == {"@id"} else references([*value.values()])
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    inside = [name for name in references([*entities.values()]) if not name.startswith("https:")]
    # Of the rest the records, the licence and the figure's table are files that were not packed.
    missing = {name for name in inside if name not in entities}
    assert all(name == "LICENSE" or name.startswith("provenance/jobs/s/") for name in missing)


def test_a_file_has_its_hash_size_and_format(entities):
    assert entities[TABLE] == {
        "@id": TABLE,
        "@type": "File",
        "name": TABLE,
        "contentSize": "30",
        "sha256": "3" * 64,
        "encodingFormat": "text/csv",
    }
    workflow = entities["Snakefile"]
    assert "ComputationalWorkflow" in workflow["@type"]
    steps = ["corpus", "evaluate", "figures", "fit", "observe"]
    assert workflow["step"] == [{"@id": f"#step/{rule}"} for rule in steps]


def test_a_job_is_an_action_with_what_it_read_and_made(entities):
    job = small_study.record("fit", {"fit": "power"})
    assert entities[f"#job/{job.record.id}"] == {
        "@id": f"#job/{job.record.id}",
        "@type": "CreateAction",
        "name": "fit power",
        "description": "Recorded in provenance/jobs/s/fit/fit=power.json",
        "instrument": {"@id": f"#tool/fit@{CODE.fingerprint}"},
        # One alone is no list.
        "object": {"@id": TABLE},
        "result": {"@id": FIT},
        "subjectOf": {"@id": "provenance/jobs/s/fit/fit=power.json"},
        "startTime": "1970-01-01T00:16:40+00:00",
        "endTime": "1970-01-01T00:16:45+00:00",
    }


def test_what_is_left_out_is_named_by_its_hash(entities):
    corpus = small_study.record("corpus")
    (text,) = corpus.identity.outputs
    assert entities[f"#sha256/{text.sha256}"]["name"] == TEXT
    (raw,) = corpus.identity.inputs
    action = entities[f"#job/{corpus.record.id}"]
    assert action["object"] == [{"@id": f"#sha256/{raw.sha256}"}, {"@id": "#package/networkx-3.4"}]
    assert entities[f"#sha256/{raw.sha256}"] == {
        "@id": f"#sha256/{raw.sha256}",
        "@type": "CreativeWork",
        "name": RAW,
        "size": "8 bytes",
        "sha256": raw.sha256,
        "md5": raw.md5,
    }
    assert entities["#package/networkx-3.4"]["name"] == "docstrings of networkx 3.4"


def test_the_run_begins_with_the_first_job_and_ends_with_the_last(folder):
    small_study.text(RAW, "x")
    small_study.job("corpus", {}, {"files": RAW}, {}, start=5.0, end=7.0)
    small_study.job("vocab", {}, {"train": RAW}, {}, start=1.0, end=1e300)
    ancestry = Ancestry("s")
    graph = crate.metadata(ancestry, ancestry.jobs, {}, CONFIG)["@graph"]
    (run,) = (entity for entity in graph if entity["@id"] == "#run")
    assert run["startTime"] == "1970-01-01T00:00:01+00:00"
    # A time that no calendar has is not told.
    assert run["endTime"] == "1970-01-01T00:00:07+00:00"


def test_names_of_files_are_addresses(folder):
    name = "results/s/a b#c.csv"
    packed = {name: Packed("1" * 64, 1)}
    graph = crate.metadata(Ancestry("s"), [], packed, CONFIG)["@graph"]
    assert graph[-1]["@id"] == "results/s/a%20b%23c.csv"
