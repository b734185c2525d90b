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
    """Text, tokens, and the narrowest and widest model; each rule is repeated in test_audit."""
    second = Clone(tmp_path, finished.folder)
    runs = ["d8-l1-s0-32k", "d48-l2-s0-48k"]
    second.snakemake("--cores", "2", *(f"results/tiny/evals/{run}.json" for run in runs))
    ours, theirs = artifacts(finished), artifacts(second)
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert len(theirs) == 23
