from scaletrace.formats.progress_line import ProgressLine, last_progress


def test_what_is_written_is_read_back():
    line = ProgressLine(120, 781, 4.0625, 12345.0, 53.0)
    assert str(line) == "step 120/781  loss 4.0625  12,345 tokens/s  53 s left"
    assert last_progress(str(line)) == line


def test_a_training_without_a_loss_yet():
    line = ProgressLine(1, 781, None, 999.0, 0.0)
    assert last_progress(str(line)) == line


def test_the_newest_of_several_lines_counts():
    old, new = ProgressLine(1, 9, 3.5, 10.0, 8.0), ProgressLine(5, 9, 3.25, 10.0, 4.0)
    log = f"resuming after step 0 of 9\n{old}\n{new}\nstopped by signal 15 after step 5\n"
    assert last_progress(log) == new


def test_a_torn_line_is_no_progress():
    assert last_progress("step 12/781  loss 4.06") is None
    assert last_progress("") is None
