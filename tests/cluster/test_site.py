"""The site file, and what the SLURM profile makes of it."""

import io
import shutil
from pathlib import Path

import pytest
import yte

from scaletrace.cluster.site import Site, job_prefix, read_partitions, read_site
from scaletrace.errors import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """What Snakemake reads of the profile with a site file of given content."""

    def read(content):
        (tmp_path / "slurm").mkdir(exist_ok=True)
        (tmp_path / "slurm/site.yaml").write_text(content, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        text = (ROOT / "slurm/config.yaml").read_text(encoding="utf-8")
        return yte.process_yaml(io.StringIO(text), require_use_yte=True)

    return read


def test_the_profile_works_without_a_site_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_site() == Site()  # pyright: ignore[reportCallIssue]


def test_the_site_reaches_the_profile(profile, tmp_path):
    (tmp_path / "table.yaml").write_text("partitions: {short: {max_runtime: 5}}", encoding="utf-8")
    found = profile(
        "account: 0815\npartition: gpu\nqos: fast\nconstraint: a100&ib\nreservation: course\n"
        "partitions: table.yaml\nlogs: /scratch/logs\npoll_seconds: 5\nwarning_seconds: 300\n"
        "status: squeue\n".replace("0815", "'0815'")
    )
    asked = found["default-resources"]
    # Words are quoted, for Snakemake evaluates them: an account may look like a number.
    assert asked["slurm_account"] == "'0815'"
    assert asked["slurm_partition"] == "'gpu'"
    assert asked["qos"] == "'fast'"
    assert asked["constraint"] == "'a100&ib'"
    assert "--signal=TERM@300" in asked["slurm_extra"]
    assert found["slurm-partition-config"] == "table.yaml"
    assert found["slurm-reservation"] == "course"
    assert found["slurm-logdir"] == "/scratch/logs"
    assert found["slurm-init-seconds-before-status-checks"] == 5
    assert found["slurm-status-command"] == "squeue"


def test_what_the_site_does_not_say_is_not_asked_for(profile):
    found = profile("{}")
    assert set(found["default-resources"]) == {"runtime", "mem_mb", "slots", "slurm_extra"}
    assert "set-resources" not in found
    assert "slurm-partition-config" not in found


def test_packing_is_a_switch(profile):
    alone = profile("{}")
    assert alone["groups"]["anneal"] == "{run}"
    assert "pretrain" not in alone["groups"]
    packed = profile("pack: size\ntogether: 4\ngpu_share: shard:1")
    assert packed["groups"]["pretrain"] == packed["groups"]["anneal"] == "training"
    assert packed["group-components"]["training"] == 4
    assert packed["set-resources"]["anneal"] == {"gpu": 0, "gres": "'shard:1'"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("acount: x", "slurm/site.yaml: acount: unknown key"),
        ("poll_seconds: 0", "poll_seconds: found 0; input should be greater than 0"),
        ("pack: rack", "pack: found 'rack'"),
        ("gpu_share: 'shard: 1'", "gpu_share: found 'shard: 1'"),
        ("partitions: t.yaml\ngpu_share: shard:1", "gpu_share: a table .partitions. does not"),
    ],
)
def test_a_mistake_is_named_by_file_and_key(tmp_path, monkeypatch, line, said):
    monkeypatch.chdir(tmp_path)
    Path("slurm").mkdir()
    Path("slurm/site.yaml").write_text(line, encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_site()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "table.yaml: no such file"),
        ("short: {max_runtime: 5}", "table.yaml: partitions: missing"),
        ("partitions: {short: 5}", "partitions.short: found 5"),
        ("partitions: {short: {max_hours: 5}}", "partitions: short: found max_hours; allowed are"),
        (
            "partitions: {short: {max_mem_mb: 64G}}",
            "short: max_mem_mb: found '64G'; allowed are nu",
        ),
        ("partitions: {short: {max_runtime: soon}}", "short: max_runtime: found 'soon'; allowed"),
    ],
)
def test_a_mistake_in_the_partition_table_is_named(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    if content:
        Path("table.yaml").write_text(content, encoding="utf-8")
    Path("slurm").mkdir()
    Path("slurm/site.yaml").write_text("partitions: table.yaml", encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_site()


def test_a_time_in_the_partition_table_is_in_minutes(tmp_path):
    path = tmp_path / "table.yaml"
    path.write_text("partitions: {long: {max_runtime: '2-00:00:00'}}", encoding="utf-8")
    assert read_partitions(path) == {"long": {"max_runtime": 2880}}


def test_a_site_file_of_nothing_but_comments_is_the_example(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("slurm").mkdir()
    shutil.copy(ROOT / "slurm/site.example.yaml", "slurm/site.yaml")
    assert read_site() == Site()  # pyright: ignore[reportCallIssue]


def test_the_example_names_every_key():
    text = (ROOT / "slurm/site.example.yaml").read_text(encoding="utf-8")
    assert [key for key in Site.model_fields if f"# {key}:" not in text] == []


@pytest.mark.parametrize(
    ("argv", "prefix"),
    [
        (["snakemake", "--configfile", "config/mine.yaml", "-n"], "mine"),
        (["snakemake", "--configfile=config/mine.yaml"], "mine"),
        (["snakemake", "--configfile", "config/mine.v2.yaml"], "mine-v2"),
        (["snakemake", "--configfile", f"{'x' * 64}.yaml"], "x" * 50),
        (["snakemake"], "demo"),
    ],
)
def test_jobs_are_named_after_the_study(argv, prefix):
    assert job_prefix(argv) == prefix
