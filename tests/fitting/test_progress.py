"""Who waits hears of progress within the block alone."""

from scaletrace.fitting.progress import observed, report


def test_an_observer_hears_what_is_reported_in_its_block():
    heard = []
    report("before", 0, 1)
    with observed(lambda *progress: heard.append(progress)):
        report("resampling", 400, 1000)
    report("after", 1, 1)
    assert heard == [("resampling", 400, 1000)]
