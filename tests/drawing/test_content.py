import math
from pathlib import Path

import pytest

from scaletrace.drawing.content import ascending, read_content
from scaletrace.drawing.fits import group_name
from scaletrace.drawing.inputs import Inputs, Settings
from scaletrace.errors import BadInput

HEAD = "run,size,family,seed,budget,n_total,n_tokens,loss,loss_se,status"
SETTINGS = Settings("made", "any", "", {"n": "total"}, [], [])


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("observations.csv")
    rows = [
        "b-1,big,decoder,0,2M,900,2000000,2.5,0.1,ok",
        "a-1,small,decoder,1,1M,100,1000000,,,failed",
    ]
    path.write_text("\n".join([HEAD, *rows, "a-2,small,decoder,1,2M,100,2000000,3.0,,ok"]) + "\n")
    return path


def test_sizes_ascend_by_n_and_groups_by_d(table: Path):
    content = read_content(Inputs(observations=table), SETTINGS)
    assert content.sizes == {"small": "decoder", "big": "decoder"}
    assert content.groups == {"1M": "decoder", "2M": "decoder"}
    assert content.d_of_groups(None) == {"1M": 1e6, "2M": 2e6}
    assert content.n_of_sizes("encoder") == {}
    assert [run.trunk for run in content.runs("small")] == ["small-s1", "small-s1"]
    assert math.isnan(content.observations[1].loss)
    assert content.source.path == "observations.csv"


def test_families_name_their_groups(table: Path):
    table.write_text(table.read_text().replace("b-1,big,decoder", "b-1,big,encoder"))
    content = read_content(Inputs(observations=table), SETTINGS)
    assert content.groups == {
        "encoder 2M": "encoder",
        "decoder 1M": "decoder",
        "decoder 2M": "decoder",
    }
    assert group_name(None, "2M") == "2M"


def test_names_ascend_by_their_largest_value():
    assert ascending([("b", 1), ("a", 3), ("b", 2), ("c", 3)]) == ["b", "a", "c"]


def test_what_cannot_be_drawn_is_one_sentence(table: Path):
    with pytest.raises(BadInput, match="no observations; any is drawn from them"):
        read_content(Inputs(), SETTINGS)
    with pytest.raises(BadInput, match=r"conventions\.n: 'all'; one of"):
        read_content(Inputs(observations=table), Settings("made", "any", "", {"n": "all"}, [], []))
    with pytest.raises(BadInput, match="1 curve files for 0 names"):
        read_content(Inputs(observations=table, curves=(table,)), SETTINGS)
