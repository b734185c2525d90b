"""The law of the best rate, on losses whose law is known."""

import numpy as np
import pytest
from scipy.stats import t as student

from scaletrace.fitting import best_rate

RATES = 0.003 * 2.0 ** np.arange(6)
N = np.array([1e4, 3e4, 9e4])


def losses(n, noise=0.0, seed=0, exponent=-0.4):
    """Parabolas in ln rate whose centre is at 0.012 (N / 3e4)^exponent."""
    centre = np.log(0.012) + exponent * np.log(n / 3e4)
    random = np.random.default_rng([seed, int(n)])
    exact = 3.0 - 0.1 * np.log(n / 1e4) + 0.04 * (np.log(RATES) - centre) ** 2
    return exact + noise * random.standard_normal(len(RATES))


def found_law(noise=0.0, seed=0):
    parabolas = [best_rate.parabola(RATES, losses(n, noise, seed)) for n in N]
    return best_rate.law(N[:, None], parabolas)


def found_law_of_d(noise=0.0, seed=0):
    """The law of minima at 0.012 (N / 3e4)^-0.4 (D / 1e6)^-0.2, at three N and three D."""
    places = [(n, d) for n in N for d in (2.5e5, 1e6, 4e6)]
    parabolas = []
    for place, (n, d) in enumerate(places):
        # The centre that a larger N would have.
        moved = losses(n * (d / 1e6) ** 0.5, noise, 1000 * seed + place)
        parabolas.append(best_rate.parabola(RATES, moved))
    return best_rate.law(np.array(places), parabolas)


def test_exact_losses_give_the_law_exactly():
    law = found_law()
    assert law.exponents == pytest.approx([-0.4], abs=1e-9)
    assert np.exp(law.centre) == pytest.approx(0.012 * (law.at[0] / 3e4) ** -0.4, rel=1e-9)


def test_exact_losses_at_several_n_and_d_give_both_exponents():
    law = found_law_of_d()
    assert law.exponents == pytest.approx([-0.4, -0.2], abs=1e-9)
    factor = (law.at[0] / 3e4) ** -0.4 * (law.at[1] / 1e6) ** -0.2
    assert np.exp(law.centre) == pytest.approx(0.012 * factor, rel=1e-9)


@pytest.mark.parametrize(
    ("places", "enough"),
    [
        ([(1e4,), (3e4,)], True),
        ([(1e4,)], False),
        ([(1e4,), (1e4,)], False),
        # Budgets as batches of 48 and of 32 round them.
        ([(1e4, 15_984), (3e4, 16_000), (9e4, 16_000)], False),
        ([(1e4, 1e6), (3e4, 1e6), (1e4, 4e6)], True),
        ([(1e4, 1e6), (3e4, 1e6), (9e4, 1e6)], False),
        # D twenty times N everywhere.
        ([(1e4, 2e5), (3e4, 6e5), (9e4, 1.8e6)], False),
    ],
)
def test_as_many_places_as_a_law_has_numbers_in_as_many_directions(places, enough):
    assert best_rate.determined(np.array(places)) == enough


def test_a_parabola_gives_its_own_numbers_back():
    found = best_rate.parabola(RATES, losses(3e4))
    assert found.centre == pytest.approx(np.log(0.012))
    assert found.lowest == pytest.approx(3.0 - 0.1 * np.log(3))
    assert found.curvature == pytest.approx(0.08)
    assert found.used.sum() == 5
    assert found.loss(np.log(RATES)) == pytest.approx(losses(3e4))


@pytest.mark.parametrize(
    ("found", "exponents"), [(found_law, [-0.4]), (found_law_of_d, [-0.4, -0.2])]
)
def test_intervals_cover_the_exponents_as_often_as_they_say(found, exponents):
    covered = np.zeros(len(exponents))
    for seed in range(300):
        law = found(noise=0.004, seed=seed)
        assert law.covariance is not None
        halves = student.ppf(0.975, law.dof) * np.sqrt(np.diag(law.covariance)[1:])
        covered += abs(law.exponents - exponents) < halves
    assert (covered / 300 > 0.92).all()
    assert (covered / 300 < 0.99).all()


def test_two_sizes_and_three_rates_give_a_law_without_an_interval():
    rates = RATES[1:4]
    parabolas = [best_rate.parabola(rates, losses(n, exponent=-0.1)[1:4]) for n in N[:2]]
    law = best_rate.law(N[:2, None], parabolas)
    assert law.exponents == pytest.approx([-0.1], abs=1e-9)
    assert law.covariance is None


def test_seeds_are_points_of_their_own():
    rates = np.concatenate([RATES, RATES])
    both = np.concatenate([losses(3e4, 0.01, 1), losses(3e4, 0.01, 2)])
    found = best_rate.parabola(rates, both)
    assert found.used.sum() == found.dof + 3 == 10


@pytest.mark.parametrize(
    ("keep", "said", "edge", "following"),
    [
        (slice(2, 6), "lowest at the lowest candidate, 0.012", "lowest", 0.006),
        (slice(0, 3), "lowest at the highest candidate, 0.012", "highest", 0.024),
    ],
)
def test_a_minimum_at_an_end_is_refused_with_the_rate_beyond(keep, said, edge, following):
    with pytest.raises(best_rate.NoMinimumError, match=said) as refused:
        best_rate.parabola(RATES[keep], losses(3e4)[keep])
    error = refused.value
    assert (error.edge, error.rate) == (edge, 0.012)
    assert error.following == pytest.approx(following)


def test_a_minimum_beside_what_diverged_is_refused():
    some = losses(3e4)
    some[3] = np.nan
    with pytest.raises(best_rate.NoMinimumError, match=r"candidate, 0\.024, diverged") as refused:
        best_rate.parabola(RATES, some)
    assert (refused.value.edge, refused.value.rate) == ("highest", 0.012)
    assert refused.value.following == pytest.approx(np.sqrt(0.012 * 0.024))
    some[:] = np.nan
    with pytest.raises(best_rate.NoMinimumError, match="every candidate diverged") as refused:
        best_rate.parabola(RATES, some)
    assert (refused.value.edge, refused.value.following) == ("lowest", 0.0015)


def test_a_cliff_beyond_the_neighbours_moves_nothing():
    some = losses(3e4)
    some[4] = 4.5
    found = best_rate.parabola(RATES, some)
    assert found.centre == pytest.approx(np.log(0.012))
    assert list(RATES[found.used]) == pytest.approx([0.003, 0.006, 0.012, 0.024])


def test_what_diverged_further_out_is_left_out():
    some = losses(3e4)
    some[5] = np.nan
    found = best_rate.parabola(RATES, some)
    assert found.centre == pytest.approx(np.log(0.012))
    assert not found.used[5]
