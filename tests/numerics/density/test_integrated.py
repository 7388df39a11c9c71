"""Gaussian responses with w integrated out: dense algebra, finite differences, closed forms."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.inference.modes.by_levels import groupings_of
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.density.integrated import anchored, integrated
from bayesglm.numerics.density.integrated_many import IntegratedMany
from bayesglm.numerics.density.layout import laid_out
from bayesglm.numerics.density.perturbed import Perturbed

N = 240
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "g": RNG.integers(0, 18, N),
        "h": RNG.integers(0, 11, N),
        "w": RNG.choice([1.0, 2.0], N),
    }
)
FRAME["y"] = FRAME["x"] + RNG.normal(size=18)[FRAME["g"]] + RNG.normal(size=N)
TERMS = {
    "one": [bg.Group("g")],
    "crossed": [bg.Group("g"), bg.Group("h")],
    "slopes": [bg.Group("g", slopes="z"), bg.Group("h", prior=bg.Normal(0.5))],
    "correlated": [bg.Group("g", slopes=("z", "x"), correlated=True), bg.Group("h", slopes="x")],
    "smooth": [bg.Spline("z"), bg.Group("g")],
    "walk": [bg.Group("g"), bg.Group("h", prior=bg.RandomWalk(bg.HalfNormal(1.0)))],
    "fixed": [bg.Group("g", prior=bg.Normal(0.8, loc=0.2))],
    "alone": [bg.Group("g", slopes=("z", "x"), correlated=True)],
    "shared": [bg.Linear(("x", "z"), name="both", prior=bg.Normal(bg.HalfNormal(1.0)))],
}


def opened(terms, n_groupings):
    """Return a problem with few groupings apart, psi somewhere, and w integrated out."""
    x = [bg.Linear("x", prior=bg.Normal(1.0, loc=0.3))]
    beside = ([], None) if terms == "alone" else (x, bg.Normal(2.0))
    model = bg.GLM("y", [*beside[0], *TERMS[terms]], weights="w", intercept=beside[1])
    (problem,) = open_problems(model, FRAME)
    objective, rng = problem.unconstrained, np.random.default_rng(5)
    p = objective.n_coefficients
    psi = problem.start(objective)[p:] + 0.3 * rng.normal(size=objective.size - p)
    layout = laid_out(groupings_of(problem, objective)[:n_groupings], p)
    return objective, psi, integrated(objective, layout, 0.1 * rng.normal(size=p))


def dense(objective, theta):
    """Return the coefficients' mode and precision given psi, and log p(y, psi)."""
    p = objective.n_coefficients
    given = objective.given(theta)
    first = given.evaluate(theta[:p])
    mode = theta[:p] + np.linalg.solve(-first.hessian, first.gradient)
    at = given.evaluate(mode)
    log_det = np.linalg.slogdet(-at.hessian)[1]
    value = at.value + objective.log_prior_of_others(theta)
    return mode, -at.hessian, value + 0.5 * (p * np.log(2.0 * np.pi) - log_det)


@pytest.mark.parametrize("n_groupings", [0, 1, 2])
@pytest.mark.parametrize("terms", TERMS)
def test_the_density_of_scales_is_that_of_dense_algebra(terms, n_groupings):
    objective, psi, of = opened(terms, n_groupings)
    mode, _, value = dense(objective, of.theta(psi))
    given = of.given(psi)
    np.testing.assert_allclose(given.theta[: len(mode)], mode, atol=1e-9)
    np.testing.assert_allclose(given.log_marginal, value, atol=1e-8)
    around = anchored(of, mode).given(psi)
    np.testing.assert_allclose(around.log_marginal, value, atol=1e-8)
    steps = 1e-5 * np.eye(len(psi))
    differences = [
        (of.given(psi + h).log_marginal - of.given(psi - h).log_marginal) / 2e-5 for h in steps
    ]
    np.testing.assert_allclose(of.slope(given), differences, atol=2e-4, rtol=1e-5)


@pytest.mark.parametrize("n_groupings", [0, 1])
@pytest.mark.parametrize("terms", TERMS)
def test_many_are_what_each_is(terms, n_groupings):
    _, psi, of = opened(terms, n_groupings)
    psis = psi + 0.2 * np.random.default_rng(0).normal(size=(5, len(psi)))
    expected = [of.given(one).log_marginal for one in psis]
    np.testing.assert_allclose(IntegratedMany(of).log_marginals(psis), expected, atol=1e-8)


def standardised(thetas, mode, precision):
    """Return draws that are independent and standard normal where they are right."""
    return (thetas[:, : len(mode)] - mode) @ np.linalg.cholesky(precision)


@pytest.mark.parametrize("terms", ["crossed", "alone", "correlated", "smooth", "walk", "fixed"])
def test_draws_given_scales_are_gaussian(terms):
    objective, psi, of = opened(terms, 1)
    mode, precision, value = dense(objective, of.theta(psi))
    n, rng = 4000, np.random.default_rng(1)
    psis = np.repeat(psi[None], n, axis=0)
    batch, of_w = IntegratedMany(of).draw(rng, psis)
    every = opened(terms, 2)[2]
    middle = psi + 0.2 * rng.normal(size=len(psi))
    perturbed = Perturbed(every, middle).draw(rng, psis)
    assert perturbed.error < 1e-5
    joint = np.array([objective.log_density(theta[None])[0] for theta in batch[:5]])
    np.testing.assert_allclose(of_w[:5] + value, joint, atol=1e-7)
    joint = np.array([objective.log_density(theta[None])[0] for theta in perturbed.thetas[:5]])
    np.testing.assert_allclose(perturbed.log_p[:5], joint, atol=1e-7)
    for thetas in (batch, perturbed.thetas):
        z = standardised(thetas, mode, precision)
        assert np.abs(z.mean(axis=0)).max() < 4.5 / n**0.5
        assert np.abs(z.T @ z / n - np.eye(len(mode))).max() < 6.5 / n**0.5


def test_blocks_of_draws_are_those_of_all():
    _, psi, of = opened("crossed", 2)
    psis = psi + 0.05 * np.random.default_rng(2).normal(size=(300, len(psi)))
    sizes = [
        len(one.thetas) for one in Perturbed(of, psi).blocks(np.random.default_rng(3), psis, 128)
    ]
    assert sizes == [128, 128, 44]


def test_one_way_layout_is_that_of_the_textbook():
    """y_ij = b_i + e_ij, balanced: log p(y | sigma, tau) in closed form (Searle et al. 1992)."""
    rng, a, n, tau, sigma = np.random.default_rng(4), 6, 5, 0.7, 1.3
    y = np.repeat(rng.normal(size=a), n) + rng.normal(size=a * n)
    data = {"y": y, "g": np.repeat(np.arange(a), n)}
    terms = [bg.Group("g", levels=range(10), prior=bg.Normal(bg.HalfNormal(1.0)))]
    (problem,) = open_problems(
        bg.GLM("y", terms, intercept=None, dispersion=bg.HalfNormal(2.0)), data
    )
    objective = problem.unconstrained
    layout = laid_out(groupings_of(problem, objective), objective.n_coefficients)
    of = integrated(objective, layout, np.zeros(objective.n_coefficients))
    psi = np.log([sigma, tau])
    given = of.given(psi)
    means = y.reshape(a, n).mean(axis=1)
    within = np.square(y - np.repeat(means, n)).sum()
    total = sigma**2 + n * tau**2
    expected = -0.5 * (
        a * n * np.log(2.0 * np.pi)
        + a * (n - 1) * np.log(sigma**2)
        + a * np.log(total)
        + within / sigma**2
        + n * (means @ means) / total
    )
    expected += objective.registry.log_prior(of.theta(psi)[None])[0]
    np.testing.assert_allclose(given.log_marginal, expected, atol=1e-9)
    shrunk = means * n * tau**2 / total
    np.testing.assert_allclose(given.theta[:a], shrunk, atol=1e-10)
