import numpy as np

from tests.figures.made_study import MadeStudy


def test_training_curves_join_segments_and_mark_divergence(made: MadeStudy):
    diverged = "d96-l2-s0-2M"
    text = made.curves[diverged].read_text().splitlines()
    made.curves[diverged].write_text("\n".join([*text[:5], "64,131072,1e9,0.01"]) + "\n")
    rows = made.table("training_curves")
    trunk = [float(r["x"]) for r in rows if r["series"] == "d96-l2-s0"]
    assert trunk == [step * 2048.0 for step in range(20, 60)]
    assert [r["y"] for r in rows if r["run"] == diverged][-1] == "1000000000.0"
    (axes,) = made.picture("training_curves").axes
    assert axes.get_ylim()[1] < 10
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xdata()).tolist() == [131072.0]
    assert np.asarray(cross.get_ydata()).tolist() == [axes.get_ylim()[1]]


def test_a_run_whose_trunk_diverged_is_marked_at_the_end_of_the_trunk(made: MadeStudy):
    made.curves["d96-l2-s0-2M"].write_text("step,tokens,loss,learning_rate\n")
    (axes,) = made.picture("training_curves").axes
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xdata()).tolist() == [59 * 2048.0]
