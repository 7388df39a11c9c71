"""Intervals before and after the data, and the panels they are drawn in."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import simulate
from scipy import stats

import bayesglm as bg
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.show.coefficients import prior_posterior_figure
from bayesglm.show.intervals import before_and_after, interval

TAIL = 0.03
REAL = {
    "Normal": ({"scale": 1.5, "loc": 0.3}, stats.norm(0.3, 1.5)),
    "Laplace": ({"scale": 0.4, "loc": -1.0}, stats.laplace(-1.0, 0.4)),
    "StudentT": ({"scale": 0.7, "df": 2.5, "loc": 0.2}, stats.t(2.5, 0.2, 0.7)),
    "HalfNormal": ({"scale": 2.0}, stats.halfnorm(scale=2.0)),
    "Exponential": ({"scale": 0.3}, stats.expon(scale=0.3)),
    "InverseGamma": ({"shape": 2.0, "scale": 1.0}, stats.invgamma(2.0)),
    "Gamma": ({"shape": 2.0, "rate": 50.0}, stats.gamma(2.0, scale=0.02)),
    "Uniform": ({"lower": 0.0, "upper": 10.0}, stats.uniform(0.0, 10.0)),
    "RootGamma": ({"shape": 2.0, "rate": 50.0}, stats.nakagami(2.0, scale=0.2)),
    "RootInverseGamma": (
        {"shape": 2.0, "scale": 50.0},
        SimpleNamespace(ppf=lambda q: np.sqrt(stats.invgamma(2.0, scale=50.0).ppf(q))),
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_prior_intervals_are_quantiles(name):
    parameters, reference = REAL[name]
    part = PriorPart(slice(0, 2), PRIORS[name], parameters)
    lower, upper = interval(part, 2)
    np.testing.assert_allclose(lower, reference.ppf(TAIL), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(upper, reference.ppf(1 - TAIL), rtol=1e-4)


def test_half_student_t_intervals_of_many_degrees_of_freedom():
    df, scale = np.array([1.0, 3.0, 30.0, 1.0]), np.array([1.0, 0.5, 2.0, 4.0])
    part = PriorPart(slice(0, 4), PRIORS["HalfStudentT"], {"scale": scale, "df": df})
    lower, upper = interval(part, 4)
    for found, p in ((lower, TAIL), (upper, 1 - TAIL)):
        np.testing.assert_allclose(found, scale * stats.t.ppf((1 + p) / 2, df), rtol=1e-4)


def test_an_elastic_net_lies_between_its_neighbours():
    def half(ratio):
        parameters = {"scale": 1.0, "ratio": ratio, "loc": 0.0}
        return interval(PriorPart(slice(0, 1), PRIORS["ElasticNet"], parameters), 1)[1][0]

    assert half(1e-12) == pytest.approx(stats.norm.ppf(1 - TAIL), rel=1e-4)
    assert half(1 - 1e-12) == pytest.approx(stats.laplace.ppf(1 - TAIL), rel=1e-4)
    assert half(1e-12) < half(0.5) < half(1 - 1e-12)


@pytest.fixture(scope="module")
def data():
    made = simulate(120)
    rng = np.random.default_rng(0)
    words = np.array(["anna", "bernhard", "carla", "dimitri"])
    made["who"] = ("time", words[rng.integers(0, 4, 120)])
    made["cells"] = (("time", "neuron"), rng.poisson(1.0, (120, 2)))
    return made


FIXED = [
    bg.Linear("x", prior=bg.Normal(2.0)),
    bg.Group("who", slopes="z", prior=bg.Normal([[0.5], [0.25]])),
    bg.Lagged("movie", lags=3, name="film", prior=bg.Laplace(0.1)),
    bg.Linear("z", prior=bg.Flat()),
]
LEARNED = [
    bg.Linear("x", prior=bg.Normal(bg.HalfNormal(1.0))),
    bg.Group("who", slopes="z", prior=bg.Normal(bg.Exponential([0.5, 0.25]))),
    bg.Lagged("x", lags=4, name="k", prior=bg.RandomWalk(bg.HalfNormal(0.5))),
]


def fitted(response, terms, data):
    model = bg.GLM(response, terms, family="poisson", prior=bg.Normal(1.0))
    with warnings.catch_warnings():
        # So few draws have not converged, which is no matter here.
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        return bg.fit_mcmc(model, data, draws=40, tune=60, chains=2, engine="native")


@pytest.mark.parametrize("response", ["poisson", "cells"])
def test_panels_of_fixed_scales(response, data):
    nodes = before_and_after(fitted(response, FIXED, data))
    assert list(nodes) == ["x", "who", "who.z", "film"]
    sizes = {name: dict(node.sizes) for name, node in nodes.items()}
    assert sizes == {
        "x": {},
        "who": {"who_level": 4},
        "who.z": {"who_level": 4},
        "film": {"lag": 3},
    }
    for name, scale in (("x", 2.0), ("who", 0.5), ("who.z", 0.25)):
        np.testing.assert_allclose(nodes[name]["prior_upper"], 1.8808 * scale, rtol=1e-3)
        np.testing.assert_allclose(nodes[name]["prior_lower"], -1.8808 * scale, rtol=1e-3)
    np.testing.assert_allclose(nodes["film"]["prior_upper"], -0.1 * np.log(0.06), rtol=1e-3)
    titles = [ax.get_title("left") for ax in prior_posterior_figure(nodes).axes if ax.get_visible()]
    assert titles == list(nodes)


@pytest.mark.parametrize("response", ["poisson", "cells"])
def test_panels_of_learned_scales(response, data):
    fit = fitted(response, LEARNED, data)
    nodes = before_and_after(fit)
    assert list(nodes) == ["x_scale", "who_scale", "k_scale"]
    np.testing.assert_allclose(
        nodes["who_scale"]["prior_upper"], -np.log(TAIL) * np.array([0.5, 0.25]), rtol=1e-4
    )
    draws = fit["posterior"]["k_scale"]
    own = draws if response == "poisson" else draws.isel(neuron=0)
    expected = np.quantile(own, [TAIL, 1 - TAIL])
    found = [nodes["k_scale"][f"link_{edge}"] for edge in ("lower", "upper")]
    np.testing.assert_allclose(found, expected)
    assert len(prior_posterior_figure(nodes).axes) == 3


def test_functions_of_coupling_are_summed_up_without_the_empty_diagonal():
    """A warning of an all-NaN slice would be an error here."""
    data = {"y": np.random.default_rng(0).poisson(0.5, (200, 3))}
    coupled = bg.Coupling(lags=4, basis=bg.raised_cosine(2), prior=bg.Normal(0.3))
    fit = bg.fit_laplace(bg.GLM("y", coupled, family="poisson"), data, draws=100)
    ((_, node),) = before_and_after(fit).items()
    draws = fit["posterior"]["coupling"][:, :, 0, 1]  # the first pair that there is
    np.testing.assert_allclose(node["link"], draws.mean(("chain", "draw")))
    edges = np.stack([node["link_lower"], node["link_upper"]])
    expected = np.quantile(draws.values, [TAIL, 1 - TAIL], axis=(0, 1))
    np.testing.assert_allclose(edges, expected)


def test_a_slope_without_intercepts_bears_its_own_name(data):
    slopes = bg.Group("who", slopes="z", intercept=False, prior=bg.Normal(0.5))
    fit = bg.fit(bg.GLM("poisson", ["x", slopes], family="poisson"), data, draws=50, chains=1)
    figure = bg.plot_posterior(fit)
    assert {ax.get_title("left") for ax in figure.axes} >= {"x", "who.z"}


def test_a_report_of_groups(data, tmp_path):
    models = {
        "fixed": FIXED[:2],
        "learned": [bg.Linear("x", prior=bg.Normal(1.0)), bg.Group("who")],
    }
    fits = {
        name: bg.fit(bg.GLM("poisson", terms, family="poisson"), data, draws=250)
        for name, terms in models.items()
    }
    page = bg.report(fits, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "who[who[i]] + who.z[who[i]]·z[i]" in page
    assert "its scale is learned" in page
    for name, fit in fits.items():
        assert f"{name}: posterior by " in page
        assert fit.attrs["why"] in page
    assert page.count("data:image/svg+xml") >= 5
