"""What a cluster could never run, by what sinfo says of it."""

import math

import pytest

from scaletrace.cluster import capacity

SAID = """\
short*|6000|4|gpu:2|15:00
long|64000|16|gpu:a100:4(S:0-1)|2-00:00:00
long|6000|4|(null)|2-00:00:00
"""
GPUS = {"max_gpu": 4}
BOTH = {"short": GPUS, "long": GPUS}


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("15:00", 15), ("1:30:00", 90), ("2-00:00:00", 2880), ("0:30", 0.5), ("infinite", math.inf)],
)
def test_time_limits(limit, minutes):
    assert capacity.minutes(limit) == minutes


def test_nodes_are_read_with_their_gpus_and_the_default_partition():
    nodes = capacity.parse(SAID)
    assert [node.gpus for node in nodes] == [2, 4, 0]
    assert [node.default for node in nodes] == [True, False, False]


def need(partition=None, **asked):
    amounts = {"memory_mb": 1000, "cpus": 1, "gpus": 0, "minutes": 10} | asked
    return capacity.Need("anneal d8-l1", partition, **amounts)


def refusal(wanted, there, table):
    return capacity.refusal(wanted, capacity.reachable(wanted, there, table))


@pytest.mark.parametrize(
    ("asked", "table", "said"),
    [
        ({}, {}, None),
        ({"memory_mb": 7000}, {}, "needs 7,000 MB; partition short gives 6,000 MB"),
        ({"memory_mb": 7000}, BOTH, None),
        ({"minutes": 60}, {}, "needs 60 minutes; partition short gives 15 minutes"),
        ({"gpus": 5}, BOTH, "needs 5 GPUs; partition long and short gives 4 GPUs"),
        # Each amount is there, but not on one node.
        ({"memory_mb": 7000, "gpus": 0, "minutes": 10}, {"long": GPUS}, None),
        ({"cpus": 16, "gpus": 4, "minutes": 60}, {"short": GPUS}, "needs 16 CPUs"),
        (
            {"partition": "short", "minutes": 60},
            {"long": GPUS},
            "needs 60 minutes; partition short",
        ),
    ],
)
def test_what_could_never_run_is_refused_with_the_limit(asked, table, said):
    found = refusal(need(**asked), capacity.parse(SAID), table)
    assert found is None if said is None else found and said in found


class Submission:
    """What Snakemake says of a job, as far as it matters for shared GPUs."""

    wildcards = ("d8-l1",)
    rule = type("Rule", (), {"name": "anneal"})

    def __init__(self, threads, gres):
        self.threads = threads
        self.resources = {"gres": gres}


@pytest.mark.parametrize(
    ("threads", "gres", "said"),
    [(1, "shard:1", None), (2, "", None), (2, "gpu:2", None), (2, "shard:1", "by 2 processes")],
)
def test_processes_of_one_training_do_not_share_one_gpu(threads, gres, said):
    found = capacity.crowded(Submission(threads, gres))
    assert (found is None) if said is None else (said in found)


def test_without_known_nodes_nothing_is_refused():
    assert refusal(need(memory_mb=10**9), [], {}) is None
    assert capacity.room(need(), []) == capacity.Room()


@pytest.mark.parametrize(
    ("asked", "table", "times"),
    [
        ({}, {}, (1.5, 6)),
        # The long partition's large nodes.
        ({}, BOTH, (288, 64)),
        # What no node has, or all of a node, has no room.
        ({"minutes": 15, "memory_mb": 6000}, {}, (1, 1)),
        ({"gpus": 9}, {}, (math.inf, math.inf)),
    ],
)
def test_later_attempts_grow_as_far_as_a_node_allows(asked, table, times):
    wanted = need(**asked)
    found = capacity.room(wanted, capacity.reachable(wanted, capacity.parse(SAID), table))
    assert (found.minutes, found.memory) == times


def test_a_table_says_less_than_the_nodes_have():
    there, tight = capacity.parse(SAID), {"long": {"max_runtime": 100, "max_mem_mb": 9000}}
    wanted = need(minutes=60)
    found = capacity.room(wanted, capacity.reachable(wanted, there, tight))
    assert (found.minutes, found.memory) == (100 / 60, 9)
    # What fits into no partition of the table is sent to the default one, without its GPUs' limit.
    assert refusal(need(gpus=2), there, tight) is None
    assert "needs 2,000 minutes" in str(refusal(need(minutes=2000), there, tight))


@pytest.mark.parametrize("partition", ["hidden", "a100,hidden"])
def test_of_partitions_that_sinfo_does_not_show_nothing_is_said(partition):
    there = capacity.parse(SAID)
    assert refusal(need(partition, gpus=9), there, {}) is None
    assert refusal(need(gpus=9), there, {"hidden": GPUS}) is None


def test_a_job_may_go_to_any_of_several_partitions():
    there = capacity.parse(SAID)
    assert refusal(need("short,long", memory_mb=7000, gpus=2), there, {}) is None
    assert "long and short" in str(refusal(need("short,long", gpus=5), there, {}))
