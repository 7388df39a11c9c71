"""Nested Laplace: the scales' posterior where it is known, and joint draws from it."""

import arviz_stats
import numpy as np
import pytest
from scipy import interpolate, stats

import bayesglm as bg
from bayesglm.errors import ConvergenceError
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.nested import conditionals, nested_proposal, scales_at_mode
from bayesglm.inference.weights.psis import pareto_smoothed
from bayesglm.numerics.theta.transforms import LOG

LEVELS, EACH = 12, 6


def grouped(family="gaussian", seed=0):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(LEVELS), EACH)
    x = rng.normal(size=len(g))
    eta = 0.3 + 0.5 * x + (0.6 * rng.normal(size=LEVELS))[g]
    y = eta + 0.7 * rng.normal(size=len(g)) if family == "gaussian" else rng.poisson(np.exp(eta))
    return {"y": y, "x": x, "g": g}


def model_of(family="gaussian", dispersion=None, scale=None):
    scale = bg.HalfNormal(1.0) if scale is None else scale
    return bg.GLM(
        "y",
        [bg.Linear("x", prior=bg.Normal(2.0)), bg.Group("g", prior=bg.Normal(scale))],
        family=family,
        intercept=bg.Normal(3.0),
        dispersion=dispersion,
    )


# Priors of a scale, each with the same of SciPy; those that end have other coordinates than log s.
ABOVE = {
    bg.HalfCauchy(0.8): stats.halfcauchy(scale=0.8),
    bg.Gamma(2.0, 1.5): stats.gamma(2.0, scale=1.0 / 1.5),
    bg.InverseGamma(1.0, 0.5): stats.invgamma(1.0, scale=0.5),
    bg.Precision(bg.Gamma(0.5, 0.1)): stats.gengamma(0.5, -2.0, scale=0.1**0.5),
    bg.Variance(bg.InverseGamma(0.5, 0.1)): stats.gengamma(0.5, -2.0, scale=0.1**0.5),
    bg.Variance(bg.Gamma(1.5, 2.0)): stats.gengamma(1.5, 2.0, scale=2.0**-0.5),
    bg.Uniform(0.0, 3.0): stats.uniform(0.0, 3.0),
    bg.Uniform(0.0, 0.3): stats.uniform(0.0, 0.3),  # less than the data say
}


@pytest.fixture(scope="module")
def likelihood():
    """log p(y) as a function of log scales, through values on a grid."""
    grid, data = np.linspace(-14.0, 4.0, 361), grouped()
    prior = [stats.halfnorm.logpdf(np.exp(at)) + at for at in grid]
    values = [exact_log_density(data, at, 0.7) for at in grid]
    return interpolate.CubicSpline(grid, np.subtract(values, prior))


def exact_log_density(data, log_scale, sigma):
    """log p(y, log scale) of the gaussian model with the coefficients integrated out."""
    X = np.column_stack([np.ones(len(data["y"])), data["x"], np.eye(LEVELS)[data["g"]]])
    variances = np.r_[9.0, 4.0, np.full(LEVELS, np.exp(2 * log_scale))]
    covariance = sigma**2 * np.eye(len(X)) + X * variances @ X.T
    likelihood = stats.multivariate_normal(cov=covariance).logpdf(data["y"])
    return likelihood + stats.halfnorm.logpdf(np.exp(log_scale)) + log_scale


def test_the_marginal_of_a_gaussian_is_exact():
    data = grouped()
    given = conditionals(open_problems(model_of(dispersion=0.7), data)[0])
    for log_scale in (-3.0, -0.5, 1.0):
        found = given(np.array([log_scale])).log_marginal
        assert found == pytest.approx(exact_log_density(data, log_scale, 0.7), abs=1e-8)


def test_the_marginal_of_scale_and_sigma_is_exact():
    data = grouped()
    model = model_of(dispersion=bg.HalfStudentT(2.0, df=3.0))
    given = conditionals(open_problems(model, data)[0])
    for log_sigma, log_scale in ((-0.4, -0.5), (0.3, 0.7)):
        found = given(np.array([log_sigma, log_scale])).log_marginal
        prior = np.log(2) + stats.t.logpdf(np.exp(log_sigma), 3, scale=2) + log_sigma
        exact = exact_log_density(data, log_scale, np.exp(log_sigma)) + prior
        assert found == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("above", ABOVE, ids=repr)
def test_scales_have_the_posterior_that_their_prior_leaves_them(above, likelihood):
    problem = open_problems(model_of(dispersion=0.7, scale=above), grouped())[0]
    own, given = problem.learned["g_scale"], conditionals(problem)

    def log_density(u):
        scale = own.transform.natural(u)
        of_scale = likelihood(np.log(scale)) + ABOVE[above].logpdf(scale)
        return of_scale + own.transform.log_jacobian(u[:, None])

    u = own.transform.inner(np.array([0.2]))
    assert given(u).log_marginal == pytest.approx(log_density(u)[0], abs=1e-6)
    theta, weights, smoothed = weighted(problem)
    grid = np.linspace(-14.0, 4.0 if own.transform is LOG else 14.0, 8001)
    density = np.exp(log_density(grid) - log_density(u)[0])
    below = np.cumsum(density) / density.sum()
    shares = np.array([0.02, 0.1, 0.5, 0.9, 0.98])
    found = [weights @ (theta[:, -1] < at) for at in np.interp(shares, below, grid)]
    error = np.sqrt(shares * (1.0 - shares) / smoothed.kish)
    assert smoothed.khat < 0.5
    assert np.abs((found - shares) / error).max() < 4.0


def weighted(problem, n=4000, seed=1):
    proposal = nested_proposal(problem)
    theta, log_q = proposal.draw(np.random.default_rng(seed), n)
    smoothed = pareto_smoothed(problem.unconstrained.log_density(theta) - log_q)
    return theta, np.exp(smoothed.log_weights), smoothed


def test_weighted_draws_of_the_scale_are_its_posterior():
    data = grouped()
    theta, weights, smoothed = weighted(open_problems(model_of(dispersion=0.7), data)[0])
    mean, sd, exactly_below = moments_of_scale(data)
    error = sd / np.sqrt(smoothed.kish)
    assert smoothed.khat < 0.5
    assert smoothed.kish > 2000
    assert weights @ np.exp(theta[:, -1]) == pytest.approx(mean, abs=4 * error)
    below = weights @ (theta[:, -1] < np.log(0.4))
    assert below == pytest.approx(exactly_below, abs=4 * 0.5 / smoothed.kish**0.5)


def distribution_of_scale(data):
    """Log scales on a grid, and the probabilities of being no larger."""
    grid = np.linspace(-16, 3, 4001)
    log_density = np.array([exact_log_density(data, at, 0.7) for at in grid])
    density = np.exp(log_density - log_density.max())
    return grid, np.cumsum(density) / density.sum()


def moments_of_scale(data):
    """Mean and sd of the scale, and the probability that it is below 0.4."""
    grid, below = distribution_of_scale(data)
    density = np.diff(below, prepend=0.0)
    mean = density @ np.exp(grid)
    return mean, np.sqrt(density @ (np.exp(grid) - mean) ** 2), np.interp(np.log(0.4), grid, below)


def spread_out(spread):
    """Responses whose means of groups are pulled together, for a scale of about ``spread``."""
    data = grouped()
    means = np.array([data["y"][data["g"] == k].mean() for k in range(LEVELS)])
    return data | {"y": data["y"] - (1 - spread / 0.6) * means[data["g"]]}


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.6])
def test_weights_reach_as_far_as_the_posterior_does(spread):
    """To where the scale is next to zero, and its coefficients with it."""
    data, shares = spread_out(spread), np.array([0.002, 0.01, 0.1, 0.5, 0.9, 0.99])
    grid, below = distribution_of_scale(data)
    theta, weights, smoothed = weighted(open_problems(model_of(dispersion=0.7), data)[0], 40_000)
    found = [weights @ (theta[:, -1] < at) for at in np.interp(shares, below, grid)]
    error = np.sqrt(shares * (1.0 - shares) / smoothed.kish)
    assert smoothed.khat < 0.4
    assert np.abs((found - shares) / error).max() < 4.0


def test_a_walk_whose_scale_is_learned():
    """A trend of which the data say little: the scale goes to zero, its waves with it."""
    rng, n, levels = np.random.default_rng(4), 90, 9
    code = np.repeat(np.arange(levels), n // levels)
    data = {"y": 0.3 + rng.normal(size=n), "level": np.eye(levels)[code]}
    term = bg.Linear("level", prior=bg.RandomWalk(bg.HalfNormal(1.0)))
    model = bg.GLM("y", term, family="gaussian", intercept=None, dispersion=1.0)
    theta, weights, smoothed = weighted(open_problems(model, data)[0], 40_000)
    steps = np.diff(np.eye(levels), axis=0)
    X, (values, basis) = data["level"], np.linalg.eigh(steps.T @ steps)
    grid = np.linspace(-14, 3, 3001)
    log_density = []
    for log_scale in grid:
        precision = np.diag(values * np.exp(-2.0 * log_scale)) + basis.T @ X.T @ X @ basis
        pull = basis.T @ X.T @ data["y"]
        fitted = 0.5 * pull @ np.linalg.solve(precision, pull)
        volume = -(levels - 1) * log_scale - 0.5 * np.linalg.slogdet(precision)[1]
        log_density.append(fitted + volume - 0.5 * np.exp(2.0 * log_scale) + log_scale)
    density = np.exp(np.array(log_density) - np.max(log_density))
    below = np.cumsum(density) / density.sum()
    shares = np.array([0.01, 0.1, 0.5, 0.9, 0.99])
    found = [weights @ (theta[:, -1] < at) for at in np.interp(shares, below, grid)]
    error = np.sqrt(shares * (1.0 - shares) / smoothed.kish)
    assert smoothed.khat < 0.5
    assert np.abs((found - shares) / error).max() < 4.0


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.05, 0.6])
def test_nuts_of_a_learned_scale_is_its_posterior(spread):
    """Of which the data say little, or much: multiples of the scale, or themselves."""
    data = spread_out(spread)
    fit = bg.fit_mcmc(model_of(dispersion=0.7), data, seed=3, target_accept=0.95)
    mean, sd, below = moments_of_scale(data)
    scale = fit["posterior"]["g_scale"]
    ess = min(float(arviz_stats.ess(scale.to_dataset(name="v"))["v"]), 4000.0)
    assert float(scale.mean()) == pytest.approx(mean, abs=4.5 * sd / np.sqrt(ess))
    low = (scale < 0.4).astype(float)
    of_low = min(float(arviz_stats.ess(low.to_dataset(name="v"))["v"]), 4000.0)
    assert float(low.mean()) == pytest.approx(below, abs=4.5 * 0.5 / np.sqrt(of_low))
    assert fit.attrs["max_rhat"] < 1.02


LEARNED = {
    "default": bg.Group("g"),
    "slopes": bg.Group("g", slopes=("x",)),
    "half-normal": bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))),
    "exponential": bg.Group("g", prior=bg.Normal(bg.Exponential(0.01))),
}


def large(n, seed, spread=7.0, noise=9.0):
    """Many rows of 40 levels, of which the scales' posterior is narrow."""
    rng = np.random.default_rng(seed)
    g, x, effects = rng.integers(0, 40, n), rng.normal(size=n), rng.normal(0.0, spread, (2, 40))
    return {"g": g, "x": x, "y": 50.0 + effects[0, g] + effects[1, g] * x + rng.normal(0, noise, n)}


@pytest.mark.parametrize("term", LEARNED)
@pytest.mark.parametrize(("n", "spread", "noise"), [(300, 7, 9), (10_000, 7, 9), (30_000, 0.1, 1)])
def test_every_inner_mode_of_scales_is_found(term, n, spread, noise):
    for seed in range(3):
        model = bg.GLM("y", ["x", LEARNED[term]])
        problem = open_problems(model, large(n, seed, spread, noise))[0]
        psi, factor = scales_at_mode(problem)
        given = conditionals(problem)
        top = given(psi).log_marginal
        for axis in factor.T:
            up, down = (given(psi + sign * axis).log_marginal for sign in (1.0, -1.0))
            assert abs(up - down) / 2.0 < 0.3, "the mode is where the slope is zero"
            assert 0.5 < 2.0 * top - up - down < 1.5, "the factor is in units of sds"


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["native", "pymc"])
def test_every_engine_reaches_small_scales(engine):
    """Four levels of six rows: levels that are free variables themselves leave a funnel."""
    rng = np.random.default_rng(0)
    g = np.repeat(np.arange(4), 6)
    data = {"y": 1.0 + (0.3 * rng.normal(size=4))[g] + rng.normal(size=24), "g": g}
    term = bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0)))
    model = bg.GLM("y", term, intercept=bg.Normal(3.0), dispersion=1.0)
    grid, alike = np.linspace(-12.0, 3.0, 1501), np.equal.outer(g, g)
    covariances = [np.eye(24) + 9.0 + np.exp(2.0 * at) * alike for at in grid]
    log_density = stats.halfnorm.logpdf(np.exp(grid)) + grid
    log_density += [stats.multivariate_normal(cov=each).logpdf(data["y"]) for each in covariances]
    below = np.cumsum(np.exp(log_density - log_density.max()))
    low, middle = np.exp(np.interp([0.05, 0.5], below / below[-1], grid))
    scale = bg.fit_mcmc(model, data, engine=engine, target_accept=0.95)["posterior"]["g_scale"]
    assert float((scale < low).mean()) == pytest.approx(0.05, abs=0.02)
    assert float((scale < middle).mean()) == pytest.approx(0.5, abs=0.05)


def test_fit_of_a_learned_scale_says_how():
    fit = bg.fit(model_of("poisson"), grouped("poisson"))
    assert fit.attrs["method"] == "laplace by levels"
    assert fit.attrs["khat"] < 0.7
    assert fit["posterior"]["g_scale"].dims == ("chain", "draw")
    assert fit["posterior"]["g"].dims == ("chain", "draw", "g_level")
    assert (fit["posterior"]["g_scale"] > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_counts_have_weights_that_stand(seed):
    problem = open_problems(model_of("poisson"), grouped("poisson", seed))[0]
    _, _, smoothed = weighted(problem)
    assert smoothed.khat < 0.7
    assert smoothed.kish > 400


def test_log_densities_are_those_of_the_draws():
    """E_q[p / q] is the mass of p, whatever p is."""
    problem = open_problems(model_of(dispersion=0.7), grouped())[0]
    proposal = nested_proposal(problem)
    theta, log_q = proposal.draw(np.random.default_rng(2), 60_000)
    wide = stats.norm(theta[:, -1].mean(), 0.5 * theta[:, -1].std())
    # Two densities p of the same mass: their ratios to q have the same mean.
    given = conditionals(problem)
    centre = given(np.array([theta[:, -1].mean()]))
    covariance = centre.factor @ centre.factor.T
    log_p = wide.logpdf(theta[:, -1]) + stats.multivariate_normal(
        centre.mode, 0.8 * covariance
    ).logpdf(theta[:, :-1])
    ratio = np.exp(log_p - log_q)
    shifted = stats.norm(theta[:, -1].mean() + 0.05, 0.4 * theta[:, -1].std())
    other = np.exp(log_p - wide.logpdf(theta[:, -1]) + shifted.logpdf(theta[:, -1]) - log_q)
    error = np.hypot(ratio.std() / ratio.mean(), other.std() / other.mean()) / np.sqrt(len(ratio))
    assert np.log(ratio.mean() / other.mean()) == pytest.approx(0.0, abs=4 * error)


def test_many_scales_are_refused():
    data = grouped()
    names = [f"x{k}" for k in range(8)]
    data |= {name: np.random.default_rng(k).normal(size=72) for k, name in enumerate(names)}
    terms = [bg.Linear(name, prior=bg.Normal(bg.HalfNormal(1.0))) for name in names]
    problem = open_problems(bg.GLM("y", terms, family="gaussian", dispersion=1.0), data)[0]
    with pytest.raises(ConvergenceError, match="looks at 7 scales"):
        nested_proposal(problem)


def test_there_is_no_joint_mode():
    with pytest.raises(bg.ModelError, match=r"'g_scale'.*fit.*tune_prior"):
        bg.fit_map(model_of(), grouped())
