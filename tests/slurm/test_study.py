"""The tiny study on a real cluster."""

import time

from scaletrace.formats.files import hashes
from tests.slurm.conftest import Driver, cluster
from tests.workflow.conftest import TINY, Clone


def results(clone):
    """The content of all that the study computed; times and logs aside."""
    folder = clone.folder / "results/tiny"
    return {
        str(path.relative_to(folder)): hashes(path)["sha256"]
        for path in folder.rglob("*")
        if path.is_file() and path.name != "timings.csv" and "logs" not in path.parts
    }


def test_the_tiny_study_is_the_local_one_bit_for_bit(box, tmp_path, record_property):
    here, there = Clone(tmp_path / "here"), Clone(tmp_path / "there")
    here.snakemake("--cores", "2")
    (there.folder / "slurm/site.yaml").write_text(cluster("site"), encoding="utf-8")
    began = time.monotonic()
    driver = Driver(there, config=TINY)
    assert driver.finish(600) == 0, driver.said()
    seconds = time.monotonic() - began
    record_property("seconds", seconds)
    print(f"the tiny study took {seconds:.0f} s")
    assert results(there) == results(here)
    assert len(results(here)) > 50
    assert not list((there.folder / "work/tiny").glob("*/lease.json"))
