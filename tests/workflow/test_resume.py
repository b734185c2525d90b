"""A training job that is killed and started again, through the job wrapper."""

import os
import shutil
import socket
import subprocess
import time

from scaletrace.formats.record import read_record
from tests.workflow.conftest import job_command

RECORD = "provenance/jobs/tiny/pretrain/seed=0,size=d8-l1,tokens=24960.json"


def test_the_record_names_every_process_that_contributed_steps(finished, tmp_path, monkeypatch):
    identity = read_record(finished.folder / RECORD).identity
    for file in identity.inputs:
        target = tmp_path / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(finished.folder / file.path, target)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(finished.folder / "src"))
    command = job_command(identity, save_seconds=0)

    def start(slurm_job):
        environment = os.environ | {"SLURM_JOB_ID": slurm_job}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    killed = start("71")
    while not list(tmp_path.glob("work/tiny/*/state-b.safetensors")):
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    finishing = start("72")
    assert finishing.wait() == 0
    record = read_record(tmp_path / RECORD)
    circumstances = record.circumstances.raw
    host, pids = socket.gethostname(), [killed.pid, finishing.pid]
    for listed in (circumstances["attempts"], circumstances["measured"]["processes"]):
        assert [p["pid"] for p in listed] == pids
        assert [p["slurm_job"] for p in listed] == ["71", "72"]
        assert {p["host"] for p in listed} == {host}
    first, second = circumstances["measured"]["processes"]
    assert 0 == first["from_step"] < first["to_step"] == second["from_step"]
    assert second["to_step"] == identity.settings["to_step"]
    # Killed and resumed, the bytes are those of the run that nobody disturbed.
    assert record.identity.outputs == identity.outputs
