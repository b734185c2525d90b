"""The lease, held and taken by real processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

from scaletrace.jobs import lease as leases

HOLD = """
import sys, time
from pathlib import Path
from scaletrace.jobs import lease as leases
leases.WAIT = 0.1
with leases.lease(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def holder(folder, seconds):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def first_line(process):
    assert process.stdout is not None
    return process.stdout.readline()


def test_the_second_waits_for_a_living_first(tmp_path):
    with contextlib.ExitStack() as stack:
        with leases.lease(tmp_path):
            second = stack.enter_context(holder(tmp_path, 0))
            said = first_line(second)
            assert f"waiting: process {os.getpid()} on {socket.gethostname()}" in said
            assert second.poll() is None
        assert first_line(second) == "held\n"
        assert second.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_is_followed_at_once(tmp_path):
    with holder(tmp_path, 60) as first:
        assert first_line(first) == "held\n"
        first.send_signal(signal.SIGKILL)
    began = time.monotonic()
    with leases.lease(tmp_path):
        assert time.monotonic() - began < leases.WAIT


def test_a_process_id_that_was_given_away_does_not_hold(tmp_path):
    stale = {"host": socket.gethostname(), "pid": os.getpid(), "started": 0.0, "slurm_job": None}
    path = tmp_path / "lease.json"
    path.write_text(json.dumps(stale), encoding="utf-8")
    silent = time.time() - 3 * leases.HEARTBEAT - 1
    os.utime(path, (silent, silent))
    with leases.lease(tmp_path):
        assert json.loads(path.read_text())["started"] > 0


def test_a_holder_whose_start_seems_moved_holds_while_its_heart_beats(tmp_path):
    moved = {"host": socket.gethostname(), "pid": os.getpid(), "started": 0.0}
    path = tmp_path / "lease.json"
    path.write_text(json.dumps(moved), encoding="utf-8")
    with holder(tmp_path, 0) as waiting:
        assert f"waiting: process {os.getpid()}" in first_line(waiting)
        path.unlink()
        assert first_line(waiting) == "held\n"


def test_one_that_lost_its_lease_while_suspended_ends(tmp_path):
    hold = HOLD.replace("leases.WAIT = 0.1", "leases.HEARTBEAT = 0.2")
    command = [sys.executable, "-c", hold, str(tmp_path), "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as suspended:
        assert first_line(suspended) == "held\n"
        (tmp_path / "lease.json").write_text("{}", encoding="utf-8")
        assert "another process has taken over" in first_line(suspended)
        assert suspended.wait(10) == 1


def test_another_host_holds_as_long_as_its_heart_beats(tmp_path):
    path = tmp_path / "lease.json"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}), encoding="utf-8")
    with holder(tmp_path, 0) as waiting:
        assert "process 1 on elsewhere" in first_line(waiting)
        silent = time.time() - leases.SILENCE - 1
        os.utime(path, (silent, silent))
        assert first_line(waiting) == "held\n"
        assert waiting.wait(10) == 0


def test_of_many_that_find_a_dead_holder_one_at_a_time_works(tmp_path):
    stale = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 0.0}
    (tmp_path / "lease.json").write_text(json.dumps(stale), encoding="utf-8")
    mark = """
import os, sys, time
from pathlib import Path
from scaletrace.jobs import lease
lease.WAIT = 0.02
with lease.lease(Path(sys.argv[1])):
    os.close(os.open(sys.argv[1] + "/alone", os.O_CREAT | os.O_EXCL))
    time.sleep(0.05)
    os.unlink(sys.argv[1] + "/alone")
"""
    racers = [subprocess.Popen([sys.executable, "-c", mark, str(tmp_path)]) for _ in range(6)]
    assert [racer.wait(30) for racer in racers] == [0] * 6


def test_a_torn_lease_is_replaced_when_nobody_keeps_it_fresh(tmp_path):
    path = tmp_path / "lease.json"
    path.write_text("", encoding="utf-8")
    with holder(tmp_path, 0) as waiting:
        assert "waiting: process None on None" in first_line(waiting)
        silent = time.time() - leases.SILENCE - 1
        os.utime(path, (silent, silent))
        assert first_line(waiting) == "held\n"
        assert waiting.wait(10) == 0


def test_a_lease_taken_meanwhile_is_given_back(tmp_path, monkeypatch):
    path = tmp_path / "lease.json"
    stale = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 0.0}
    path.write_text(json.dumps(stale), encoding="utf-8")
    living = json.dumps(leases._me())

    def meanwhile(lease, holder):
        """Judge the dead holder, and let another take its place before the answer."""
        assert holder == stale
        lease.write_text(living, encoding="utf-8")
        return True

    monkeypatch.setattr(leases, "_is_dead", meanwhile)
    assert leases._remove_if_dead(path) is None
    assert path.read_text(encoding="utf-8") == living
    assert list(tmp_path.iterdir()) == [path]
