"""Priors of a share of variance: what the data write into them at the first fit."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve

RNG = np.random.default_rng(5)
N = 200
X = RNG.normal(size=(N, 3)) * [1.0, 5.0, 0.2] + [0.0, 3.0, 0.0]
DATA = {
    "real": RNG.normal(size=N),
    "counts": RNG.poisson(3.0, N),
    "positive": RNG.gamma(4.0, size=N),
    "hits": RNG.integers(0, 2, N),
    "some": RNG.binomial(6, 0.3, N),
    "tries": np.full(N, 6),
    "weight": RNG.integers(1, 4, N),
    "g": np.repeat(["a", "b", "c", "d"], N // 4),
    "X": X,
    "level": np.ones(N),
}


def prior_of(family, response, term=None, **options):
    term = term or bg.Linear("X", prior=bg.R2D2(0.5))
    model = bg.GLM(response, term, family=family, **options)
    return resolve(plan_fit(model, DATA)).model.terms[0].prior


def test_each_column_has_its_own_sd():
    assert prior_of("gaussian", "real").predictor_sd == pytest.approx(tuple(X.std(axis=0)))
    several = np.repeat(X, DATA["weight"], axis=0).std(axis=0)
    weighted = prior_of("gaussian", "real", weights="weight").predictor_sd
    assert weighted == pytest.approx(tuple(several))


def test_lags_have_that_of_their_predictor():
    term = bg.Lagged("real", lags=3, name="past", prior=bg.R2D2(0.5))
    assert prior_of("poisson", "counts", term).predictor_sd == pytest.approx(DATA["real"].std())


def test_levels_have_that_of_their_indicator():
    term = bg.Group("g", prior=bg.R2D2(0.5))
    assert prior_of("gaussian", "real", term).predictor_sd == pytest.approx(np.sqrt(3.0) / 4.0)


@pytest.mark.parametrize(
    ("family", "response", "options", "sigma"),
    [
        ("gaussian", "real", {}, None),
        ("student_t", "real", {}, None),
        ("gaussian", "real", {"dispersion": 0.7}, 0.7),
        ("bernoulli", "hits", {}, np.pi / np.sqrt(3.0)),
        ("bernoulli", "hits", {"link": "probit"}, 1.0),
        ("binomial", "some", {"trials": "tries"}, np.pi / np.sqrt(3.0)),
        ("categorical", "g", {}, np.pi / np.sqrt(3.0)),
        ("poisson", "counts", {}, DATA["counts"].mean() ** -0.5),
        ("poisson", "counts", {"link": "sqrt"}, 0.5),
        ("gamma", "positive", {"dispersion": 4.0}, 0.5),
        ("negative_binomial", "counts", {"dispersion": 2.0}, None),
    ],
    ids=str,
)
def test_what_stands_for_the_rest(family, response, options, sigma):
    if family == "negative_binomial":  # variance mu + mu^2 / alpha, and so on the log link
        sigma = np.sqrt(1.0 / DATA["counts"].mean() + 0.5)
    found = prior_of(family, response, **options).sigma
    assert found is None if sigma is None else found == pytest.approx(sigma, rel=2e-3)


def test_terms_of_other_parameters_have_the_unit_of_their_link():
    model = bg.GLM("real", "X", dispersion={"sigma": [bg.Linear("X", prior=bg.R2D2(0.5))]})
    made = resolve(plan_fit(model, DATA)).model
    assert made.predicted["sigma"].terms[0].prior.sigma == 1.0


def test_what_is_given_stands():
    given = bg.R2D2(0.5, sigma=2.0, predictor_sd=1.0)
    assert prior_of("poisson", "counts", bg.Linear("X", prior=given)) == given


def test_no_single_residual():
    with pytest.raises(bg.ModelError, match="sigma has a linear predictor of its own"):
        prior_of("gaussian", "real", dispersion={"sigma": ["X"]})


def test_no_column_without_variance():
    with pytest.raises(bg.DataError, match="'level' is constant over the samples in use"):
        prior_of("gaussian", "real", bg.Linear("level", prior=bg.R2D2(0.5)))
