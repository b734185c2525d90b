"""Goals: what may be wanted of which law."""

import numpy as np
import pytest

from scaletrace import kinds
from scaletrace.errors import BadInput
from scaletrace.fitting.allocation import optimal
from scaletrace.fitting.goals import goal_of
from scaletrace.fitting.token_cost import SIX_N_D
from tests.laws.test_laws import TRUE, one


def goal(text: str, law: str = "chinchilla"):
    return goal_of(text, kinds.load("laws", law).LAW, SIX_N_D)


def value(text: str, law: str = "chinchilla") -> float:
    return float(goal(text, law).quantity(np.array([list(TRUE[law].values())]))[0])


def test_goals_are_what_they_say():
    law = kinds.load("laws", "chinchilla").LAW
    params = np.array([list(TRUE["chinchilla"].values())])
    assert value("loss@1e9,2e10") == one("chinchilla", TRUE["chinchilla"], n=1e9, d=2e10)
    assert value("N_opt@1e21") == float(optimal(law, 1e21)["N_opt"](params)[0])
    assert value("beta") == 0.28
    assert value("a") == pytest.approx(0.28 / 0.62)
    assert value("loss@1e20", "power_c") == one("power_c", TRUE["power_c"], c=1e20)
    assert value("loss@1e9,2e10", "power_c") == value("loss@1.2e20", "power_c")
    expected = one("overtraining", TRUE["overtraining"], n=1e9, d=2e10, c=1.2e20)
    assert value("loss@1e9,2e10", "overtraining") == pytest.approx(expected)
    assert [goal(text).logarithmic for text in ("A", "beta", "a", "D_opt@1e20")] == [
        *(True, False, False, True)
    ]


@pytest.mark.parametrize(
    ("text", "law", "said"),
    [
        ("loss", "chinchilla", "goal 'loss': chinchilla has loss@N,D, N_opt@C, D_opt@C, E, A"),
        ("loss@1e9", "chinchilla", "chinchilla has loss@N,D"),
        ("D_opt@1e20", "power_c", "power_c has loss@C, E, A, alpha"),
        ("N_opt@1e20", "power_c", "power_c has loss@C"),
        ("loss@1e9,-2", "chinchilla", "one or two positive numbers"),
        ("loss@x,y", "chinchilla", "one or two positive numbers"),
        ("loss@1,2,3", "chinchilla", "one or two positive numbers"),
        ("gamma", "chinchilla", "goal 'gamma'"),
    ],
)
def test_other_goals_are_refused(text, law, said):
    with pytest.raises(BadInput) as caught:
        goal(text, law)
    assert said in str(caught.value)
