"""Laws that give their prediction alone: the same fit as with derivatives by hand."""

import dataclasses

import numpy as np
import pytest

from scaletrace import contract
from scaletrace.errors import BadInput
from scaletrace.fitting import resampling
from scaletrace.fitting.differences import ByDifferences
from scaletrace.fitting.fit import Observations, fit
from scaletrace.fitting.law import Array, Law, Logs
from scaletrace.fitting.penalties import Objective
from scaletrace.fitting.settings import OBJECTIVES
from scaletrace.fitting.solver import NotConvergedError
from scaletrace.laws import chinchilla, kaplan
from scaletrace.stages import fit as stage


def by_differences(law: Law) -> Law:
    return dataclasses.replace(
        law, jet=ByDifferences(lambda theta, logs: law.jet(theta, logs).value)
    )


def chinchilla_log_loss(theta: Array, logs: Logs) -> Array:
    """The law of Hoffmann et al. as a person would write it down."""
    e, a, alpha, b, beta = (theta[:, i, None] for i in range(5))
    return np.log(e + np.exp(a - alpha * logs["n"]) + np.exp(b - beta * logs["d"]))


PLAIN = dataclasses.replace(chinchilla.LAW, jet=ByDifferences(chinchilla_log_loss))


def noisy(count: int = 60) -> Observations:
    random = np.random.default_rng(3)
    n, d = 10 ** random.uniform(6, 9, count), 10 ** random.uniform(8, 11, count)
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.005 * random.normal(size=count))
    codes = np.arange(count)
    return Observations({"n": n, "d": d}, loss, codes, 0 * codes, np.ones(count))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_prediction_alone_gives_the_fit_of_the_derivatives_by_hand(objective):
    data = noisy()
    by_hand = fit(data, chinchilla.LAW, Objective(objective))
    plain = fit(data, PLAIN, Objective(objective))
    assert plain.params == pytest.approx(by_hand.params, rel=1e-6)
    assert plain.value == pytest.approx(by_hand.value, rel=1e-9)


def test_a_location_far_from_the_runs_is_found_too():
    data = noisy()
    by_hand = fit(data, kaplan.LAW, Objective("squared_log"))
    plain = fit(data, by_differences(kaplan.LAW), Objective("squared_log"))
    assert plain.params == pytest.approx(by_hand.params, rel=1e-6)


def test_resamples_agree():
    data = noisy()
    counts = resampling.counts(data, "observation", 20, 0)
    draws = []
    for law in (chinchilla.LAW, PLAIN):
        fitted = fit(data, law, Objective())
        draws.append(fitted.problem.natural(resampling.refit(fitted, counts)[0]))
    np.testing.assert_allclose(*draws, rtol=1e-5)


def broken_at(theta: Array, logs: Logs) -> Array:
    """A prediction with steps as log E changes."""
    return chinchilla_log_loss(theta, logs) + 0.01 * (theta[:, 0, None] % 1e-9 > 5e-10)


@pytest.mark.parametrize("noise", [1e-7, 1e-3])
def test_a_noisy_prediction_is_refused_in_words(noise):
    random = np.random.default_rng(0)

    def prediction(theta: Array, logs: Logs) -> Array:
        exact = chinchilla_log_loss(theta, logs)
        return exact + noise * random.normal(size=exact.shape)

    law = dataclasses.replace(chinchilla.LAW, jet=ByDifferences(prediction))
    with pytest.raises(NotConvergedError, match="the prediction is not smooth, or noisy"):
        fit(noisy(), law, Objective())


def test_a_prediction_with_steps_is_refused_in_words():
    law = dataclasses.replace(chinchilla.LAW, jet=ByDifferences(broken_at))
    with pytest.raises(NotConvergedError, match=r"test_differences: .* with one step"):
        fit(noisy(), law, Objective())


def test_a_job_ends_with_that_sentence(tmp_path, monkeypatch):
    law = dataclasses.replace(chinchilla.LAW, jet=ByDifferences(broken_at))
    monkeypatch.setattr(chinchilla, "LAW", law)
    data = noisy()
    lines = [
        "n_params,n_tokens,loss,loss_se",
        *(
            f"{n!r},{d!r},{loss!r},0.01"
            for n, d, loss in zip(
                data.variables["n"].tolist(),
                data.variables["d"].tolist(),
                data.loss.tolist(),
                strict=True,
            )
        ),
    ]
    table = tmp_path / "runs.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"law": "chinchilla", "budget": None, "resamples": 100}
    with pytest.raises(BadInput, match="not smooth, or noisy"):
        contract.run(
            stage, {"observations": [table]}, {"fit": tmp_path / "fit.json"}, settings, tmp_path
        )
