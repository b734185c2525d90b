"""Runs that are dropped after they were measured: an audit names them, with what they gave."""

from pathlib import Path

import pytest

from tests.workflow.conftest import TINY

DROPPED = "d8-l1-s0-32k"


def audited(clone, *words):
    done = clone.run(
        *("scaletrace", "audit", "--study", "tiny", "--hashes-only", *words), check=False
    )
    return done.returncode, done.stdout


@pytest.mark.long
def test_a_budget_that_is_dropped_after_its_loss_was_seen_is_named(damaged):
    first, branch = Path("first.json"), damaged.git("branch", "--show-current").strip()
    first.write_bytes(Path("provenance/roots/tiny.json").read_bytes())
    assert "10 runs were tried, 10 are reported; completeness rests" in audited(damaged)[1]
    damaged.edit(TINY, "[32_000, 48_000]", "[48_000]")
    damaged.snakemake("--cores", "2")
    damaged.run("scaletrace", "record", "--study", "tiny")
    damaged.commit("recorded without a budget")
    code, said = audited(damaged)
    assert code == 0, said
    assert "10 runs were tried, 5 are reported; dropped: " in said
    assert f"; {DROPPED} (loss 3." in said
    assert "; what roots from commit " in said
    change = "budgets: [32000, 48000] -> [48000]"
    assert f"1 settings were changed after results were seen: {change}" in said
    assert "1 fits were made that are not reported: power_n-32k with " in said

    (event,) = (
        path
        for path in Path("provenance/history/tiny").glob("evaluated-*.json")
        if f'"{DROPPED}"' in path.read_text()
    )
    event.unlink()
    assert damaged.run("scaletrace", "record", "--study", "tiny", check=False).returncode == 2
    code, said = audited(damaged)
    assert code == 1
    assert f"{event}: sha256 (in the root)" in said
    # A root that was made anew does not name it: earlier ones do.
    Path("provenance/roots/tiny.json").unlink()
    damaged.run("scaletrace", "record", "--study", "tiny")
    code, said = audited(damaged)
    assert code == 1
    assert f"{event}: cut since commit " in said
    assert f"evaluation of {DROPPED}, loss 3." in said
    # Who rewrites git's history leaves what readers kept.
    damaged.git("checkout", "--quiet", "--orphan", "new")
    damaged.git("branch", "--quiet", "-D", branch)
    damaged.commit("rewritten")
    assert audited(damaged)[0] == 0
    assert f"{event}: cut since first.json" in audited(damaged, "--earlier", str(first))[1]
