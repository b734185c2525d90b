"""Which jobs share a submission, and what is asked for where GPUs are shared."""

from scaletrace.cluster.site import Site
from scaletrace.jobs import submissions

TEXT = dict.fromkeys(("corpus", "vocab", "tokenize"), "text")


def site(**keys):
    return Site.model_validate(keys)


def test_text_and_what_follows_a_run_share():
    assert submissions.groups(site()) == TEXT | {"anneal": "{run}", "evaluate": "{run}"}
    together = site(together=4)
    names = dict.fromkeys(("anneal", "evaluate"), "training")
    assert submissions.groups(together) == TEXT | names
    assert submissions.components(together) == {"training": 4}
    assert submissions.components(site()) == {"{run}": 1}


def test_all_of_a_size_shares_where_a_site_wants_it():
    names = dict.fromkeys(("pretrain", "anneal", "evaluate"), "training")
    assert submissions.groups(site(pack="size")) == TEXT | names


def test_what_uses_a_gpu_asks_for_a_part_of_one():
    assert submissions.shares(site()) == {}
    share = {"gpu": 0, "gres": "'shard:1'"}
    rules = ("trial", "coordinates", "pretrain", "anneal", "evaluate")
    assert submissions.shares(site(gpu_share="shard:1")) == dict.fromkeys(rules, share)
