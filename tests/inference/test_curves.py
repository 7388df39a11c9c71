"""Smooth curves, fitted: equal to other libraries' and to lines, with bands that hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import make_lsq_spline
from scipy.stats import multivariate_normal

import bayesglm as bg
from bayesglm.design.plan import plan_fit

R = pd.read_csv(Path(__file__).parents[1] / "references" / "curves.csv")


def simulated(n=200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 3.0, n)
    truth = np.sin(2.0 * x)
    return {
        "x": x,
        "y": truth + 0.5 * rng.normal(size=n),
        "spikes": rng.poisson(np.exp(truth)),
        "truth": truth,
    }


DATA = simulated()


def glm(term, response="y", **options):
    return bg.GLM(response, term, **options)


def test_a_cyclic_curve_of_given_smoothness_is_that_of_mgcv():
    inner = np.arange(3.0, 24.0, 3.0)
    term = bg.Spline("hour", bounds=(0, 24), knots=inner, cyclic=True, prior=bg.smooth(2.5, 2))
    fitted = bg.predict(bg.fit_map(glm(term, dispersion=1.0), R))["y"]
    np.testing.assert_allclose(fitted, R["wheel"], rtol=1e-9, atol=1e-11)


def test_an_unpenalised_spline_is_that_of_least_squares():
    order = np.argsort(DATA["x"])
    x, y = DATA["x"][order], DATA["y"][order]
    inner = np.array([0.7, 1.5, 2.1])
    expected = make_lsq_spline(x, y, np.r_[[x[0]] * 4, inner, [x[-1]] * 4])(DATA["x"])
    for term in (bg.Basis("x", knots=inner), bg.Spline("x", knots=inner)):
        flat = glm(term.__class__("x", knots=inner, prior=bg.Flat()), dispersion=1.0)
        np.testing.assert_allclose(bg.predict(bg.fit_map(flat, DATA))["y"], expected, atol=1e-9)


def test_a_stiff_curve_is_a_line():
    line = bg.Normal(0.7, loc=0.1)
    stiff = bg.RandomWalk(1e-7, order=2, free=line)
    for response, options in (("y", {"dispersion": 0.5}), ("spikes", {"family": "poisson"})):
        curve = bg.fit_map(glm(bg.Spline("x", prior=stiff), response, **options), DATA)
        straight = bg.fit_map(glm(bg.Linear("x", prior=line), response, **options), DATA)
        slope = curve["map"]["x"].sel(x_basis="line").item()
        np.testing.assert_allclose(slope, straight["map"]["x"].item(), rtol=1e-8)
        found, expected = (bg.predict(fit)[response] for fit in (curve, straight))
        np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_smoothness_is_chosen_and_then_fitted():
    learned = glm(bg.Spline("x"))
    with pytest.raises(bg.ModelError, match=r"x_scale.*tune_prior"):
        bg.fit_map(learned, DATA)
    tuned = bg.tune_prior(learned, DATA)
    (term,) = tuned.model.terms
    assert term.prior.order == 2
    found = bg.predict(bg.fit_map(tuned.model, DATA))["y"]
    assert np.sqrt(np.mean((found - DATA["truth"]) ** 2)) < 0.15
    scale = bg.fit(learned, DATA)["posterior"]["x_scale"]
    assert scale.quantile(0.03) < term.prior.scale < scale.quantile(0.97)


def test_the_evidence_of_a_scale_is_that_of_a_normal():
    """The curve is normal with covariance Z Z' scale**2 + z z' free**2, Z and z its columns."""
    free, scales = bg.Normal(0.8), [0.2, 1.0]
    walk = bg.RandomWalk(bg.HalfNormal(1.0), order=2, free=free)
    model = glm(bg.Spline("x", prior=walk), dispersion=0.5, intercept=bg.Normal(2.0))
    curve = bg.tune_prior(model, DATA, scales=scales).curve["x"]
    columns = plan_fit(model, DATA).designs[0].predictors.blocks[0].signal
    for scale, found in zip(scales, curve["log_evidence"].values, strict=True):
        widths = np.r_[free.scale, np.full(9, scale)]
        covariance = (columns * widths**2) @ columns.T + 2.0**2 + 0.5**2 * np.eye(200)
        expected = multivariate_normal.logpdf(DATA["y"], np.zeros(200), covariance)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("response", "options"), [("y", {}), ("spikes", {"family": "poisson"})], ids=["y", "spikes"]
)
def test_weighted_draws_are_those_of_nuts(response, options):
    model = glm(bg.Spline("x", df=6), response, **options)
    fit = bg.fit(model, DATA)
    assert fit.attrs["method"].startswith("nested")
    nuts = bg.fit_mcmc(model, DATA, draws=500, tune=500, engine="native")
    for name in ("x", "x_scale"):
        one, other = (tree["posterior"][name] for tree in (fit, nuts))
        dims = ("chain", "draw")
        apart = abs(one.mean(dims) - other.mean(dims)) / other.std(dims)
        assert (apart < 0.12).all()
        np.testing.assert_allclose(one.std(dims), other.std(dims), rtol=0.15)


@pytest.mark.slow
def test_bands_hold_a_smooth_truth():
    """Pointwise 94% bands hold the truth at about 94% of places (Nychka 1988)."""
    held = []
    for seed in range(30):
        data = simulated(120, seed)
        fit = bg.fit(glm(bg.Spline("x")), data, draws=400)
        low, high = bg.predict(fit, quantiles=(0.03, 0.97))["y"].transpose("quantile", ...)
        held.append(np.mean((low <= data["truth"]) & (data["truth"] <= high)))
    assert 0.91 < np.mean(held) < 0.975


def test_a_curve_for_each_level_is_that_of_its_own_samples():
    labels = np.array(["a", "b", "c"])[np.random.default_rng(3).integers(0, 3, 200)]
    curve = bg.Spline("x", df=6, bounds=(0, 3), knots=[0.8, 1.5, 2.2])
    walk = bg.RandomWalk(0.4, order=2, free=bg.Normal(2.0))
    options = {"dispersion": 0.5, "intercept": None}
    (stored,) = bg.GLM.from_json(
        bg.fit_map(glm(replace(curve, prior=walk), **options), DATA).attrs["model"]
    ).terms
    every = bg.Interaction(replace(stored, prior=None), bg.Category("g"), prior=walk)
    fit = bg.fit_map(glm(every, **options), DATA | {"g": labels})
    node = bg.kernels(fit)["x:g"]
    assert node["link"].dims == ("x:g_level", "value")
    for label in "abc":
        own = {name: values[labels == label] for name, values in DATA.items()}
        alone = bg.fit_map(glm(stored, **options), own)
        found = fit["map"]["x:g"].sel({"x:g_level": label})
        np.testing.assert_allclose(found, alone["map"]["x"], rtol=1e-8, atol=1e-10)
        link = node["link"].sel({"x:g_level": label})
        np.testing.assert_allclose(link, bg.kernels(alone)["x"]["link"], rtol=1e-8, atol=1e-10)


def test_any_response_of_levels_has_a_curve_for_each():
    rng = np.random.default_rng(4)
    data = DATA | {"kind": np.array(["a", "b", "c"])[rng.integers(0, 3, 200)]}
    model = glm(bg.Spline("x", df=5, prior=bg.smooth(2.0, 2)), "kind", family="categorical")
    fit = bg.fit_map(model, data)
    assert fit["map"]["x"].sizes == {"kind_level": 2, "x_basis": 5}
    assert bg.kernels(fit)["x"]["link"].sizes == {"kind_level": 2, "value": 201}


REFUSED = {
    "order": (bg.Spline("x", prior=bg.smooth(1.0)), "smoothed by its second differences"),
    "dims": (bg.Spline("x", prior=bg.RandomWalk(1.0, order=2, dims="time")), "along 'x_basis'"),
    "scales": (
        bg.Spline("x", df=4, prior=bg.RandomWalk([1.0, 1.0, 2.0, 3.0], order=2)),
        "one scale for the whole curve",
    ),
    "circle": (
        bg.Spline(
            "x",
            bounds=(0, 3),
            cyclic=True,
            prior=bg.RandomWalk(1.0, order=2, free=bg.Normal(1.0)),
        ),
        "is cyclic and has no straight line",
    ),
    "lags": (
        bg.Lagged("x", lags=5, prior=bg.RandomWalk(1.0, free=bg.Normal(1.0))),
        "only a Spline has one",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_walks_that_are_none_of_a_curve(what):
    term, words = REFUSED[what]
    with pytest.raises(bg.ModelError, match=words):
        bg.fit_map(glm(term, dispersion=1.0), DATA)
