"""The proposal under kinked priors: its halves of normals, and where it is the posterior itself."""

import numpy as np
import pytest
from conftest import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import multivariate_normal

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.tilted import halves, tilted

GRID = [(4.0, 1.0, 2.0), (1.0, -3.0, 0.5), (0.01, 2.0, 3.0), (100.0, 80.0, 1.0), (2.0, 0.0, 40.0)]


@pytest.mark.parametrize(("precision", "pull", "kink"), GRID)
def test_halves_by_quadrature(precision, pull, kink):
    of = halves(np.array(precision), np.array(pull), np.array(kink))
    ends = of.quantile(np.array([1e-15, 1 - 1e-15]))

    def expected(f):
        parts = [(ends[0], 0.0), (0.0, ends[1])]
        values = [quad(lambda v: f(v) * np.exp(of.log_density(v)), *part) for part in parts]
        return sum(value for value, _ in values)

    assert expected(lambda v: 1.0) == pytest.approx(1.0, abs=1e-9)
    mean, variance = of.moments()
    assert mean == pytest.approx(expected(lambda v: v), rel=1e-7, abs=1e-9)
    assert variance == pytest.approx(expected(lambda v: (v - mean) ** 2), rel=1e-7)
    for u in (0.003, 0.2, 0.5, 0.8, 0.997):
        end = float(of.quantile(np.array(u)))
        below = quad(lambda v: np.exp(of.log_density(v)), ends[0], min(end, 0.0))[0]
        if end > 0:
            below += quad(lambda v: np.exp(of.log_density(v)), 0.0, end)[0]
        assert below == pytest.approx(u, abs=1e-7)


@settings(max_examples=200)
@given(
    log_precision=st.floats(-20, 20),
    pull=st.floats(-1e4, 1e4),
    log_kink=st.floats(-10, 10),
    u=st.floats(1e-12, 1 - 1e-12),
)
def test_halves_are_finite_far_out(log_precision, pull, log_kink, u):
    of = halves(np.exp(log_precision), np.array(pull), np.exp(log_kink))
    v = of.quantile(np.array(u))
    mean, variance = of.moments()
    assert np.isfinite([v, of.log_density(v), mean, variance]).all()
    assert of.quantile(np.array(0.5 * u)) <= v
    assert np.exp(of.log_left) + np.exp(of.log_right) == pytest.approx(1.0)


def test_far_moments_join_those_that_are_near():
    kinks = 29.9999 + np.array([0.0, 0.0002])
    near, far = (halves(np.array(1.0), np.array(0.0), k).moments()[1] for k in kinks)
    assert far == pytest.approx(near, rel=1e-4)


def proposal(model, data):
    (problem,) = open_problems(model, data)
    return problem.unconstrained, tilted(problem, problem.unconstrained, None)


@pytest.mark.parametrize("prior", [bg.Laplace(0.4), bg.Laplace(0.4, loc=0.7), bg.ElasticNet(0.5)])
def test_it_is_the_posterior_where_columns_are_orthogonal(prior):
    rng = np.random.default_rng(1)
    X = np.linalg.qr(rng.normal(size=(60, 5)))[0] * 4.0
    data = {"y": X @ [1.0, 0.0, -0.3, 0.0, 2.0] + rng.normal(size=60), "X": X}
    model = bg.GLM("y", bg.Linear("X", prior=prior), dispersion=1.0, intercept=None)
    objective, found = proposal(model, data)
    thetas, log_q = found.draw(np.random.default_rng(2), 500)
    assert np.ptp(objective.log_density(thetas) - log_q) < 1e-8


CASES = {
    "poisson": ("poisson", {}),
    "bernoulli": ("bernoulli", {"intercept": bg.Laplace(1.0)}),
    "gaussian, sigma learned": ("gaussian", {"dispersion": bg.HalfNormal(1.0)}),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("prior", [bg.Laplace(0.1), bg.ElasticNet(1.0, ratio=0.2)])
def test_its_density_is_normalised(name, prior):
    family, options = CASES[name]
    data = simulate(120, seed=5)
    terms = [bg.Linear("movie", prior=prior), bg.Linear("z", prior=bg.Normal(1.0))]
    _, found = proposal(bg.GLM(family, terms, family, **options), data)
    for one in (found, found.heavier()):
        thetas, log_q = one.draw(np.random.default_rng(0), 20_000)
        # Any density is one in the mean of its ratios to q: here one that is narrower than q.
        order = np.argsort(one.order)
        covariance = 0.5 * (one.root @ one.root.T)[np.ix_(order, order)]
        inner = multivariate_normal(thetas.mean(axis=0), covariance)
        ratios = np.exp(inner.logpdf(thetas) - log_q)
        error = ratios.std() / np.sqrt(len(ratios))
        assert error < 0.05
        assert abs(ratios.mean() - 1.0) < 4.0 * error


def test_sites_follow_the_coefficients():
    """A kink far from its coefficient bends nothing; one that holds it at zero does."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 4))
    data = {"y": X @ [3.0, 0.0, 0.0, -3.0] + rng.normal(size=400), "X": X}
    model = bg.GLM("y", bg.Linear("X", prior=bg.Laplace(0.02)), dispersion=1.0)
    _, found = proposal(model, data)
    far, near = found.tau[[0, 3]], found.tau[[1, 2]]
    assert far.max() < 0.01 * near.min()
    np.testing.assert_allclose(found.nu[[0, 3]], [-50.0, 50.0], rtol=0.05)
