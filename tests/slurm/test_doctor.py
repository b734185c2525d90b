"""`scaletrace doctor` on a real cluster."""

import json

import pytest


def findings(clone):
    done = clone.run("scaletrace", "doctor", "--json", check=False)
    found = json.loads(done.stdout)
    return done.returncode, found["places"]


def test_the_box_is_sound_seen_from_here_and_from_a_node(clone):
    code, places = findings(clone)
    assert code == 0, places
    (node,) = [place for place in places if place.startswith("compute node")]
    seen = {check["name"]: check for check in places[node]}
    assert seen["packages"]["good"] is True
    assert seen["sees the login node's files"]["good"] is True
    assert seen["clock against this machine"]["good"] is True
    assert "long, short" in {c["name"]: c for c in places["cluster"]}["partitions"]["found"]


@pytest.mark.parametrize(
    ("line", "place", "name"),
    [
        ("partition: nowhere", "cluster", "partitions"),
        ("poll_seconds: 900", "cluster", "status of jobs"),
        ("status: sacct", "cluster", "status of jobs"),
        ("constraint: unknown", "compute node", "a short job"),
    ],
)
def test_a_site_file_that_does_not_fit_the_cluster(clone, line, place, name):
    (clone.folder / "slurm/site.yaml").write_text(line, encoding="utf-8")
    code, places = findings(clone)
    assert code == 1
    (wrong,) = [check for check in places[place] if check["good"] is False]
    assert wrong["name"] == name
    assert wrong["remedy"]


def test_a_cluster_that_does_not_answer(clone, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", "/nowhere/slurm.conf")
    code, places = findings(clone)
    assert code == 1
    (wrong,) = [check for check in places["cluster"] if check["good"] is False]
    assert wrong["name"] == "slurmctld"
    assert "SLURM_CONF" in wrong["remedy"]
    assert not any(place.startswith("compute node") for place in places)
