"""Jobs that cannot succeed say so on a real cluster, and cost nobody else anything."""

import csv
import itertools
import os
import shlex
import subprocess
import sys

import pytest

from tests.slurm.conftest import (
    BRIEF,
    Driver,
    circumstances,
    cluster,
    here,
    job_facts,
    model,
    until,
    weights,
)

TWENTY = [f"d32-l2-s{seed}-8k" for seed in range(20)]


def test_a_job_that_always_fails_is_tried_three_times_and_then_excluded(clone):
    size = "d32-l2: {width: 32, layers: 2, heads: 2}"
    widths = (8, 16, 24, 32, 40, 48)
    sizes = "\n  ".join(f"d{width}-l1: {{width: {width}, layers: 1, heads: 1}}" for width in widths)
    for old, new in (
        (size, sizes),
        ("[8_000, 600_000, 1_200_000]", "[8_000]"),
        ("seeds: [0,", "seeds: [0]  # ["),
        ("[power_d]", "[power_n]"),
    ):
        clone.edit("config/faults.yaml", old, new)
    runs = [f"d{width}-l1-s0-8k" for width in widths]
    hopeless, *others = runs
    # In front of the interpreter that jobs call: one run's training never succeeds.
    tried = clone.folder / "tried"
    (clone.folder / "bin").mkdir()
    shim = clone.folder / "bin/python"
    shim.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *anneal@*{hopeless}*) echo once >> {tried}; echo no luck; exit 1 ;; esac\n'
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    shim.chmod(0o755)
    driver = Driver(clone)
    assert driver.finish() == 1
    assert tried.read_text().splitlines() == ["once"] * 3
    for run in others:
        assert (clone.folder / f"results/faults/evals/{run}.json").exists(), driver.said()
    _, _, told = driver.said().partition("\nfailed:\n")
    assert f"anneal {hopeless}: no luck" in " ".join(told.split())
    assert f"results/faults/logs/anneal/{hopeless}.log" in told
    clone.edit("config/faults.yaml", "fits:", f"exclude: {{{hopeless}: no luck}}\nfits:")
    again = Driver(clone)
    assert again.finish() == 0, again.said()
    with (clone.folder / "results/faults/observations.csv").open(newline="") as stream:
        rows = {row["run"]: row for row in csv.DictReader(stream)}
    assert rows[hopeless]["status"] == "excluded"
    assert rows[hopeless]["reason"] == "no luck"
    assert {rows[run]["status"] for run in others} == {"ok"}
    fit = (clone.folder / "results/faults/fits/power_n-8k.json").read_text()
    assert hopeless in fit
    assert tried.read_text().splitlines() == ["once"] * 3


@pytest.mark.parametrize(
    ("resource", "limit"),
    [
        ("mem_mb=99999", "99,999 MB"),
        ("runtime=99999", "99,999 minutes"),
        ("gpu=99", "99 GPUs"),
    ],
)
def test_what_no_node_has_is_refused_before_submission(clone, resource, limit):
    driver = Driver(clone, model(BRIEF), "--set-resources", f"anneal:{resource}")
    assert driver.finish(60) == 1
    assert BRIEF in driver.said()
    assert limit in driver.said()
    assert "has been submitted" not in driver.said()


@pytest.fixture
def runs_folder(clone):
    """A file system of its own for the runs, which root can fill and make read-only."""
    folder = clone.folder / "results/faults/runs"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize(
    ("before", "sentence", "after", "limits"),
    [
        # The second attempt asks for no more than the partition gives, or it would wait for ever.
        (None, "No space left on device", "size=50m", ["00:11:00", "00:15:00"]),
        ("ro", "Read-only file system", "rw,size=50m", ["00:11:00"]),
    ],
)
def test_a_full_or_read_only_folder_is_one_sentence(
    clone, prepared, tmp_path, runs_folder, before, sentence, after, limits
):
    with (clone.folder / "slurm/site.yaml").open("w") as site:
        site.write("partition: short\npoll_seconds: 2\n")
    driver = Driver(clone, model(BRIEF), "--retries", str(len(limits) - 1))
    if before:
        # At the moment of writing: the job's draft folder is there and nothing is put in place.
        until(lambda: list(runs_folder.glob("*/.draft-*")), driver.said)
        subprocess.run(["mount", "-o", f"remount,{before}", runs_folder], check=True)
    assert driver.finish() == 1, driver.said()
    log = (clone.folder / f"results/faults/logs/anneal/{BRIEF}.log").read_text()
    assert sentence in log
    assert "Traceback" not in log
    assert not (clone.folder / model(BRIEF)).exists()
    subprocess.run(["mount", "-o", f"remount,{after}", runs_folder], check=True)
    again = Driver(clone, model(BRIEF))
    assert again.finish() == 0, again.said()
    *failed, _ = circumstances(clone, BRIEF)["attempts"]
    assert all(sentence in attempt["problem"] for attempt in failed)
    assert [job_facts(attempt["slurm_job"])["TimeLimit"] for attempt in failed] == limits
    undisturbed = prepared.copied(tmp_path / "undisturbed")
    here(undisturbed, model(BRIEF))
    assert weights(clone, BRIEF) == weights(undisturbed, BRIEF)


def test_a_cluster_that_does_not_answer_is_a_message(clone):
    cluster("stop", "slurmctld")
    try:
        driver = Driver(clone, model(BRIEF))
        assert driver.finish() == 1
    finally:
        cluster("start", "slurmctld")
    assert "nothing was submitted, for SLURM does not answer" in driver.said()


def test_twenty_runs_on_four_gpus_use_each_by_one_job_at_a_time(clone):
    driver = Driver(clone, *map(model, TWENTY), "--set-resources", "anneal:gpu=1")
    assert driver.finish(600) == 0, driver.said()
    found = [circumstances(clone, run) for run in TWENTY]
    used = {}
    for job in found:
        facts = job_facts(job["slurm_job"])
        assert facts["TresPerJob"] == "gres:gpu:1", facts
        used.setdefault((job["node"], job["gpus"]), []).append((job["start"], job["end"]))
    assert set(used) == {(node, gpu) for node in ("n1", "n2") for gpu in ("0", "1")}
    for spans in used.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), used
    assert len({job["slurm_job"] for job in found}) == len(TWENTY)
    assert len({job["work"] for job in found}) == len(TWENTY)
