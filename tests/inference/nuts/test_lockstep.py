"""Walkers in lockstep draw from their targets, and say where they have not."""

import numpy as np
import pytest
from scipy import stats

from bayesglm.inference.nuts.lockstep import Layout, lockstep
from bayesglm.inference.nuts.pace import Pace
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.nuts.units import Units
from bayesglm.inference.weights.psis import effective_sizes, largest_rhat

WIDE = np.exp(np.linspace(-1.0, 1.0, 60))
PRECISION = np.linalg.inv(
    0.8 ** np.abs(np.subtract.outer(np.arange(60), np.arange(60))) * np.outer(WIDE, WIDE)
)


def correlated(x):
    """Sixty normals, each correlated by 0.8 with the next, of sds from 0.4 to 2.7."""
    slope = -x @ PRECISION
    return 0.5 * np.vecdot(x, slope), slope


def bent(x):
    """The first is a standard normal, the second bends with it: N(u**2 / 2, 0.5**2)."""
    u, v = x.T
    off = 4.0 * (v - 0.5 * u**2)
    return -0.5 * (u**2 + 0.25 * off**2), np.stack([u * off - u, -off], axis=1)


def funnel(x):
    """v ~ N(0, 1), and four others N(0, exp(v))."""
    v, w = x[:, 0], x[:, 1:]
    squares = np.vecdot(w, w) * np.exp(-v)
    slope = np.concatenate([(0.5 * squares - v - 2.0)[:, None], -w * np.exp(-v)[:, None]], axis=1)
    return -0.5 * (v**2 + 4.0 * v + squares), slope


TARGETS = {
    "correlated": (correlated, 60, lambda x: x / WIDE),
    "bent": (bent, 2, lambda x: np.stack([x[..., 0], 2 * (x[..., 1] - x[..., 0] ** 2 / 2)], -1)),
    "funnel": (
        funnel,
        5,
        lambda x: np.concatenate([x[..., :1], x[..., 1:] * np.exp(-x[..., :1] / 2)], axis=-1),
    ),
}


@pytest.mark.parametrize("nearly_normal", [False, True])
@pytest.mark.parametrize("name", TARGETS)
def test_draws_have_the_moments_and_quantiles_of_their_target(name, nearly_normal):
    slopes, size, white = TARGETS[name]
    found = lockstep(slopes, size, Settings(1000, 4, 0), 3, nearly_normal)
    x = white(found.columns["x"])
    assert found.columns["logp"].shape == (4, 1000)
    assert largest_rhat(x) < 1.02
    for moment, sd, values in ((0.0, 1.0, x), (1.0, np.sqrt(2.0), x**2)):
        error = sd / np.sqrt(effective_sizes(values))
        assert np.abs((values.mean(axis=(0, 1)) - moment) / error).max() < 4.5
    for chance in (0.05, 0.5, 0.95):
        below = (x < stats.norm.ppf(chance)).astype(float)
        error = np.sqrt(chance * (1.0 - chance) / effective_sizes(below))
        assert np.abs((below.mean(axis=(0, 1)) - chance) / error).max() < 4.5


def test_effective_sizes_do_not_flatter():
    """Means of runs vary as much as their effective sizes say, where walkers are short as well."""
    means, sizes = [], []
    for seed in range(20):
        x = lockstep(funnel, 5, Settings(99, 8, 0, 30), seed).columns["x"]
        means.append(x[..., 0].mean())
        sizes.append(effective_sizes(x[..., :1])[0])
    told = np.sqrt(np.mean(1.0 / np.array(sizes)))
    # Twenty means tell their sd to about 16%.
    assert np.std(means) == pytest.approx(told, rel=0.55)


def apart(x):
    """Half of the probability around -6, half around 6."""
    towards = np.tanh(6.0 * x[:, 0])
    slope = -x.copy()
    slope[:, 0] += 6.0 * towards
    return np.logaddexp(6.0 * x[:, 0], -6.0 * x[:, 0]) - 0.5 * np.vecdot(x, x), slope


def test_walkers_that_remember_their_starts_are_seen_and_told():
    found = lockstep(apart, 2, Settings(400, 4, 0), 1)
    assert largest_rhat(found.columns["x"]) > 1.1
    assert "a second run, at an acceptance of 0.95 and one draw of 4 kept, took" in found.told


def test_steps_that_diverge_are_shorter_in_a_second_run():
    def walled(x):
        value, slope = -0.5 * np.vecdot(x, x), -x
        return np.where(x[:, 0] > -2.5, value, -np.inf), slope

    found = lockstep(walled, 2, Settings(300, 4, 0), 1)
    assert found.told.startswith("a second run, at an acceptance of 0.95, took the place of one ")
    assert found.told.endswith("divergences")
    few = lockstep(walled, 2, Settings(50, 2, 0), 1)
    assert not few.told


def test_the_same_seed_gives_the_same_draws_and_another_others():
    one, again, other = (lockstep(bent, 2, Settings(60, 2, 0), seed) for seed in (1, 1, 2))
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, again.columns[name])
    assert not np.array_equal(one.columns["x"], other.columns["x"])


@pytest.mark.parametrize(
    ("chains", "draws"), [(1, 1), (1, 1000), (4, 1000), (3, 101), (100, 40), (2, 60)]
)
def test_chains_are_made_of_whole_walkers(chains, draws):
    layout = Layout.of(chains, draws, 5)
    lengths = layout.lengths.reshape(chains, -1)
    assert (lengths.sum(axis=1) == draws).all()
    assert lengths.min() >= min(30, draws)
    assert layout.per_chain == 1 or layout.per_chain % 2 == 0
    found = lockstep(bent, 2, Settings(draws, chains, 0, 2), 0)
    assert found.columns["x"].shape == (chains, draws, 2)
    np.testing.assert_allclose(
        bent(found.columns["x"].reshape(-1, 2))[0], found.columns["logp"].ravel(), rtol=1e-9
    )


def test_ranks_of_the_truth_are_uniform():
    """Simulation-based calibration (Talts et al. 2018) of a Poisson rate."""
    rng, ranks = np.random.default_rng(5), []
    for seed in range(40):
        truth = rng.standard_normal()
        y = rng.poisson(np.exp(truth), 3)

        def slopes(x, y=y):
            rate = np.exp(x[:, 0])
            value = x[:, 0] * y.sum() - 3.0 * rate - 0.5 * x[:, 0] ** 2
            return value, y.sum() - 3.0 * rate[:, None] - x

        x = lockstep(slopes, 1, Settings(200, 1, 0, 20), seed).columns["x"]
        ranks.append(np.mean(x[0, ::10] < truth))
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3


def test_units_of_a_normal_density_are_exact_from_few_draws():
    rng = np.random.default_rng(0)
    x = 3.0 + rng.standard_normal((200, 60))  # draws of whatever else
    units = Units(np.zeros(60), np.ones(60)).learnt(x, correlated(x)[1])
    spread = units.factor @ units.factor.T @ PRECISION
    values = np.linalg.eigvals(spread).real
    # Directions in which the density is nearly as wide as others are left as they are.
    assert values.max() / values.min() < 1.5**4
    z = rng.standard_normal((3, 60))
    np.testing.assert_allclose(units.to_z(units.to_x(z)), z, atol=1e-9)
    value, slope = units.slopes(correlated)(z)
    width = 1e-6
    ahead = units.slopes(correlated)(z + width * np.eye(60)[7])[0]
    assert (ahead - value) / width == pytest.approx(slope[:, 7], abs=1e-3)


def test_a_pace_settles_where_acceptances_are_as_asked():
    rng, pace = np.random.default_rng(0), Pace(np.array([3.0, 0.01]), 0.8, 1.3)
    rows = np.arange(2)
    for _ in range(1000):
        pace.turn(rows, np.exp(-pace.size / 2.0) + 0.02 * rng.standard_normal(2))
    np.testing.assert_allclose(pace.settled, -2.0 * np.log(0.8), rtol=0.03)
    for _ in range(50):
        pace.turn(rows, np.ones(2))
    assert pace.size == pytest.approx(1.3)
