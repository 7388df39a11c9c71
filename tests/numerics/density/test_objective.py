"""The log posterior: its value by hand, its slopes, its blocks, its kinks and its edges."""

from dataclasses import replace
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from families import EXACT_KEYS, KEYS, OF_NUMBERS, drawn, exact_terms, trials_of
from scipy import stats
from thetas import theta_of

from bayesglm.numerics.density import likelihood
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.theta.transforms import LOG

N, P = 23, 3
RNG = np.random.default_rng(3)
X = np.column_stack([np.ones(N), RNG.normal(size=(N, P - 1))])
OFFSET = 0.2 * RNG.normal(size=N)
WEIGHTS = RNG.choice([0.0, 0.5, 1.0, 3.0], N)
TRIALS = RNG.integers(1, 6, N).astype(float)
RESPONSES = {name: drawn(name, np.full(N, 0.3), TRIALS) for name in OF_NUMBERS}
DISPERSIONS = {
    "HalfNormal": {"scale": 1.5},
    "HalfStudentT": {"scale": 0.7, "df": 3.0},
    "Exponential": {"scale": 2.0},
    "Flat": {},
}
NORMAL = PriorPart(slice(0, 2), PRIORS["Normal"], {"scale": np.array([0.5, 2.0]), "loc": 0.3})
FLAT = PriorPart(slice(2, 3), PRIORS["Flat"], {})
LAPLACE = PriorPart(slice(2, 3), PRIORS["Laplace"], {"scale": 0.4, "loc": -0.1})


def make(key, jacobian=False, last=FLAT, dispersion="HalfStudentT", weights=WEIGHTS, design=X):
    """Return the objective of the rows above."""
    family = FAMILIES[key]
    trials = trials_of(key[0], TRIALS)

    source = Source.of(design, RESPONSES[key[0]], OFFSET, weights, trials)
    free = Distribution(dispersion, DISPERSIONS[dispersion])
    every = (free,) * len(family.dispersions)
    theta = theta_of(P, every, jacobian=jacobian, family=family)
    return Objective(source, family, theta, (NORMAL, last))


def thetas(objective, n=1, seed=0):
    return 0.4 * np.random.default_rng(seed).normal(size=(n, objective.size))


def log_likelihood_by_hand(key, theta):
    y, eta = RESPONSES[key[0]], X @ theta[:P] + OFFSET
    phi = [mp.mpf(float(value)) for value in make(key).phi(theta)]
    rows = zip(*(map(mp.mpf, values) for values in (y, eta, TRIALS)), strict=True)
    return np.array([float(mp.fsum(exact_terms(key, a, b, phi, n))) for a, b, n in rows])


@pytest.mark.parametrize("key", EXACT_KEYS, ids="-".join)
def test_the_value_is_a_sum_of_textbook_densities(key):
    objective = make(key)
    theta = thetas(objective)[0]
    expected = WEIGHTS @ log_likelihood_by_hand(key, theta)
    expected += stats.norm.logpdf(theta[:2], 0.3, [0.5, 2.0]).sum()
    jacobian = 0.0
    words = objective.family.words
    for one, value, name in zip(
        objective.free, objective.phi(theta), words.dispersions, strict=True
    ):
        expected += np.log(2) + stats.t.logpdf(value, 3, scale=0.7)
        low, high = words.range_of(name)
        jacobian += np.log(value - low)
        jacobian += 0.0 if one.transform is LOG else np.log(high - value) - np.log(high - low)
    registry = replace(objective.registry, jacobian=True)
    with_jacobian = replace(objective, registry=registry).value(theta)
    assert with_jacobian == pytest.approx(expected + jacobian, rel=1e-12)
    assert objective.value(theta) == pytest.approx(expected, rel=1e-12)
    assert objective.log_density(theta[None])[0] == pytest.approx(expected, rel=1e-12)
    assert objective.evaluate(theta).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", EXACT_KEYS, ids="-".join)
def test_pointwise_values_are_weighted_textbook_densities(key):
    objective = make(key)
    several = thetas(objective, 4)
    expected = [WEIGHTS * log_likelihood_by_hand(key, theta) for theta in several]
    np.testing.assert_allclose(pointwise(objective, several), expected, rtol=1e-10)


def assert_slopes(objective, theta):
    """Assert that gradient and Hessian are the slopes of the smooth value."""
    now, step = objective.evaluate(theta), 1e-5
    for j in range(objective.size):
        up, down = theta.copy(), theta.copy()
        up[j] += step
        down[j] -= step
        slope = (objective.value(up) - objective.value(down)) / (2 * step)
        bend = (objective.evaluate(up).gradient - objective.evaluate(down).gradient) / (2 * step)
        np.testing.assert_allclose(now.gradient[j], slope, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(now.hessian[j], bend, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(now.hessian, now.hessian.T, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_gradient_and_hessian_by_finite_differences(key, jacobian):
    objective = make(key, jacobian)
    assert_slopes(objective, thetas(objective, seed=1)[0])


@pytest.mark.parametrize("jacobian", [False, True])
@pytest.mark.parametrize("dispersion", DISPERSIONS)
def test_slopes_in_log_sigma_under_every_prior(dispersion, jacobian):
    objective = make(("gaussian", "softplus"), jacobian, dispersion=dispersion)
    assert_slopes(objective, thetas(objective, seed=2)[0])


def test_kinks_are_kept_apart_and_add_up():
    objective = make(("poisson", "log"), last=LAPLACE)
    several = thetas(objective, 5)
    np.testing.assert_allclose(objective.kinks.weight, [0, 0, 2.5])
    np.testing.assert_allclose(objective.kinks.at, [0, 0, -0.1])
    smooth = np.array([objective.value(theta) for theta in several])
    penalty = np.abs(several - objective.kinks.at) @ objective.kinks.weight
    np.testing.assert_allclose(objective.log_density(several), smooth - penalty, rtol=1e-12)
    assert_slopes(objective, several[0])


@pytest.mark.parametrize("rows", [1, 7, N, 10_000])
@pytest.mark.parametrize("draws", [1, 3, 1024])
def test_blocks_of_rows_and_draws_do_not_matter(rows, draws, monkeypatch):
    objective = make(("gaussian", "log"), jacobian=True)
    several = thetas(objective, 8)
    now = objective.evaluate(several[0])
    density, by_row = objective.log_density(several), pointwise(objective, several)
    furthest = objective.change(several[1])
    monkeypatch.setattr(likelihood, "ROWS", rows)
    monkeypatch.setattr(likelihood, "SOME_ROWS", rows)
    monkeypatch.setattr(likelihood, "SOME_W", draws)
    again = objective.evaluate(several[0])
    for one, other in zip(now, again, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(objective.log_density(several), density, rtol=1e-12)
    np.testing.assert_allclose(pointwise(objective, several), by_row, rtol=1e-12, atol=1e-14)
    assert objective.change(several[1]) == pytest.approx(furthest, rel=1e-12)


def test_pointwise_values_are_summed_up_block_by_block(monkeypatch):
    monkeypatch.setattr(likelihood, "SOME_ROWS", 16)
    objective = make(("poisson", "log"))
    several = thetas(objective, 6)
    shapes = each_pointwise(objective, several, np.shape)
    assert shapes == [(6, 12), (6, N - 12)]  # as even as they can be
    parts = each_pointwise(objective, several, np.copy)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), pointwise(objective, several))


@pytest.mark.parametrize("key", KEYS, ids="-".join)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_densities_of_many_draws_are_those_of_each(key, weights, monkeypatch):
    monkeypatch.setattr(likelihood, "SOME_W", 3)
    objective = make(key, jacobian=True, weights=weights)
    several = thetas(objective, 8)
    expected = [objective.value(theta) for theta in several]
    np.testing.assert_allclose(objective.log_density(several), expected, rtol=1e-12)


@pytest.mark.parametrize("key", [("bernoulli", "logit"), ("binomial", "logit"), ("poisson", "log")])
def test_densities_far_from_the_data(key):
    # Beyond 709 exp(eta) is no float.
    objective, far = make(key), np.array([0.1, 900.0, 400.0])
    several = np.stack([far, -far, 1e-3 * far])
    expected = [objective.value(theta) for theta in several]
    np.testing.assert_allclose(objective.log_density(several), expected, rtol=1e-12)


def test_densities_whose_sums_leave_the_floats_are_zero_and_no_warning():
    source = Source.of(np.full((8, 1), 1e300), np.zeros(8))
    objective = Objective(source, FAMILIES["bernoulli", "cloglog"], theta_of(1), ())
    logit = replace(objective, family=FAMILIES["bernoulli", "logit"])
    for one in (objective, logit):
        assert one.log_density(np.array([[6e7], [9e7]])).tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("key", [("binomial", "logit"), ("poisson", "log")])
def test_densities_of_large_counts_lose_no_digits(key):
    y, n = np.array([1e9, 2e9]), mp.mpf(4e9)
    trials = np.full(2, 4e9) if key[0] == "binomial" else None
    source = Source.of(np.ones((2, 1)), y=y, trials=trials)
    objective = Objective(source, FAMILIES[key], theta_of(1), ())

    def exact(eta):
        if trials is None:
            return sum(k * eta - mp.exp(eta) - mp.loggamma(k + 1) for k in y)
        chosen = [mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1) for k in y]
        return sum(chosen) + sum(k * eta - n * mp.log1p(mp.exp(eta)) for k in y)

    mean = y.mean()
    near = np.log(mean) if trials is None else np.log(mean / (4e9 - mean))
    at = near + np.array([-1e-6, 0.0, 1e-6])
    with mp.workdps(50):
        expected = [exact(mp.mpf(eta)) for eta in at]
        steps = [float(b - a) for a, b in pairwise(expected)]
    found = objective.log_density(at[:, None])
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-14)
    # The weights are differences between draws: here of 1e-3 in 1e8.
    np.testing.assert_allclose(np.diff(found), steps, atol=1e-7)


@pytest.mark.parametrize("key", KEYS, ids="-".join)
def test_weights_are_repeated_rows(key):
    counts = np.random.default_rng(1).integers(0, 3, N).astype(float)
    objective = make(key, weights=counts)
    theta = thetas(objective)[0]
    now = objective.evaluate(theta)
    halves = [make(key, weights=np.minimum(counts, 1.0)), make(key, weights=counts == 2.0)]
    none = make(key, weights=np.zeros(N)).evaluate(theta)
    value, gradient, hessian = (
        sum(half.evaluate(theta)[k] for half in halves) - none[k] for k in range(3)
    )
    assert now.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(now.gradient, gradient, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(now.hessian, hessian, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("key", [("poisson", "log"), ("bernoulli", "cloglog")], ids="-".join)
def test_a_row_that_does_not_count_may_be_impossible(key):
    # exp(eta) overflows in the first row: its log likelihood is -inf, or its slopes are.
    far = X.copy()
    far[0, 1] = 1e4
    weights = np.r_[0.0, np.ones(N - 1)]
    objective = make(key, weights=weights, design=far)
    theta = np.array([0.1, 0.5, -0.2])
    rest = make(key, weights=weights).evaluate(theta)
    found = objective.evaluate(theta)
    for one, other in zip(found, rest, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert pointwise(objective, theta[None])[0, 0] == 0.0
    assert objective.value(theta) == pytest.approx(rest.value, rel=1e-12)


@pytest.mark.parametrize("log_sigma", [-1e6, -200.0, 200.0, 1e6])
def test_a_sigma_beyond_the_floats_is_impossible_and_no_error(log_sigma):
    objective = make(("gaussian", "identity"), jacobian=True)
    theta = np.r_[np.zeros(P), log_sigma]
    near = np.r_[np.zeros(P), 0.0]
    found = objective.log_density(np.stack([near, theta]))
    assert np.isfinite(found[0])
    assert found[1] == -np.inf


def test_fixed_dispersions_are_no_parameters():
    free = make(("gaussian", "identity"))
    fixed = replace(free, registry=theta_of(P, (0.8,)))
    theta = thetas(fixed)[0]
    assert (free.size, fixed.size, fixed.free) == (P + 1, P, ())
    assert fixed.phi(theta) == [0.8]
    np.testing.assert_allclose(free.phi(thetas(free, 4))[0], np.exp(thetas(free, 4)[:, P]))
    found = pointwise(fixed, theta[None])[0]
    expected = WEIGHTS * log_likelihood_by_hand(("gaussian", "identity"), np.r_[theta, np.log(0.8)])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert_slopes(fixed, theta)


def test_change_is_the_furthest_move_of_a_linear_predictor():
    objective = make(("gaussian", "identity"))
    step = np.array([0.1, -0.3, 0.2, 0.0])
    assert objective.change(step) == pytest.approx(np.abs(X @ step[:P]).max())
    assert objective.change(np.r_[np.zeros(P), -7.0]) == 7.0
