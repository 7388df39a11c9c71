"""Gaussian posteriors with sigma outside: exact, however few the data, with nothing to choose."""

import numpy as np
import pytest
from exact import gaussian_moments
from scipy import stats

import bayesglm as bg
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.weights.sigma import sigma_first

RNG = np.random.default_rng(3)
WIDE = {"X": RNG.normal(size=(10, 30)), "o": RNG.normal(size=10), "w": RNG.integers(1, 3, 10)}
WIDE |= {"y": 5.0 + WIDE["X"][:, 0] + RNG.normal(size=10)}
TALL = {"X": WIDE["X"][:, :3], "o": WIDE["o"], "w": WIDE["w"], "y": WIDE["y"]}
FEW = {"X": RNG.normal(size=(6, 2)), "y": RNG.normal(size=6)}
HALF = bg.HalfNormal(2.0)


def linear(prior, **options):
    options = {"dispersion": HALF, "intercept": bg.Normal(4.0)} | options
    return bg.GLM("y", bg.Linear("X", prior=prior), **options)


CASES = {
    "wide": (linear(bg.Normal(0.5)), WIDE),
    "tall": (linear(bg.Normal(0.5, loc=0.3)), TALL),
    "offset": (linear(bg.Normal(0.5), offset="o"), WIDE),
    "weights": (linear(bg.Normal(0.5), weights="w"), TALL),
    "flat": (linear(bg.Flat(), intercept=bg.Flat()), TALL),
    "flat sigma": (linear(bg.Flat(), intercept=bg.Flat(), dispersion=bg.Flat()), TALL),
    "walk": (linear(bg.RandomWalk(0.3)), WIDE),
    "few": (linear(bg.Normal(2.0), dispersion=bg.HalfStudentT(1.0)), FEW),
    "default": (bg.GLM("y", "X"), WIDE),
    "small": (bg.GLM("y", "X"), {"X": 1e9 * TALL["X"], "y": 1e-12 * TALL["y"]}),
    "large": (bg.GLM("y", "X"), {"X": 1e-9 * TALL["X"], "y": 1e12 * TALL["y"]}),
    "no coefficient": (bg.GLM("y", [], intercept=None, dispersion=HALF), TALL),
}


@pytest.mark.parametrize("name", CASES)
def test_draws_are_of_the_posterior_itself(name):
    """p/q is one number wherever draws go, and q a density of its own."""
    problem = open_posteriors(*CASES[name])[0]
    proposal = sigma_first(problem)
    theta, log_q = proposal.draw(np.random.default_rng(0), 4000)
    ratio = problem.unconstrained.log_density(theta) - log_q
    assert np.ptp(ratio) < 0.02
    # E_q[r / q] is the mass of r, whatever r is: here a part of q's own range of sigma.
    low, high = np.quantile(theta[:, -1], [0.1, 0.8])
    there = np.linspace(low, high, 4000)
    w, log_w = proposal.given.coefficients(there, np.zeros((4000, theta.shape[1] - 1)))
    at = np.column_stack([w, there])
    density = np.exp(problem.unconstrained.log_density(at) - log_w - np.median(ratio))
    assert density.mean() * (high - low) == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("name", ["wide", "few"])
def test_moments_are_the_exact_ones(name):
    model, data = CASES[name]
    scale, n = (2.0 if name == "few" else 0.5), len(data["y"])
    X = np.column_stack([np.ones(n), data["X"]])
    precision = np.diag([1 / 16, *[scale**-2] * data["X"].shape[1]])
    prior = stats.t(4, scale=1.0) if name == "few" else stats.norm(scale=2.0)
    mean, sd, w, w_sd = gaussian_moments(X, data["y"], precision, prior.logpdf)
    fitted = bg.fit(model, data, draws=5000)
    assert fitted.attrs["khat"] < 0.3
    assert fitted.attrs["importance_ess"] > 15_000
    assert fitted.attrs["method"] == ("nested laplace" if name == "wide" else "laplace")
    sigma = fitted["posterior"]["sigma"].values
    assert sigma.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(20_000))
    assert sigma.std() == pytest.approx(sd, rel=0.05)
    draws = np.column_stack(
        [
            fitted["posterior"]["intercept"].values.ravel()[:, None],
            fitted["posterior"]["X"].values.reshape(20_000, -1),
        ]
    )
    assert np.abs((draws.mean(axis=0) - w) / w_sd).max() < 4.5 / np.sqrt(20_000)
    np.testing.assert_allclose(draws.std(axis=0), w_sd, rtol=0.05)


def relative_errors(n, seeds):
    """Of the posterior mean and sd of sigma, and the sd of a slope: averages, and their errors."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=n)
        data = {"x": x, "y": 1.0 + 0.5 * x + rng.normal(size=n)}
        model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), dispersion=bg.HalfStudentT(1.5))
        X, prior = np.column_stack([np.ones(n), x]), stats.t(4, scale=1.5)
        mean, sd, _, w_sd = gaussian_moments(X, data["y"], np.diag([0.0, 1.0]), prior.logpdf)
        posterior = bg.fit(model, data, seed=seed)["posterior"]
        sigma, slope = posterior["sigma"].values, posterior["x"].values
        found.append([sigma.mean() / mean, sigma.std() / sd, slope.std() / w_sd[1]])
    errors = np.array(found) - 1.0
    return errors.mean(axis=0), errors.std(axis=0) / np.sqrt(len(errors))


@pytest.mark.slow
def test_what_is_accepted_is_not_biased():
    """Weights that choose by themselves which pools to keep lose the tail of sigma."""
    mean, error = relative_errors(8, range(100))
    assert (error < [0.0005, 0.002, 0.003]).all()
    assert np.abs(mean / error).max() < 4.0


def test_a_posterior_of_sigma_that_is_improper_is_refused():
    exactly = {"x": np.arange(5.0), "y": 2.0 * np.arange(5.0) + 1.0, "w": [1.0, 2.0, 1.0, 1.0, 1.0]}
    with pytest.raises(bg.ModelError, match=r"reproduce all 5 responses exactly.*dispersion=1.0"):
        bg.fit(bg.GLM("y", "x"), exactly)
    wide = {"X": WIDE["X"], "y": WIDE["y"], "w": [2, *[1] * 9]}
    with pytest.raises(bg.ModelError, match="reproduce all 11 responses exactly"):
        bg.fit(bg.GLM("y", "X", weights="w"), wide)
    few = {"x": [0.0, 1.0, 3.0], "y": [1.0, 2.0, 0.0]}
    with pytest.raises(bg.ModelError, match=r"posterior of the dispersion is improper.*HalfNormal"):
        bg.fit(bg.GLM("y", bg.Linear("x", prior=bg.Flat()), dispersion=bg.Flat()), few)
