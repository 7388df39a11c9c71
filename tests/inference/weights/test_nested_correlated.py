"""Effects that correlate: the exact posterior of scales and correlation, and draws from it."""

import numpy as np
import pytest
from scipy import stats

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.nested import conditionals, nested_proposal
from bayesglm.inference.weights.psis import pareto_smoothed

LEVELS, EACH, SIGMA = 10, 5, 0.7
COVARIANCE = np.array([[1.0, 0.35], [0.35, 0.25]])


def grouped(levels=LEVELS, each=EACH, seed=0, family="gaussian"):
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(levels), each), rng.normal(0.5, 1.0, levels * each)
    effects = rng.multivariate_normal([0.0, 0.0], COVARIANCE, levels)
    eta = effects[g, 0] + effects[g, 1] * x
    y = eta + SIGMA * rng.normal(size=len(g)) if family == "gaussian" else rng.poisson(np.exp(eta))
    return {"y": y, "x": x, "g": g}


def model_of(eta=1.0, family="gaussian", slopes="x", **options):
    prior = bg.Normal(bg.HalfNormal(1.0))
    term = bg.Group("g", slopes=slopes, correlated=bg.LKJ(eta), prior=prior)
    known = {"dispersion": SIGMA} if family == "gaussian" else {}
    return bg.GLM("y", term, family=family, intercept=None, **known, **options)


def exact_log_density(data, psi, eta):
    """log p(y, log s1, log s2, u) ``(...)``: level by level, effects integrated out."""
    sds, rho = np.exp(psi[..., :2]), np.tanh(psi[..., 2])
    one = np.ones_like(rho)
    R = np.stack([np.stack([one, rho], -1), np.stack([rho, one], -1)], -2)
    C = R * sds[..., :, None] * sds[..., None, :]
    total = stats.halfnorm.logpdf(sds).sum(-1) + psi[..., :2].sum(-1)
    # The correlation is 2 Beta(eta, eta) - 1, and that of u has the Jacobian beside it.
    total = total + stats.beta(eta, eta).logpdf(0.5 * (1 + rho)) - np.log(2) + np.log1p(-(rho**2))
    for level in np.unique(data["g"]):
        rows = data["g"] == level
        Z, y = np.column_stack([np.ones(rows.sum()), data["x"][rows]]), data["y"][rows]
        M = np.eye(2) + C @ (Z.T @ Z) / SIGMA**2
        fitted = np.linalg.solve(M, (C @ (Z.T @ y))[..., None])[..., 0]
        squares = y @ y - fitted @ (Z.T @ y) / SIGMA**2
        total = total - 0.5 * squares / SIGMA**2 - 0.5 * np.linalg.slogdet(M)[1]
        total = total - 0.5 * len(y) * np.log(2 * np.pi * SIGMA**2)
    return total


@pytest.mark.parametrize("eta", [1.0, 3.0])
def test_the_marginal_of_a_gaussian_is_exact(eta):
    data = grouped()
    given = conditionals(open_problems(model_of(eta), data)[0])
    for psi in np.random.default_rng(0).normal(0.0, [0.5, 0.5, 1.0], (5, 3)):
        exact = float(exact_log_density(data, psi, eta))
        assert given(psi).log_marginal == pytest.approx(exact, abs=1e-8)


def weighted(problem, n=4000):
    proposal = nested_proposal(problem)
    theta, log_q = proposal.draw(np.random.default_rng(1), n)
    smoothed = pareto_smoothed(problem.unconstrained.log_density(theta) - log_q)
    return theta, np.exp(smoothed.log_weights), smoothed


@pytest.mark.parametrize(("levels", "eta", "most"), [(10, 1.0, 0.4), (4, 1.0, 0.7), (10, 3.0, 0.4)])
def test_weighted_draws_are_the_posterior(levels, eta, most):
    """Of which a grid knows all; four levels say little of a correlation."""
    data = grouped(levels)
    theta, weights, smoothed = weighted(open_problems(model_of(eta), data)[0])
    assert smoothed.khat < most
    assert smoothed.kish > 1000
    one, two = np.linspace(-5.0, 2.5, 61), np.linspace(-7.0, 2.0, 61)
    u = np.linspace(-6.0, 6.0, 81)
    grid = np.stack(np.meshgrid(one, two, u, indexing="ij"), -1).reshape(-1, 3)
    density = exact_log_density(data, grid, eta)
    density = np.exp(density - density.max())
    density /= density.sum()
    psi = theta[:, -3:]
    for function in (
        lambda at: np.exp(at[:, 0]),
        lambda at: np.exp(at[:, 1]),
        lambda at: np.tanh(at[:, 2]),
        lambda at: (np.tanh(at[:, 2]) > 0.5).astype(float),
        lambda at: np.tanh(at[:, 2]) * np.exp(at[:, 0] + at[:, 1]),
    ):
        values = function(grid)
        mean = density @ values
        sd = np.sqrt(density @ (values - mean) ** 2)
        error = 4.0 * sd / np.sqrt(smoothed.kish) + 0.02 * sd  # the grid's own, of steps and edges
        assert weights @ function(psi) == pytest.approx(mean, abs=error)


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_weights_stand(family):
    data = grouped(12, 20, seed=2, family="gaussian" if family == "gaussian" else "poisson")
    if family == "bernoulli":
        data["y"] = np.minimum(data["y"], 1)
    fit = bg.fit(model_of(family=family), data, draws=250)
    method = "nested laplace" if family == "gaussian" else "laplace by levels"
    assert fit.attrs["method"] == method
    assert fit.attrs["khat"] < 0.7


def test_without_data_the_prior_is_what_comes_out():
    """Of levels that no sample has, beside those that have some: draws of the normal itself."""
    data = grouped(6, 6, seed=3)
    term = bg.Group(
        "g",
        slopes="x",
        correlated=True,
        prior=bg.Normal([[0.8], [0.3]], loc=[[1.0], [-1.0]]),
        levels=[*range(6), 100, 101],
    )
    model = bg.GLM("y", term, intercept=None, dispersion=SIGMA)
    fit = bg.fit(model, data, draws=4000)
    new = fit["posterior"]["g"].sel(g_level=[100, 101]).stack(s=("chain", "draw"))
    z = (new.values - np.array([[[1.0]], [[-1.0]]])) / np.array([[[0.8]], [[0.3]]])
    np.testing.assert_allclose(z.std(axis=-1), 1.0, atol=0.06)
    rho = fit["posterior"]["g_correlation"].values[..., 0, 1].mean()
    np.testing.assert_allclose((z[0] * z[1]).mean(axis=-1), rho, atol=0.06)


def test_three_effects():
    """Seven parameters beside the coefficients, sigma among them."""
    data = grouped(15, 12, seed=4)
    rng = np.random.default_rng(5)
    data |= {"z": rng.normal(size=180)}
    data["y"] = data["y"] + 0.8 * data["z"] * rng.normal(size=15)[data["g"]]
    term = bg.Group("g", slopes=("x", "z"), correlated=True)
    fit = bg.fit(bg.GLM("y", [term, "x"]), data)
    assert fit.attrs["method"] == "nested laplace"
    assert fit.attrs["khat"] < 0.5


@pytest.mark.slow
def test_long_chains_agree():
    data = grouped(16, 8)
    fit, chains = bg.fit(model_of(), data), bg.fit_mcmc(model_of(), data, target_accept=0.95)
    for name in ("g_scale", "g_correlation", "g"):
        one, other = (each["posterior"][name] for each in (fit, chains))
        sd = other.std(("chain", "draw")).values
        away = (one.mean(("chain", "draw")) - other.mean(("chain", "draw"))).values
        assert np.all(np.abs(away) <= 0.12 * sd + 1e-12)
