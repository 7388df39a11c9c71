"""A family with a dispersion of its own kind, added as one record a table, works in every verb."""

import re
from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.special import betainc, digamma, gammaln, polygamma
from twins import compare

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.twin.likelihoods import LIKELIHOODS
from bayesglm.numerics.families.counts import is_count, pushed_down
from bayesglm.numerics.families.record import Derivatives, Dispersion, of_one_channel
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES, FamilyName

NAME = "counts_of_mine"  # none that the package knows


def kernel(y, eta, phi, trials, order):
    """log p(y) = log G(y + a) / G(a) + a log a + y eta - (y + a) log(a + mu), of variance
    mu + mu^2 / a.
    """
    a, mu = phi[0], np.exp(eta)
    total, log_total = a + mu, np.logaddexp(np.log(a), eta)
    value = gammaln(y + a) - gammaln(a) + a * np.log(a) + y * eta - (y + a) * log_total
    slope = (y - mu) * a / total
    bend = -(y + a) * a * mu / total**2
    of_a = digamma(y + a) - digamma(a) + np.log(a) + 1.0 - log_total - (y + a) / total
    crossed = (y - mu) * mu / total**2
    bend_of_a = polygamma(1, y + a) - polygamma(1, a) + 1.0 / a - 2.0 / total + (y + a) / total**2
    whole = Derivatives(value, slope, bend, (of_a,), (crossed,), ((bend_of_a,),))
    return Derivatives(value) if order == 0 else whole


def saturated(y, phi, trials):
    return np.where(y > 0, kernel(y, np.log(np.maximum(y, 1.0)), phi, None, 0).value, 0.0)


def cdf(y, eta, phi, trials, above=False):
    share = phi[0] / (phi[0] + np.exp(eta))
    return betainc(y + 1.0, phi[0], 1.0 - share) if above else betainc(phi[0], y + 1.0, share)


def draw(rng, eta, phi, trials):
    mean = np.exp(eta) + np.zeros_like(phi[0])
    return rng.poisson(rng.gamma(phi[0] + np.zeros_like(mean)) * mean / phi[0]).astype(float)


ALPHA = Dispersion(
    default=lambda spread: ("InverseGamma", {"shape": 0.5, "scale": 0.5}),
    start=lambda y: float(y.mean() ** 2 / max(y.var() - y.mean(), 0.1 * y.mean())),
    limits=(np.inf,),
)
RECORD = of_one_channel(
    kernel,
    lambda eta, phi, trials: np.exp(eta),
    name=NAME,
    link="log",
    constant=lambda y, trials: -gammaln(y + 1.0),
    saturated=saturated,
    draw=draw,
    cdf=cdf,
    survival=partial(cdf, above=True),
    valid=lambda y, trials: is_count(y),
    support="non-negative integers",
    dispersions=(ALPHA,),
    log_concave=True,
    push=pushed_down,
)
WORDS = FamilyName(
    links=("log",),
    dispersions=("alpha",),
    discrete=True,
    counts=True,
    deviance_powers=(0.0,),
    notation="NegativeBinomial({mu}, alpha)",
)
RNG = np.random.default_rng(1)
N = 300
X = RNG.normal(size=(N, 2))
DATA = {"X": X, "y": draw(RNG, 0.8 + X @ [0.4, -0.3], (2.5,), None)}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Register the family: one entry a table."""
    monkeypatch.setitem(FAMILY_NAMES, NAME, WORDS)
    monkeypatch.setitem(FAMILIES, (NAME, "log"), RECORD)
    likelihood = {"distribution": "NegativeBinomial"}
    monkeypatch.setitem(
        LIKELIHOODS,
        NAME,
        lambda link, eta, phi, trials: {**likelihood, "mu": link(eta), "alpha": phi["alpha"]},
    )


def model(terms="X", **options):
    return bg.GLM("y", terms, family=NAME, prior=bg.Normal(1.0), **options)


def test_the_record_is_scipys_density():
    y, eta, alpha = np.arange(6.0), np.array([[-0.5], [1.0]]), 1.7
    theirs = stats.nbinom(alpha, alpha / (alpha + np.exp(eta)))
    found = RECORD.log_likelihood(y, eta[None], (alpha,), None)
    np.testing.assert_allclose(found, theirs.logpmf(y), rtol=1e-12)
    np.testing.assert_allclose(RECORD.cdf(y, eta[None], (alpha,), None), theirs.cdf(y), rtol=1e-9)
    below = RECORD.below(y, eta[None], (alpha,), None)
    np.testing.assert_allclose(below, theirs.cdf(y - 1), rtol=1e-9, atol=1e-12)


def test_alpha_has_its_own_start_and_default_and_is_stored_with_them():
    problem = open_problems(model(), DATA)[0]
    start = problem.start(problem.natural)
    assert np.exp(start[-1]) == pytest.approx(ALPHA.start(DATA["y"]))
    assert problem.labels()[-1] == "alpha"
    assert problem.unconstrained.registry.labels()[-1] == "log alpha"
    found = bg.fit_map(model(), DATA)
    stored = bg.GLM.from_json(found.attrs["model"])
    assert stored.dispersion == bg.InverseGamma(0.5, 0.5)
    assert "alpha                 ~ InverseGamma(0.5, 0.5)" in str(stored)
    assert 1.0 < float(found["map"]["alpha"]) < 8.0


def test_the_map_is_where_no_slope_is_left():
    found = bg.fit_map(model(), DATA)
    (problem,) = open_problems(model(), DATA)
    theta = np.concatenate(
        [np.ravel(found["map"][name]) for name in ("intercept", "X")]
        + [np.log([float(found["map"]["alpha"])])]
    )
    now = problem.natural.evaluate(theta)
    assert np.abs(now.gradient).max() < 1e-4
    step = 1e-5 * np.eye(4)
    slopes = [(problem.natural.value(theta + s) - problem.natural.value(theta - s)) for s in step]
    np.testing.assert_allclose(np.array(slopes) / 2e-5, now.gradient, atol=1e-5)


def test_a_design_that_passes_through_every_response_has_a_mode():
    """No density grows without bound as alpha goes to 0: only a gaussian's sigma is refused so."""
    rng = np.random.default_rng(0)
    wide = {"X": rng.normal(size=(8, 12)), "y": rng.poisson(3.0, 8).astype(float)}
    assert np.isfinite(float(bg.fit_map(model(), wide)["map"]["alpha"]))
    with pytest.raises(bg.ModelError, match="sigma -> 0"):
        bg.fit_map(bg.GLM("y", "X", prior=bg.Normal(1.0)), wide)


def test_a_flat_prior_has_a_mode_and_no_posterior():
    """As alpha goes to infinity the likelihood goes to a Poisson's: no flat prior is proper."""
    flat = model(dispersion=bg.Flat())
    assert np.isfinite(float(bg.fit_map(flat, DATA)["map"]["alpha"]))
    for verb in (bg.fit, bg.fit_laplace, bg.fit_mcmc):
        with pytest.raises(bg.ModelError, match="the posterior of 'alpha' is improper"):
            verb(flat, DATA)


def test_names_are_reserved_by_the_family_at_hand():
    data = {"y": DATA["y"], "alpha": X[:, 0], "sigma": X[:, 1]}
    said = re.escape("'alpha': the name is reserved, for a parameter of the family")
    with pytest.raises(bg.ModelError, match=said):
        model("alpha")
    found = bg.fit_map(bg.GLM("y", ["alpha", "sigma"], "poisson", prior=bg.Normal(1.0)), data)
    assert {"alpha", "sigma"} <= set(found["map"].data_vars)
    assert "sigma" in bg.fit_map(model("sigma"), data)["map"]
    with pytest.raises(bg.ModelError, match="'sigma': the name is reserved"):
        bg.GLM("y", "sigma")


@pytest.mark.slow
def test_draws_by_weights_and_by_nuts_agree():
    by_weights = bg.fit(model(), DATA, draws=1000, chains=4, seed=1)
    by_nuts = bg.fit_mcmc(model(), DATA, draws=1000, chains=4, seed=2)
    assert by_weights.attrs["method"] == "laplace"
    assert list(by_weights["laplace"].parameter.values)[-1] == "log alpha"
    for name in ("intercept", "X", "alpha"):
        one, other = (fit["posterior"][name] for fit in (by_weights, by_nuts))
        sd = float(other.std(("chain", "draw")).max())
        away = np.abs(one.mean(("chain", "draw")) - other.mean(("chain", "draw")))
        assert float(away.max()) < 0.15 * sd


@pytest.mark.slow
def test_predictions_scores_files_and_report(tmp_path):
    found = bg.fit(model(), DATA, draws=300, chains=2, seed=1)
    mean = bg.predict(found)["y"]
    assert float(mean.mean()) == pytest.approx(DATA["y"].mean(), rel=0.1)
    drawn = bg.predict(found, kind="response", seed=3)["y"]
    assert float(drawn.var()) > 1.5 * DATA["y"].mean()  # more than a Poisson's
    scores = bg.compare({"nb": found, "poisson": bg.fit(bg.GLM("y", "X", "poisson"), DATA)})
    assert scores.index[0] == "nb"
    bg.save(found, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    np.testing.assert_array_equal(again["posterior"]["alpha"], found["posterior"]["alpha"])
    bg.report({"nb": found}, tmp_path / "report.html")
    assert "NegativeBinomial" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_the_twin_in_pymc_has_the_same_density():
    compare(model(), DATA)
    compare(model(dispersion=2.0), DATA)
    compare(model(dispersion=bg.HalfNormal(3.0)), DATA)
