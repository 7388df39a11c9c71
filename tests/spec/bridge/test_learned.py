"""Precisions that scikit-learn learns have their mode under the priors that the bridge says."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from sklearn.linear_model import ARDRegression, BayesianRidge

import bayesglm as bg

FRAME = pd.read_csv(Path(__file__).parents[2] / "references" / "penalties.csv")
X, Y = FRAME[["a", "b", "c", "d"]].to_numpy(), FRAME["gaussian"].to_numpy()
OF_W, OF_NOISE = {"lambda_1": 2.0, "lambda_2": 0.5}, {"alpha_1": 3.0, "alpha_2": 0.8}
EXACT = {"fit_intercept": False, "tol": 1e-14, "max_iter": 10_000}


def of_log_precision(prior, log_precision):
    """Return the log density of the log of a precision, from that of the sd: ds/dlog = s/2."""
    sd = np.exp(-0.5 * log_precision)
    return prior.logpdf(sd) + np.log(sd / 2.0)


def of_the_data(log_alpha, log_lambdas):
    """Return the log density of the responses, the coefficients integrated out."""
    covariance = np.eye(len(Y)) * np.exp(-log_alpha) + X * np.exp(-log_lambdas) @ X.T
    return stats.multivariate_normal(cov=covariance).logpdf(Y)


def slopes(function, place):
    """Return the derivatives of a function by central differences of two steps."""
    found = []
    for axis in np.eye(len(place)):
        by_step = [
            (function(place + step * axis) - function(place - step * axis)) / (2.0 * step)
            for step in (2e-3, 1e-3)
        ]
        found.append((4.0 * by_step[1] - by_step[0]) / 3.0)
    return np.array(found)


def test_bayesian_ridge_finds_the_mode_of_its_log_precisions():
    fit = BayesianRidge(**OF_W, **OF_NOISE, **EXACT).fit(X, Y)
    prior = bg.penalty_to_prior("sklearn.BayesianRidge", **fit.get_params())
    assert prior == bg.Normal(bg.Precision(bg.Gamma(2.0, 0.5)))
    assert bg.prior_to_penalty(prior, "sklearn.BayesianRidge") == OF_W
    noise = bg.Precision(bg.Gamma(3.0, 0.8))

    def density(place):
        data = of_the_data(place[0], np.repeat(place[1], 4))
        return data + of_log_precision(noise, place[0]) + of_log_precision(prior.scale, place[1])

    mode = np.log([fit.alpha_, fit.lambda_])
    np.testing.assert_allclose(slopes(density, mode), 0.0, atol=1e-6)


def test_relevance_determination_finds_the_mode_of_a_log_precision_each():
    fit = ARDRegression(**OF_W, **OF_NOISE, **EXACT, threshold_lambda=1e9).fit(X, Y)
    prior = bg.penalty_to_prior("sklearn.ARDRegression", **fit.get_params())
    assert prior == bg.StudentT(0.5, df=4.0)
    assert bg.prior_to_penalty(prior, "sklearn.ARDRegression") == OF_W
    of_each, noise = bg.Precision(bg.Gamma(2.0, 0.5)), bg.Precision(bg.Gamma(3.0, 0.8))

    def density(place):
        data = of_the_data(place[0], place[1:])
        own = sum(of_log_precision(of_each, one) for one in place[1:])
        return data + of_log_precision(noise, place[0]) + own

    mode = np.log([fit.alpha_, *fit.lambda_])
    np.testing.assert_allclose(slopes(density, mode), 0.0, atol=1e-6)


@pytest.mark.parametrize("w", [0.0, 0.3, 2.0])
def test_a_precision_integrated_out_leaves_a_student_t(w):
    gamma = stats.gamma(2.0, scale=1.0 / 0.5)
    mixed, _ = integrate.quad(
        lambda one: stats.norm.pdf(w, scale=one**-0.5) * gamma.pdf(one), 0.0, np.inf, epsabs=1e-12
    )
    prior = bg.penalty_to_prior("sklearn.ARDRegression", **OF_W)
    assert float(prior.logpdf(w)) == pytest.approx(np.log(mixed), abs=1e-9)
