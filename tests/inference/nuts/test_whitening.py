"""Coordinates for NUTS: at a mode, under kinks, without a mode, of many parameters."""

import warnings

import numpy as np
import pytest
from conftest import simulate
from families import OF_NUMBERS, OF_REALS, WALLED

import bayesglm as bg
from bayesglm.inference.nuts import whitening
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.problem import open_problems
from bayesglm.spec.families import FAMILY_NAMES

KEYS = [
    (family, link)
    for family, name in OF_NUMBERS.items()
    for link in name.links
    if (family, link) not in WALLED
]


def problem_of(model, data):
    return open_problems(model, data)[0]


@pytest.mark.parametrize(("family", "link"), KEYS)
def test_they_are_those_of_the_laplace_approximation(family, link):
    options = {"trials": "trials"} if FAMILY_NAMES[family].needs_trials else {}
    data = simulate(200, seed=4)
    data = data.assign({name: data[name] + 3.0 for name in OF_REALS})
    if link == "tan_half":
        # By default uniform on the circle, which is heavy-tailed on the line.
        options["intercept"] = bg.Normal(2.0)
    model = bg.GLM(family, ["x", "movie"], family, link, **options)
    found = whiten(problem_of(model, data))
    assert found.nearly_normal
    assert not found.widths.any()
    with warnings.catch_warnings():
        # What two dispersions leave open is far from normal, and said to be.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        laplace = bg.fit_laplace(model, data, draws=10)["laplace"]
    np.testing.assert_allclose(found.coordinates.centre, laplace["mode"], rtol=1e-6, atol=1e-6)
    covariance = found.coordinates.factor @ found.coordinates.factor.T
    np.testing.assert_allclose(covariance, laplace["covariance"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("rate", [0.3, 30.0, 3000.0])
def test_a_kink_is_worth_the_variance_of_its_density(rate):
    model = bg.GLM("poisson", bg.Linear("z", prior=bg.lasso(rate)), family="poisson")
    problem = problem_of(model, simulate(50))
    found = whiten(problem)
    centre = found.coordinates.centre
    likelihood = -problem.unconstrained.evaluate(centre).hessian
    expected = np.linalg.inv(likelihood + np.diag([0.0, rate**2 / 2]))
    covariance = found.coordinates.factor @ found.coordinates.factor.T
    np.testing.assert_allclose(covariance, expected, rtol=1e-9)
    assert found.widths[0] == 0.0
    assert 0.0 < found.widths[1] <= 0.5 * rate * covariance[1, 1]


def test_more_kinks_are_softened_less_each():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 60))
    data = {"y": rng.poisson(1.0, 400), "few": X[:, :3], "many": X}
    widths = [
        whiten(
            problem_of(bg.GLM("y", bg.Linear(name, prior=bg.lasso(30.0)), "poisson"), data)
        ).widths[1:]
        for name in ("few", "many")
    ]
    assert widths[1].max() < 0.6 * widths[0].min()


WIDE = {"y": [0.3, -0.4, 1.0], "x": np.random.default_rng(0).normal(size=(3, 4))}


def test_without_a_mode_they_start_from_the_mean_response():
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), dispersion=bg.HalfNormal(1.0))
    problem = problem_of(model, WIDE)
    found = whiten(problem)
    assert not found.nearly_normal
    np.testing.assert_array_equal(found.coordinates.centre, problem.start(problem.unconstrained))
    sd = np.std(WIDE["y"])
    expected = 1.0 / np.sqrt((WIDE["x"] ** 2).sum(0) / sd**2 + 1.0)
    np.testing.assert_allclose(found.coordinates.factor[1:5], expected, rtol=1e-6)
    # log sigma: minus twice the squares over sigma^2, and the prior's own.
    np.testing.assert_allclose(found.coordinates.factor[5] ** -2, 2 * 3 + 2 * sd**2, rtol=1e-3)


def test_without_a_mode_draws_come_all_the_same():
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), dispersion=bg.HalfNormal(1.0))
    with warnings.catch_warnings():
        # A posterior whose density has no bound near sigma = 0 needs care, and is told.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        fitted = bg.fit_mcmc(model, WIDE, draws=300)
    assert np.isfinite(fitted["posterior"].to_dataset().to_array()).all()
    assert float(fitted["posterior"]["sigma"].median()) < 1.5


@pytest.mark.parametrize("verb", [bg.fit_mcmc, lambda *given: whiten(problem_of(*given))])
def test_an_exact_response_has_an_improper_posterior(verb):
    x = np.linspace(-1, 1, 20)
    data = {"y": 3.0 * x - 0.5, "x": x}
    with pytest.raises(bg.ModelError, match="'y': 2 coefficients reproduce all 20 responses exac"):
        verb(bg.GLM("y", bg.Linear("x", prior=bg.Normal(10.0))), data)


@pytest.mark.parametrize("prior", [bg.Normal(1.0), bg.smooth(5.0), bg.lasso(8.0)], ids=repr)
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_many_parameters_are_scaled_each_by_itself(family, prior, monkeypatch):
    model = bg.GLM(family, bg.Lagged("x", lags=4, prior=prior), family=family)
    problem = problem_of(model, simulate(100))
    full = whiten(problem)
    monkeypatch.setattr(whitening, "MOST_WHITENED", 0)
    found = whiten(problem)
    assert found.nearly_normal
    assert found.coordinates.factor.ndim == 1
    np.testing.assert_array_equal(found.coordinates.centre, full.coordinates.centre)
    inner = full.coordinates.factor @ full.coordinates.factor.T
    precision = np.diag(np.linalg.inv(inner))
    # Of a random walk the ends, which have one neighbour, stand in for all: within a factor of two.
    loose = 1.0 if isinstance(prior, bg.RandomWalk) else 1e-5
    np.testing.assert_allclose(found.coordinates.factor**-2, precision, rtol=loose)
