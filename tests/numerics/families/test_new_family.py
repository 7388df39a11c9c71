"""A family of one's own, registered as one record, works in every verb as the package's do."""

import re
from functools import partial

import numpy as np
import pytest
from scipy import stats
from scipy.special import betainc, gammaln, xlogy
from twins import compare

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.families.own import family_records
from bayesglm.numerics.families.table import FAMILIES

NAME = "counts_of_mine"  # none that the package knows


def log_density(y, mu, alpha):
    """Of negative binomial counts, of variance mu + mu^2 / alpha."""
    chance = gammaln(y + alpha) - gammaln(alpha) - gammaln(y + 1.0)
    return chance + xlogy(y, mu / (mu + alpha)) - alpha * np.log1p(mu / alpha)


def twin(mu, alpha):
    import pymc as pm

    return pm.NegativeBinomial.dist(mu=mu, alpha=alpha)


def cdf(y, mu, alpha, above=False):
    share = alpha / (alpha + mu)
    return betainc(y + 1.0, alpha, 1.0 - share) if above else betainc(alpha, y + 1.0, share)


def draw(rng, mu, alpha):
    mean = mu + np.zeros_like(alpha)
    return rng.poisson(rng.gamma(alpha + np.zeros_like(mean)) * mean / alpha)


def is_count(y):
    return (y >= 0) & (y == np.floor(y))


OWN = bg.OwnFamily(
    NAME,
    ("log", "softplus"),
    log_density,
    twin,
    draw,
    is_count,
    "non-negative integers",
    dispersions=bg.OwnDispersion("alpha", bg.InverseGamma(0.5, 0.5), limits=(np.inf,)),
    mu_range=(0, np.inf),
    discrete=True,
    concave_links="log",
    cdf=cdf,
    survival=partial(cdf, above=True),
    notation="NegativeBinomial({mu}, alpha)",
)
RECORD = family_records(OWN)[NAME, "log"]
RNG = np.random.default_rng(1)
N = 300
X = RNG.normal(size=(N, 2))
DATA = {"X": X, "y": draw(RNG, np.exp(0.8 + X @ [0.4, -0.3]), 2.5).astype(float)}


@pytest.fixture(autouse=True)
def known():
    bg.register_family(OWN)


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


@pytest.mark.parametrize("link", OWN.links)
def test_derivatives_and_deviances_are_those_written_by_hand(link):
    mine, theirs = FAMILIES[NAME, link], FAMILIES["negative_binomial", link]
    y, eta, phi = np.arange(6.0), np.linspace(-5.0, 5.0, 7)[None, :, None], (np.array(0.7),)
    one, other = (family.derivatives(y, eta, phi, None) for family in (mine, theirs))
    parts = [
        (d.value, d.eta, d.eta_eta, d.phi[0], d.eta_phi[0], d.phi_phi[0][0]) for d in (one, other)
    ]
    for found, expected in zip(*parts, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    whole = theirs.saturated(y, phi, None) + theirs.constant(y, None)
    np.testing.assert_allclose(mine.saturated(y, phi, None), whole, atol=1e-13)
    np.testing.assert_array_equal(mine.push(y, None), theirs.push(y, None))
    first = mine.kernel(y, eta, phi, None, 1)
    np.testing.assert_array_equal(first.eta, one.eta)
    assert first.eta_eta is None


def test_alpha_has_its_own_start_and_default_and_is_stored_with_them():
    problem = open_problems(model(), DATA)[0]
    assert np.exp(problem.start(problem.natural)[-1]) == 1.0
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
    compare(model(dispersion={"alpha": ["X"]}), DATA)
    compare(model(dispersion=2.0), DATA)
    compare(model(dispersion=bg.HalfNormal(3.0)), DATA)
