"""Posteriors and predictions under links whose domain has an end."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

RNG = np.random.default_rng(6)
N = 120
X, G = RNG.uniform(-1.0, 1.0, N), RNG.integers(0, 5, N)
ETA = 0.5 + 0.2 * X
# One of each kind of wall: a likelihood that is finite there on both sides, on one, and on none.
DATA = {
    ("bernoulli", "identity"): (RNG.random(N) < ETA) * 1.0,
    ("poisson", "sqrt"): RNG.poisson((1.0 + ETA) ** 2) * 1.0,
    ("exponential", "inverse"): RNG.exponential(1.0 / ETA),
}


def model_of(key, *others, **options):
    return bg.GLM("y", ["x", *others], family=key[0], link=key[1], **options)


def by_quadrature(key, y):
    """Return mean and sd of intercept and slope, by a sum over a grid of the log density."""
    (problem,) = open_problems(model_of(key), {"y": y, "x": X})
    ends = [np.linspace(-0.6, 1.2, 401) if key[0] == "bernoulli" else np.linspace(-0.9, 2.5, 501)]
    intercept, slope = (grid.ravel() for grid in np.meshgrid(*ends * 2))
    density = problem.natural.log_density(np.column_stack((intercept, slope)))
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    means = [weight @ one for one in (intercept, slope)]
    sds = [
        np.sqrt(weight @ (one - mean) ** 2)
        for one, mean in zip((intercept, slope), means, strict=True)
    ]
    return means, sds


@pytest.mark.parametrize("verb", ["fit_laplace", "fit_mcmc"])
@pytest.mark.parametrize("key", DATA, ids="-".join)
def test_posteriors_are_those_of_quadrature(key, verb):
    fitted = getattr(bg, verb)(model_of(key), {"y": DATA[key], "x": X}, draws=1000, chains=2)
    found = [fitted["posterior"][name].values for name in ("intercept", "x")]
    means, sds = by_quadrature(key, DATA[key])
    for draws, mean, sd in zip(found, means, sds, strict=True):
        assert abs(draws.mean() - mean) < 0.12 * sd
        assert draws.std() == pytest.approx(sd, rel=0.1)
    if verb == "fit_laplace":
        assert fitted.attrs["khat"] < 0.7
    eta = found[0][..., None] + found[1][..., None] * X
    (problem,) = open_problems(model_of(key), {"y": DATA[key], "x": X})
    assert problem.natural.family.domain.holds(eta).all()


@pytest.mark.slow
def test_the_other_engine_starts_inside():
    key = ("bernoulli", "log")
    y = (np.random.default_rng(1).random(N) < np.exp(-1.0 + 0.3 * X)) * 1.0
    fitted = bg.fit_mcmc(
        model_of(key), {"y": y, "x": X}, draws=400, tune=400, chains=2, engine="pymc"
    )
    native = bg.fit_laplace(model_of(key), {"y": y, "x": X})
    for name in ("intercept", "x"):
        one, other = (tree["posterior"][name].values for tree in (fitted, native))
        assert abs(one.mean() - other.mean()) < 0.25 * other.std()


def test_groups_beside_a_wall():
    rng = np.random.default_rng(2)
    y = rng.poisson(2.0 + X + 0.3 * rng.normal(size=5)[G]) * 1.0
    model = model_of(("poisson", "identity"), bg.Group("g"))
    fitted = bg.fit(model, {"y": y, "x": X, "g": G}, draws=250)
    assert fitted.attrs["method"] in ("laplace by levels", "nuts by levels")
    assert abs(float(fitted["posterior"]["x"].mean()) - 1.0) < 0.6


def test_where_the_mode_is_at_a_wall_fit_goes_to_nuts():
    y = np.random.default_rng(3).poisson(2.0 * (X > 0.0)) * 1.0
    with pytest.warns(bg.BayesGLMWarning) as told:
        fitted = bg.fit(model_of(("poisson", "identity")), {"y": y, "x": X}, draws=300, chains=2)
    assert fitted.attrs["method"] == "nuts"
    assert "identity link of a poisson response ends" in fitted.attrs["why"]
    assert any("NUTS takes its place" in str(one.message) for one in told)


def test_predictions_outside_are_nan_and_told():
    key = ("bernoulli", "identity")
    fitted = bg.fit_laplace(model_of(key), {"y": DATA[key], "x": X}, draws=200, chains=2)
    new = {"x": [0.0, 0.3, 40.0]}
    eta = bg.predict(fitted, new, kind="linear")["y"].values
    outside = (eta <= 0.0) | (eta >= 1.0)
    assert not outside[..., :2].any()
    for kind in ("mean", "response"):
        said = rf"{outside.sum()} of 1200 linear predictors.*between 0 and 1.*first at obs=2"
        with pytest.warns(bg.BayesGLMWarning, match=said):
            found = bg.predict(fitted, new, kind=kind)["y"].values
        np.testing.assert_array_equal(np.isnan(found), outside)
    with pytest.warns(bg.BayesGLMWarning, match="are NaN"):
        quantiles = bg.predict(fitted, new, quantiles=[0.1, 0.9])["y"].values
    np.testing.assert_array_equal(np.isnan(quantiles), [[False, False, True]] * 2)
