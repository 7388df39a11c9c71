"""Counts that vary more than a Poisson's: estimates against statsmodels, R and SciPy."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.discrete.count_model import (
    ZeroInflatedNegativeBinomialP,
    ZeroInflatedPoisson,
)
from statsmodels.discrete.discrete_model import NegativeBinomialP
from statsmodels.discrete.truncated_model import TruncatedLFPoisson

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES

REFERENCES = Path(__file__).parents[1] / "references"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    x, z = rng.normal(size=(2, 400))
    mu = np.exp(0.6 + 0.4 * x - 0.2 * z)
    counted = rng.random(400) < 0.7
    mixed = rng.poisson(mu * rng.gamma(1.5, 1 / 1.5, 400))
    return {"x": x, "z": z, "mixed": mixed, "zeros": np.where(counted, rng.poisson(mu), 0)}


def likeliest(response, family, data, **options):
    """Return the maximum of the likelihood: the MAP under flat priors."""
    flat = dict.fromkeys(FAMILY_NAMES[family].dispersions, bg.Flat())
    model = bg.GLM(response, ["x", "z"], family=family, prior=bg.Flat(), dispersion=flat, **options)
    return bg.fit_map(model, data)


def columns(data, rows=slice(None)):
    return np.column_stack([np.ones(len(data["x"])), data["x"], data["z"]])[rows]


def check(fit, names, expected, log_likelihood=None):
    numbers = [float(fit["map"][name]) for name in names]
    np.testing.assert_allclose(numbers, expected, rtol=2e-5, atol=2e-5)
    if log_likelihood is not None:
        assert fit.attrs["log_posterior"] == pytest.approx(log_likelihood, abs=1e-7)


@pytest.mark.parametrize(
    ("family", "name", "power"),
    [("negative_binomial", "alpha", 2), ("negative_binomial1", "phi", 1)],
)
def test_negative_binomials_are_statsmodels(family, name, power, data):
    peer = NegativeBinomialP(data["mixed"], columns(data), p=power)
    peer = peer.fit(disp=0, method="newton", maxiter=200)
    *w, spread = peer.params
    # statsmodels' alpha is one over ours under the variance mu + alpha mu^2.
    expected = [*w, 1.0 / spread if power == 2 else spread]
    check(
        likeliest("mixed", family, data),
        ["intercept", "x", "z", name],
        expected,
        log_likelihood=peer.llf,
    )


def test_a_negative_binomial_is_rs_glm_nb():
    frame = pd.read_csv(REFERENCES / "glm_nb.csv")
    told = json.loads((REFERENCES / "glm_nb.json").read_text())
    model = bg.GLM(
        "y", ["x", "g"], family="negative_binomial", prior=bg.Flat(), dispersion=bg.Flat()
    )
    fit = bg.fit_map(model, frame)
    check(
        fit,
        ["intercept", "x", "g", "alpha"],
        [told[name] for name in ("intercept", "x", "g", "theta")],
        told["log_likelihood"],
    )


def test_a_zero_inflated_poisson_is_statsmodels(data):
    peer = ZeroInflatedPoisson(data["zeros"], columns(data))
    peer = peer.fit(disp=0, method="newton", maxiter=200)
    inflated, *w = peer.params  # the log odds of a zero from elsewhere
    expected = [*w, 1.0 / (1.0 + np.exp(inflated))]
    fit = likeliest("zeros", "zero_inflated_poisson", data)
    check(fit, ["intercept", "x", "z", "psi"], expected, peer.llf)


def test_a_zero_inflated_negative_binomial_is_statsmodels(data):
    rng = np.random.default_rng(11)
    y = np.where(rng.random(400) < 0.6, data["mixed"], 0)
    peer = ZeroInflatedNegativeBinomialP(y, columns(data), p=2)
    peer = peer.fit(disp=0, method="bfgs", maxiter=5000, gtol=1e-9)
    inflated, *w, spread = peer.params
    fit = likeliest("y", "zero_inflated_negative_binomial", {**data, "y": y})
    expected = [*w, 1.0 / (1.0 + np.exp(inflated)), 1.0 / spread]
    check(fit, ["intercept", "x", "z", "psi", "alpha"], expected, peer.llf)


def test_a_hurdle_is_a_share_and_a_truncated_poisson(data):
    some = data["zeros"] > 0
    peer = TruncatedLFPoisson(data["zeros"][some], columns(data, some))
    peer = peer.fit(disp=0, method="newton", maxiter=200)
    share = some.mean()
    of_share = stats.bernoulli.logpmf(some, share).sum()
    fit = likeliest("zeros", "hurdle_poisson", data)
    check(fit, ["intercept", "x", "z", "psi"], [*peer.params, share], peer.llf + of_share)


def test_a_beta_binomial_is_scipys(data):
    rng, n = np.random.default_rng(3), np.full(400, 12)
    p = 1.0 / (1.0 + np.exp(0.3 - 0.6 * data["x"]))
    y = rng.binomial(n, rng.beta(4.0 * p, 4.0 * (1.0 - p)))

    def loss(theta):
        mu, kappa = 1.0 / (1.0 + np.exp(-(columns(data) @ theta[:3]))), np.exp(theta[3])
        return -stats.betabinom.logpmf(y, n, mu * kappa, (1.0 - mu) * kappa).sum()

    peer = optimize.minimize(loss, np.array([0.0, 0.0, 0.0, 1.0]), method="BFGS")
    fit = likeliest("y", "beta_binomial", {**data, "y": y, "n": n}, trials="n")
    numbers = [float(fit["map"][name]) for name in ("intercept", "x", "z", "kappa")]
    np.testing.assert_allclose(numbers, [*peer.x[:3], np.exp(peer.x[3])], rtol=1e-3, atol=1e-4)
    assert fit.attrs["log_posterior"] == pytest.approx(-peer.fun, abs=1e-5)


EVEN = np.repeat([4, 5, 6], 40)
ENDS = {
    "negative_binomial": ("alpha", {}),
    "negative_binomial1": ("phi", {}),
    "zero_inflated_poisson": ("psi", {}),
    "hurdle_poisson": ("psi", {}),
    "beta_binomial": ("kappa", {"trials": "n"}),
}


@pytest.mark.parametrize("family", ENDS)
def test_a_dispersion_that_runs_to_an_end_is_named(family):
    name, options = ENDS[family]
    data = {"y": EVEN, "x": np.tile([0.0, 1.0], 60), "n": np.full(120, 10)}
    model = bg.GLM("y", "x", family=family, dispersion=bg.Flat(), **options)
    with pytest.raises(bg.ModelError, match=f"no mode in '{name}', which runs to an end"):
        bg.fit_map(model, data)


@pytest.mark.parametrize("family", ["negative_binomial", "beta_binomial"])
def test_a_flat_prior_that_leaves_no_posterior_is_refused(family):
    name, options = ENDS[family]
    data = {"y": [0, 3, 1, 9, 0, 2], "x": [0.0, 1.0, 0.5, 0.2, 0.1, 0.9], "n": [9] * 6}
    model = bg.GLM("y", "x", family=family, dispersion=bg.Flat(), **options)
    with pytest.raises(bg.ModelError, match=f"posterior of '{name}' is improper"):
        bg.fit(model, data)


@pytest.mark.parametrize("family", ENDS)
def test_a_column_that_is_there_only_for_zeros_has_no_estimate(family):
    """It goes to infinity; zeros of a hurdle say nothing of it at all."""
    y = np.array([0, 0, 0, 2, 3, 1, 5, 2, 4, 1])
    data = {"y": y, "x": (np.arange(10) < 2).astype(float), "n": np.full(10, 6)}
    model = bg.GLM("y", "x", family=family, prior=bg.Flat(), **ENDS[family][1])
    silent = family == "hurdle_poisson"
    error = bg.ConvergenceError if silent else bg.DataError
    with pytest.raises(error, match="'x', under a Flat prior" if silent else "separated"):
        bg.fit_map(model, data)
