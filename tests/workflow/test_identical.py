"""The same study in another clone gives the same bytes."""

from pathlib import Path

from tests.workflow.conftest import Clone

VARYING = {"logs", "timings.csv"}


def artifacts(clone):
    results = clone.folder / "results/tiny"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file() and path.relative_to(results).parts[0] not in VARYING
    }


def test_two_clones_give_the_same_bytes(finished, tmp_path: Path):
    second = Clone(tmp_path, finished.folder)
    second.snakemake("--cores", "2")
    ours, theirs = artifacts(finished), artifacts(second)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert len(ours) > 50
