from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.curve import CurvePoint, curve_in, read_curve, write_curve


def test_what_was_written_is_read_digit_by_digit(tmp_path: Path):
    points = [CurvePoint(1, 2048, 3.3000000000000003, 1e-05), CurvePoint(2, 4096, 3.0, 0.0)]
    write_curve(tmp_path / "curve.csv", points)
    assert read_curve(tmp_path / "curve.csv") == points
    assert (tmp_path / "curve.csv").read_bytes() == (
        b"step,tokens,loss,learning_rate\n1,2048,3.3000000000000003,1e-05\n2,4096,3.0,0.0\n"
    )


def test_skipped_steps_are_a_column_where_steps_can_be_skipped(tmp_path: Path):
    points = [CurvePoint(1, 2048, 3.5, 0.1, 0), CurvePoint(4, 8192, 3.0, 0.0, 2)]
    write_curve(tmp_path / "curve.csv", points)
    assert read_curve(tmp_path / "curve.csv") == points
    assert (tmp_path / "curve.csv").read_bytes() == (
        b"step,tokens,loss,learning_rate,skipped\n1,2048,3.5,0.1,0\n4,8192,3.0,0.0,2\n"
    )
    for cell in ("-1", "1.5", "", "x"):
        with pytest.raises(BadInput, match=f"found skipped '{cell}'; a number of steps is needed"):
            curve_in(f"step,tokens,loss,learning_rate,skipped\n1,1,1,1,{cell}\n".encode(), tmp_path)


def test_a_training_without_a_step_has_no_point(tmp_path: Path):
    write_curve(tmp_path / "curve.csv", [])
    assert read_curve(tmp_path / "curve.csv") == []
    assert curve_in(b"", tmp_path) == []


@pytest.mark.parametrize(
    "row",
    [
        "1,2048,x,0.1",
        "1,2048,nan,0.1",
        "1,2048,inf,0.1",
        "1,,3,0.1",
        "1,2,3",
        "0,0,1,0",
        "1,1,1,-1",
    ],
)
def test_a_row_that_is_no_point_is_one_sentence(tmp_path: Path, row: str):
    with pytest.raises(BadInput, match="not a loss curve") as refused:
        curve_in(f"step,tokens,loss,learning_rate\n{row}\n".encode(), tmp_path / "curve.csv")
    assert "\n" not in str(refused.value)


def test_what_is_no_curve_is_one_sentence(tmp_path: Path):
    with pytest.raises(BadInput, match="no column loss"):
        curve_in(b"step,tokens\n1,2\n", tmp_path)
    with pytest.raises(BadInput, match="not a loss curve"):
        curve_in(b"\xff", tmp_path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_curve(tmp_path)
