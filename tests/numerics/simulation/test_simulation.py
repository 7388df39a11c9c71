"""Compiled events against the families' own distributions, and steps against a plain recursion."""

import numpy as np
import pytest
from scipy.stats import kstest

from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.simulation.events import Course, Rules, simulate_events
from bayesglm.numerics.simulation.steps import Step, simulate_steps

COUNTED = [key for key, family in FAMILIES.items() if family.panjer is not None]
SPARSE = [key for key in COUNTED if not FAMILIES[key].words.counts or key[1] == "log"]
SPARSE = [key for key in SPARSE if FAMILIES[key].domain.is_real_line]
N, UNITS, LAGS = 400, 2, 3


def course(n=N, units=UNITS):
    """Two trials, the first samples of each given."""
    begins, given = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    begins[[0, n // 2]] = True
    given[:LAGS] = given[n // 2 : n // 2 + LAGS] = True
    recorded = np.random.default_rng(9).integers(0, 2, (n, units)).astype(float)
    return Course(begins, given, recorded)


def drive(seed=1, units=UNITS):
    rng = np.random.default_rng(seed)
    return rng.normal(-0.8, 0.6, (N, units)), 0.15 * rng.normal(size=(units, LAGS, units))


def first_channel(t, eta):
    return eta[0]


def both_channels(t, eta):
    return eta[0] + eta[1]


def past(y, kernels, t, begin):
    """What the responses before t add, by a loop over sources and lags."""
    lags = range(1, min(LAGS, t - begin) + 1)
    return sum((y[t - k, :, None] * kernels[:, k - 1]).sum(axis=0) for k in lags)


@pytest.mark.parametrize("key", COUNTED, ids="-".join)
def test_the_shape_is_that_of_the_chances(key):
    family = FAMILIES[key]
    phi = tuple(0.7 for _ in family.dispersions)
    eta = np.array([[family.domain.place(-0.4)]])
    mu, a = float(family.mean(eta, phi, None)[0]), family.panjer(phi)
    chances = [np.exp(family.log_likelihood(np.array([k]), eta, phi, None))[0] for k in (0.0, 1.0)]
    none = np.exp(-mu) if np.isinf(a) else (1.0 + mu / a) ** -a
    ratio = mu if np.isinf(a) else a * mu / (a + mu)
    assert chances[0] == pytest.approx(none, rel=1e-12)
    assert chances[1] / chances[0] == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize("key", SPARSE, ids="-".join)
def test_events_are_quantiles_of_their_uniforms(key):
    """The least count whose chance of being reached is u, given what fed back before."""
    family, (eta, kernels), told = FAMILIES[key], drive(), course()
    phi = tuple(0.7 for _ in family.dispersions)
    rules = Rules(
        np.full(UNITS, float(family.panjer(phi))),
        np.full(UNITS, np.inf),
        np.zeros(UNITS, dtype=np.int64),
        LINK_FUNCTIONS[key[1]].eta,
    )
    events, away = simulate_events(eta, kernels, rules, told, np.random.default_rng(3))
    u = np.random.default_rng(3).random((N, UNITS))
    assert away == (-1, -1)
    assert events.dtype == np.uint8
    assert events.sum() > N // 4
    y = events.astype(float)
    np.testing.assert_array_equal(y[told.given], told.recorded[told.given])
    for t in np.flatnonzero(~told.given):
        here = eta[t] + past(y, kernels, t, N // 2 * (t >= N // 2))
        upto = family.cdf(y[t], here[None], phi, None)
        below = family.below(y[t], here[None], phi, None)
        assert (u[t] <= upto + 1e-12).all()
        assert (u[t] >= below - 1e-12).all()


def test_blocks_are_one_course(monkeypatch):
    (eta, kernels), told = drive(), course()
    rules = Rules(np.full(2, np.inf), np.full(2, np.inf), np.zeros(2, dtype=np.int64), np.log)
    whole = simulate_events(eta, kernels, rules, told, np.random.default_rng(3))[0]
    monkeypatch.setattr("bayesglm.numerics.simulation.events.TOGETHER", 2 * 37)
    np.testing.assert_array_equal(
        simulate_events(eta, kernels, rules, told, np.random.default_rng(3))[0], whole
    )


def test_runaway_firing_ends_the_trial_and_is_told():
    eta, told = np.full((N, 2), -1.0), course()
    kernels = np.zeros((2, 1, 2))
    kernels[1, 0, 1] = 1.0
    none = Course(told.begins, np.zeros(N, dtype=bool), told.recorded)
    limit, longest = np.array([np.inf, np.log(20.0)]), np.zeros(2, dtype=np.int64)
    rules = Rules(np.full(2, np.inf), limit, longest, np.log)
    events, (sample, unit) = simulate_events(eta, kernels, rules, none, np.random.default_rng(0))
    assert unit == 1
    assert 0 < sample < N // 2
    assert events[sample - 1, 1] >= 4
    assert not events[sample:, 1][: N // 2 - sample].any()
    assert events[N // 2 :].any()
    always = Rules(np.full(2, -1.0), np.full(2, np.inf), np.full(2, 12), lambda mean: mean)
    sample = simulate_events(np.ones((N, 2)), kernels, always, none, np.random.default_rng(0))[1]
    assert sample == (11, 0)


def test_steps_are_a_linear_recursion():
    """Responses that are their linear predictors: any channel, trials anew, given samples kept."""
    rng, told = np.random.default_rng(0), course()
    eta = rng.normal(size=(2, 3, N, UNITS))
    kernels = 0.06 * rng.normal(size=(3, UNITS, LAGS, 2, UNITS))
    step = Step(both_channels, both_channels, lambda here: here[0] > np.inf, np.full(2, 1e9))
    y, away = simulate_steps(eta, kernels, step, told, repeats=2)
    assert (away == -1).all()
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    for draw in range(3):
        added = kernels[draw].sum(axis=2)
        for t in range(N):
            expected = told.recorded[t]
            if not told.given[t]:
                before = past(y[draw, 0], added, t, N // 2 * (t >= N // 2))
                expected = eta[:, draw, t].sum(axis=0) + before
            np.testing.assert_allclose(y[draw, 0, t], expected, rtol=1e-10, atol=1e-10)


def test_steps_that_run_away_end_their_trial():
    told = Course(course().begins, np.zeros(N, dtype=bool), np.zeros((N, 1)))
    kernels = np.array([0.5, 1.5]).reshape(2, 1, 1, 1, 1)
    step = Step(first_channel, first_channel, lambda here: here[0] > np.inf, np.full(1, 100.0))
    y, away = simulate_steps(np.ones((1, 2, N, 1)), kernels, step, told, repeats=1)
    assert away[0].tolist() == [[-1, -1]]
    first = int(away[1, 0, 0])
    assert y[1, 0, first - 1, 0] <= 100.0
    assert not y[1, 0, first : N // 2].any()
    np.testing.assert_array_equal(y[1, 0, N // 2 :], y[1, 0, : N // 2])
    assert y[0, 0, -1, 0] == pytest.approx(2.0)


def test_intervals_between_events_of_a_constant_rate_are_geometric():
    eta = np.full((60_000, 1), np.log(-np.log1p(-0.05)))
    never = np.zeros(60_000, dtype=bool)
    rules = Rules(np.full(1, np.inf), np.full(1, np.inf), np.zeros(1, dtype=np.int64), np.log)
    told = Course(never, never, np.zeros((60_000, 1)))
    kernels, rng = np.zeros((1, 1, 1)), np.random.default_rng(1)
    events = simulate_events(eta, kernels, rules, told, rng)[0][:, 0]
    gaps = np.diff(np.flatnonzero(events))
    smooth = 1.0 - 0.95 ** (gaps - rng.random(len(gaps)))
    assert kstest(smooth, "uniform").pvalue > 1e-3


def test_what_is_expected_runs_away_in_both_ways_and_given_samples_stay():
    """An expected count above the limit, drawn or not; a drawn one above it is none."""
    n = 12
    eta = np.zeros((n, 2))
    eta[5, 1] = 3.0
    given = np.zeros(n, dtype=bool)
    given[[7, 8]] = True
    told = Course(np.arange(n) == 0, given, np.full((n, 2), 2.0))
    kernels, limit = np.zeros((2, 1, 2)), np.full(2, 10.0)
    rules = Rules(np.full(2, 0.01), np.log(limit), np.zeros(2, dtype=np.int64), np.log)
    step = Step(
        lambda t, here: np.full(here.shape[1:], 50.0),
        lambda t, here: np.exp(here[0]),
        lambda here: here[0] > np.inf,
        limit,
    )
    y, gone = simulate_steps(eta[None, None], kernels[None, :, :, None], step, told, repeats=1)
    assert gone.tolist() == [[[5, 1]]]
    every = [y[0, 0]]
    for seed in range(5):
        events, away = simulate_events(eta, kernels, rules, told, np.random.default_rng(seed))
        assert away == (5, 1)
        every.append(events)
    for responses in every:
        assert (responses[given] == 2.0).all()
        assert not responses[5:][~given[5:]].any()
    assert (y[0, 0, :5] == 50.0).all()
