"""Every family of the package passes the conformance test, and what is wrong fails it."""

from dataclasses import replace

import numpy as np
import pytest
from families import WALLED, phi_of

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.testing.records import CHECKS

EVERY = [(name, link) for name, words in FAMILY_NAMES.items() for link in words.links]


@pytest.mark.parametrize("key", EVERY, ids="-".join)
def test_every_family_conforms(key):
    dispersions = {}
    if key in FAMILIES:
        names = FAMILIES[key].dispersion_names
        dispersions = dict(zip(names, phi_of(key), strict=True))
    # Models of links whose domain has an end are in tests/inference/twin/test_domains.py.
    with_models = key not in WALLED
    done = bg.testing.check_family(*key, dispersions=dispersions, models=with_models)
    assert len(done) % (len(CHECKS) + with_models) in (0, len(CHECKS))
    assert (done[-1] == f"{key[1]}: models agree with PyMC") == with_models


def log_density(y, mu, sigma):
    z = (np.log(y) - np.log(mu)) / sigma
    return -0.5 * z**2 - np.log(sigma) - np.log(y) - 0.5 * np.log(2 * np.pi)


def twin(mu, sigma):
    import pymc as pm

    return pm.LogNormal.dist(mu=np.log(mu), sigma=sigma)


def wrong_twin(mu, sigma):
    return twin(mu, 1.01 * sigma)


def cdf(y, mu, sigma):
    from scipy.special import ndtr

    with np.errstate(divide="ignore"):
        return ndtr((np.log(y) - np.log(mu)) / sigma)


def mean(mu, sigma):
    return mu * np.exp(0.5 * sigma**2)


def draw(rng, mu, sigma):
    return mu * rng.lognormal(0.0, sigma, np.shape(mu))


SIGMA = bg.OwnDispersion("sigma", bg.HalfNormal(1.0), start=0.5, deviance_power=-2.0)
FACTS = {
    "name": "lognormal",
    "links": "log",
    "log_density": log_density,
    "twin": twin,
    "draw": draw,
    "valid": lambda y: y > 0,
    "support": "positive numbers",
    "dispersions": SIGMA,
    "mean": mean,
    "mu_range": (0, np.inf),
    "has_unit": True,
    "concave_links": "log",
    "cdf": cdf,
}


def test_a_family_of_ones_own_conforms():
    bg.register_family(bg.OwnFamily(**FACTS | {"links": ("log", "softplus")}))
    done = bg.testing.check_family("lognormal")
    assert [one for one in done if one.endswith("models agree with PyMC")] == [
        "log: models agree with PyMC",
        "softplus: models agree with PyMC",
    ]


POISSON = FAMILIES["poisson", "log"]
GLOBAL = np.random.default_rng(0)
WRONG = {
    "unnormalised": (
        {"log_density": lambda y, mu, sigma: log_density(y, mu, sigma) + 0.001},
        ["the density adds up to one", "models agree"],
    ),
    "mean": ({"mean": None}, ["draws are responses", "the density adds up to one"]),
    "draws": ({"draw": lambda rng, mu, sigma: 1.1 * draw(rng, mu, sigma)}, ["draws are responses"]),
    "unseeded": ({"draw": lambda rng, mu, sigma: draw(GLOBAL, mu, sigma)}, ["draws are responses"]),
    "sigma of draws": (
        {"draw": lambda rng, mu, sigma: draw(rng, mu, 0.8 * sigma)},
        ["draws are responses"],
    ),
    "cdf": ({"cdf": lambda y, mu, sigma: cdf(y, 1.1 * mu, sigma)}, ["the cdf adds up the density"]),
    "falling cdf": (
        {"cdf": lambda y, mu, sigma: 1.0 - cdf(y, mu, sigma)},
        ["the cdf adds up the density: the cumulative distribution falls"],
    ),
    "too low": (
        {"saturated": lambda y, sigma: -np.log(sigma) - np.log(y) - 1.0},
        ["the saturated density is the largest"],
    ),
    "too high": (
        {"saturated": lambda y, sigma: -np.log(sigma) - np.log(y)},
        ["the saturated density is the largest", "deviances go with powers"],
    ),
    "power": ({"dispersions": replace(SIGMA, deviance_power=1.0)}, ["deviances go with powers"]),
    "concavity": (
        {"links": "softplus", "concave_links": "softplus"},
        ["log concave is what it says"],
    ),
    "twin": ({"twin": wrong_twin}, ["models agree with PyMC: the log density"]),
    "far out": (
        {
            "log_density": lambda y, mu, sigma: np.where(
                mu > 1e-15, log_density(y, mu, sigma), np.nan
            ),
            "saturated": lambda y, sigma: -np.log(sigma) - np.log(y) - 0.5 * np.log(2 * np.pi),
        },
        ["no density is nan"],
    ),
}


@pytest.mark.parametrize(("changes", "checks"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(changes, checks):
    bg.register_family(bg.OwnFamily(**FACTS | changes))
    of_twin = any("models" in check for check in checks)
    with pytest.raises(bg.ConformanceError) as told:
        bg.testing.check_family("lognormal", models=of_twin)
    for check in checks:
        assert check in str(told.value)


def altered(**parts):
    """Return Poisson's record with parts altered, as one that was written by hand may be."""
    return replace(POISSON, **parts)


def wrong_slope(y, eta, phi, trials, order):
    d = POISSON.kernel(y, eta, phi, trials, order)
    return d._replace(eta=d.eta * (1.0 + 1e-5)) if order else d


def wrong_bend(y, eta, phi, trials, order):
    d = POISSON.kernel(y, eta, phi, trials, order)
    return d._replace(eta_eta=d.eta_eta * (1.0 + 1e-5)) if order > 1 else d


def first_row_only(y, eta, phi, trials, order):
    d = POISSON.kernel(y, eta, phi, trials, order)
    return d._replace(value=d.value + 1e-9 * np.max(eta))


WRONG_RECORDS = {
    "slope": ({"kernel": wrong_slope}, "derivatives are those of differences"),
    "bend": ({"kernel": wrong_bend}, "derivatives are those of differences"),
    "rows": ({"kernel": first_row_only}, "arrays broadcast"),
    "push": ({"push": lambda y, trials: np.ones(np.shape(y))}, "responses push where it says"),
    "fused": ({"fused": lambda y, eta, phi, trials, w: 1.01 * eta[0].sum(-1)}, "sums are those of"),
    "integers": (
        {"draw": lambda rng, eta, phi, trials: rng.poisson(np.exp(eta[0]))},
        "draws are responses: draws are of int64",
    ),
    "valid": ({"valid": lambda y, trials: np.less(y, 2.0)}, "draws are responses: the draw"),
}


@pytest.mark.parametrize(("parts", "check"), WRONG_RECORDS.values(), ids=WRONG_RECORDS)
def test_what_is_wrong_in_a_record_is_told(monkeypatch, parts, check):
    wrong = altered(**parts)
    monkeypatch.setitem(FAMILIES, ("poisson", "log"), wrong)
    with pytest.raises(bg.ConformanceError, match=check):
        bg.testing.check_family("poisson", link="log", models=False)


def test_a_start_outside_the_range_is_told(monkeypatch):
    family = FAMILIES["gaussian", "identity"]
    (sigma,) = family.dispersions
    wrong = replace(family, dispersions=(replace(sigma, start=lambda y: -1.0),))
    monkeypatch.setitem(FAMILIES, ("gaussian", "identity"), wrong)
    with pytest.raises(bg.ConformanceError, match="starts lie inside: sigma starts at"):
        bg.testing.check_family("gaussian", "identity", {"sigma": 1.0}, models=False)


def test_what_is_not_known_is_a_model_error():
    with pytest.raises(bg.ModelError, match=r"unknown family 'poison'.*Did you mean 'poisson'"):
        bg.testing.check_family("poison")
    with pytest.raises(bg.ModelError, match="'poisson' does not go with link 'logit'; it allows"):
        bg.testing.check_family("poisson", "logit")
