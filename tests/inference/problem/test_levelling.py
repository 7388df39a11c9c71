"""Likelihoods that keep a limit as the mean grows: how far below the mode, and what is refused."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import invgauss, levy

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES

RNG = np.random.default_rng(0)
X = RNG.normal(size=200)
Y = RNG.wald(np.exp(0.3 * X), 1.0)


@pytest.mark.parametrize("n", [5, 40])
def test_the_plateau_of_inverse_gaussian_responses_is_levy(n):
    y, weights = Y[:n], np.arange(n) % 3 + 1.0

    def below(log_mean, log_lam):
        mu, lam = np.exp(log_mean), np.exp(log_lam)
        return -weights @ invgauss.logpdf(y, mu / lam, scale=lam)

    finite = minimize(lambda p: below(*p), [0.0, 0.0], method="BFGS", tol=1e-10).fun
    limit = minimize_scalar(lambda p: -weights @ levy.logpdf(y, scale=np.exp(p))).fun
    plateau = FAMILIES["inverse_gaussian", "log"].plateau
    assert plateau(y, weights) == pytest.approx(limit - finite, rel=1e-6)


@pytest.mark.parametrize("link", ["log", "identity"])
def test_few_responses_need_a_prior_of_the_intercept(link):
    few = {"x": X[:30], "y": Y[:30]}
    model = bg.GLM("y", "x", "inverse_gaussian", link=link)
    with pytest.raises(bg.ModelError, match=r"limit as the mean grows .* nats below .* Give the"):
        bg.fit(model, few)
    assert "map" in bg.fit_map(bg.GLM("y", "x", "inverse_gaussian"), few).children
    proper = bg.GLM("y", "x", "inverse_gaussian", intercept=bg.Normal(2.5))
    assert float(bg.fit(proper, few)["posterior"]["intercept"].std()) < 2.5
    many = bg.fit(bg.GLM("y", "x", "inverse_gaussian"), {"x": X, "y": Y})
    assert many.attrs["method"] == "laplace"


def test_under_the_inverse_link_an_infinite_mean_is_no_farther_than_zero():
    assert FAMILIES["inverse_gaussian", "inverse"].plateau is None
