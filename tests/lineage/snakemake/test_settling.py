"""Times that follow the graph, and what Snakemake remembers of files that were put back."""

import os
import time
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.record import read_record
from scaletrace.jobs import ledger
from scaletrace.lineage.snakemake import memory, settling
from scaletrace.lineage.snakemake.settling import UNTRUE
from tests.lineage import small_study
from tests.lineage.small_study import FIGURE, FIT, TABLE, text

FITTED = Path("provenance/jobs/s/fit/fit=power.json")


def sound():
    return {path: read_record(path) for path in ledger.paths("s")}


def test_depths_are_those_of_the_longest_way(study):
    depths = settling._depths(sound())
    names = {path.parent.name: depth for path, depth in depths.items()}
    assert names == {"corpus": 1, "evaluate": 2, "observe": 3, "fit": 4, "figures": 5}


def test_a_job_that_rests_on_itself_is_refused(study):
    small_study.job("corpus", {}, {"files": FIGURE}, {"train": small_study.TEXT})
    with pytest.raises(BadInput, match="rests on its own outputs"):
        settling._depths(sound())


def test_times_follow_the_graph_and_snakemake_remembers(study):
    rules = {record.identity.rule: "run it" for record in sound().values()} | {"timings": "print"}
    began = time.time()
    settling.settle("s", sound(), rules, untrue={FITTED})
    times = [Path(path).stat().st_mtime for path in (small_study.TEXT, TABLE, FIT, FIGURE)]
    assert times == sorted(times)
    assert len(set(times)) == 4
    assert times[0] > began
    assert (memory.rule_code(TABLE), memory.rule_code(FIT)) == ("run it", UNTRUE)
    assert memory.rule_code("results/s/timings.csv") == "print"
    assert Path("results/s/timings.csv").read_text().count("\n") == 4
    assert ledger.producer("s", small_study.record().identity.outputs[0]) is not None


def test_the_time_of_a_link_is_its_own(folder):
    text("cached", "x")
    os.utime("cached", (1.0, 1.0))
    Path("link").symlink_to("cached")
    settling._set_time(Path("link"), 5.0)
    assert (Path("link").lstat().st_mtime, Path("cached").stat().st_mtime) == (5.0, 1.0)
