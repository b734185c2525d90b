import json
from dataclasses import replace
from pathlib import Path

import pytest

from scaletrace.errors import BadInput
from scaletrace.formats.rate_law import RateLaw, read_rate_law, read_tuned_law, write_rate_law

LAW = RateLaw("decoder", 0.01, 1e4, -0.5, 1024, 0.95)
SIZE = {"size": "a", "n_non_embedding": 1e4, "rate": 0.01, "low": None, "high": None}
SIZE |= {"loss": 3.0, "curvature": 0.1, "trials_used": 3}
EVIDENCE = {"level": 0.95, "standard_errors": None, "n_exponent_interval": None, "loss_noise": None}
EVIDENCE |= {"covariance": None, "sizes": [SIZE], "choices": [], "n_tokens": 1000}


def test_what_was_written_is_read(tmp_path: Path):
    write_rate_law(tmp_path / "law.json", LAW, EVIDENCE)
    assert read_rate_law(tmp_path / "law.json") == LAW
    tuned = read_tuned_law(tmp_path / "law.json")
    assert tuned.rate(4e4, 1e6) == LAW.rate(4e4, 1e9) == 0.005
    assert tuned.sizes[0].rate == 0.01


def test_a_law_of_d_has_a_rate_at_each_d(tmp_path: Path):
    law = replace(LAW, at_d=1e6, d_exponent=-0.5)
    rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    write_rate_law(tmp_path / "law.json", law, EVIDENCE | {"covariance": rows})
    read = read_rate_law(tmp_path / "law.json")
    assert read == law
    assert read.rate(4e4, 4e6) == 0.0025
    assert read.flag(4e4, 4e6, 0.006) == "above law"
    assert read.flag(4e4, 1e6, 0.006) == ""
    with pytest.raises(BadInput, match="3 rows of 3 numbers"):
        write_rate_law(tmp_path / "law.json", law, EVIDENCE | {"covariance": [[1.0, 0.0]] * 2})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("at_d", 1e6),
        ("next", [{"size": "a"}]),
        ("value", 0),
        ("value", "0.01"),
        ("at_n", -1),
        ("batch_tokens", 0),
        ("n_exponent", float("nan")),
        ("covariance", [[1.0]]),
        ("sizes", []),
        ("sizes", [{"size": "a"}]),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, key: str, value: object):
    with pytest.raises(BadInput, match=rf"not the law of a learning rate \(.*{key}"):
        write_rate_law(tmp_path / "law.json", LAW, EVIDENCE | {key: value})
    assert not (tmp_path / "law.json").exists()
    content = json.dumps(vars(LAW) | EVIDENCE | {key: value})
    (tmp_path / "law.json").write_text(content)
    with pytest.raises(BadInput, match="not the law of a learning rate"):
        read_tuned_law(tmp_path / "law.json")
