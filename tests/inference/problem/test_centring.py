"""Predictors, offsets and responses far from zero lose no digits that the data have."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.problem.centring import centred
from bayesglm.inference.problem.problem import open_problems

FAR = [1e3, 1e6, 1e9]
FAMILIES = [
    ("bernoulli", "logit"),
    ("bernoulli", "probit"),
    ("bernoulli", "cloglog"),
    ("poisson", "log"),
    ("poisson", "softplus"),
    ("gaussian", "identity"),
]


def data_of(family, n=150):
    rng = np.random.default_rng(3)
    t = rng.normal(size=n)
    t = (1e9 + t) - 1e9  # so that it is the same at any distance
    noise = rng.normal(size=n)
    y = {
        "bernoulli": (t + noise > 0) * 1.0,
        "poisson": rng.poisson(np.exp(0.5 * t)).astype(float),
        "gaussian": (1e9 + (0.8 * t + 0.3 * noise)) - 1e9,
    }
    return t, y[family]


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize(("family", "link"), FAMILIES)
@pytest.mark.parametrize("prior", [bg.Flat(), bg.Normal(2.0), bg.lasso(2.0)])
def test_a_predictor_far_from_zero(family, link, prior, far):
    t, y = data_of(family)
    model = bg.GLM("y", bg.Linear("t", prior=prior), family=family, link=link)
    near = bg.fit_map(model, {"y": y, "t": t})
    away = bg.fit_map(model, {"y": y, "t": far + t})
    slope = float(away["map"]["t"])
    assert slope == pytest.approx(float(near["map"]["t"]), abs=1e-7)
    back = float(away["map"]["intercept"]) + far * slope
    assert back == pytest.approx(float(near["map"]["intercept"]), abs=1e-7 + 1e-15 * far)
    assert away.attrs["log_posterior"] == pytest.approx(near.attrs["log_posterior"], rel=1e-9)


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_response_far_from_zero(far, side):
    t, y = data_of("gaussian")
    model = bg.GLM("y", bg.Linear("t", prior=bg.Normal(100.0)))
    near = bg.fit_map(model, {"y": y, "t": t})
    away = bg.fit_map(model, {"y": side * far + y, "t": t})
    for name in ("t", "sigma"):
        assert float(away["map"][name]) == pytest.approx(float(near["map"][name]), abs=1e-6)
    moved = float(away["map"]["intercept"]) - side * far
    assert moved == pytest.approx(float(near["map"]["intercept"]), abs=1e-6)


def test_pressure():
    rng = np.random.default_rng(3)
    t = rng.normal(size=150)
    p = 101325 + 80 * t + rng.normal(0, 3, 150)
    fitted = bg.fit_map(bg.GLM("p", "t"), {"p": p, "t": t})
    design = np.column_stack([np.ones(150), t])
    intercept, slope = np.linalg.lstsq(design, p - 101325)[0]
    assert float(fitted["map"]["t"]) == pytest.approx(slope, rel=1e-3)
    assert float(fitted["map"]["intercept"]) - 101325 == pytest.approx(intercept, abs=1e-2)


def test_offsets_far_from_zero():
    t, y = data_of("poisson")
    model = bg.GLM("y", bg.Linear("t", prior=bg.Flat()), family="poisson", offset="o")
    near = bg.fit_map(model, {"y": y, "t": t, "o": 0.1 * t})
    with pytest.warns(bg.BayesGLMWarning, match="looks like an exposure"):
        away = bg.fit_map(model, {"y": y, "t": t, "o": 1e6 + 0.1 * t})
    assert float(away["map"]["t"]) == pytest.approx(float(near["map"]["t"]), abs=1e-8)
    moved = float(away["map"]["intercept"]) + 1e6
    assert moved == pytest.approx(float(near["map"]["intercept"]), abs=1e-8)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
@pytest.mark.parametrize(("family", "link"), FAMILIES)
def test_units_of_a_predictor(family, link, unit):
    t, y = data_of(family)
    for far in (0.0, 1e5):
        model = bg.GLM("y", bg.Linear("t", prior=bg.Flat()), family=family, link=link)
        own = bg.fit_map(model, {"y": y, "t": far + t})
        other = bg.fit_map(model, {"y": y, "t": unit * (far + t)})
        scaled = unit * float(other["map"]["t"])
        assert scaled == pytest.approx(float(own["map"]["t"]), rel=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
@pytest.mark.parametrize("far", [0.0, 1e5])
def test_units_of_a_response(unit, far):
    t, y = data_of("gaussian")
    own = bg.fit_map(bg.GLM("y", "t"), {"y": far + y, "t": t})
    other = bg.fit_map(bg.GLM("y", "t"), {"y": unit * (far + y), "t": t})
    for name in ("t", "intercept", "sigma"):
        ratio = float(other["map"][name]) / float(own["map"][name])
        assert ratio == pytest.approx(unit, rel=1e-6)


@pytest.mark.parametrize("seed", range(3, 9))
def test_units_of_both(seed):
    """The linear predictor has the unit of the response, and so has how far it may still move."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=150)
    y = 80.0 * t + rng.normal(0.0, 3.0, 150)
    model = bg.GLM("y", bg.Linear("t", prior=bg.Flat()))
    own, *others = (
        bg.fit_map(model, {"y": of_y * y, "t": of_t * t})["map"] * (of_t / of_y)
        for of_y, of_t in ((1.0, 1.0), (1e12, 1e-9), (1e-12, 1e9), (1e12, 1e12))
    )
    for other in others:
        assert float(other["t"]) == pytest.approx(float(own["t"]), rel=1e-7)


@pytest.mark.slow
def test_draws_path_and_evidence_are_those_of_the_data_at_zero():
    t, y = data_of("gaussian")
    model = bg.GLM("y", bg.Linear("t", prior=bg.Normal(10.0)))
    near, away = {"y": y, "t": t}, {"y": 1e9 + y, "t": 1e9 + t}
    for verb in (bg.fit_laplace, bg.fit_mcmc):
        one = verb(model, {"y": y, "t": t - t.mean()}, draws=500)["posterior"]
        other = verb(model, away, draws=500)["posterior"]
        for name in ("t", "sigma"):
            sd = float(one[name].std())
            assert float(other[name].mean()) == pytest.approx(float(one[name].mean()), abs=sd / 4)
            assert float(other[name].std()) == pytest.approx(sd, rel=0.15)
    paths = [bg.prior_path(model, data, [0.1, 10.0]) for data in (near, away)]
    for group, name in (("path", "t"), ("sd", "t")):
        np.testing.assert_allclose(paths[1][group][name], paths[0][group][name], rtol=1e-6)
    tuned = [bg.tune_prior(model, data, draws=200).curve["t"] for data in (near, away)]
    values = [curve["log_evidence"].sel(scale=slice(0.5, 2.0)).max() for curve in tuned]
    assert float(values[0]) == pytest.approx(float(values[1]), abs=0.05)


@pytest.mark.parametrize("edges", ["drop", "zero"])
def test_a_centred_problem_is_the_same_posterior(edges):
    """Images at several lags, a factor, offsets and two neurons: at any theta, to rounding."""
    rng = np.random.default_rng(0)
    n = 40
    data = xr.Dataset(
        {
            "y": (("time", "neuron"), 50.0 + rng.normal(size=(n, 2))),
            "image": (("time", "pixel"), [7.0, 0.0] + 0.1 * rng.normal(size=(n, 2))),
            "x": ("time", 30.0 + rng.normal(size=n)),
            "g": ("time", np.arange(n) % 3),
            "o": ("time", 20.0 + rng.normal(size=n)),
        },
        coords={"time": 0.1 * np.arange(n)},
    )
    group = bg.Group("g", slopes="x", prior=bg.Normal(1.0))
    terms = [bg.Lagged("image", lags=3), bg.Linear("x"), group]
    model = bg.GLM("y", terms, offset="o", edges=edges, prior=bg.ridge(1.0))
    for problem in open_problems(model, data):
        around = centred(problem)
        inner = around.problem
        moved = abs(inner.design.predictors.block(slice(0, n)).X).max(axis=0)
        assert moved[7] < 5.0
        assert (moved[1] < 5.0) == (edges == "drop")
        thetas = rng.normal(size=(5, inner.natural.size))
        raw = around.raw(thetas)
        np.testing.assert_allclose(around.inner(raw), thetas, atol=1e-11)
        np.testing.assert_allclose(
            problem.natural.log_density(raw), inner.natural.log_density(thetas), rtol=1e-10
        )
        linear = around.raw(np.eye(inner.natural.size)) - around.raw(np.zeros(inner.natural.size))
        covariance = np.cov(rng.normal(size=(inner.natural.size, 100)))
        np.testing.assert_allclose(
            around.raw_covariance(covariance), linear.T @ covariance @ linear, atol=1e-9
        )


def test_what_is_not_far_or_not_free_is_left_as_it_is():
    t, y = data_of("gaussian")
    for shift, intercept in ((0.0, bg.Flat()), (1e6, bg.Normal(1e6)), (1e6, None)):
        model = bg.GLM("y", bg.Linear("t", prior=bg.ridge(1.0)), intercept=intercept)
        problem = open_problems(model, {"y": y, "t": shift + t})[0]
        assert centred(problem).problem is problem


LEVELS = {
    "reference": {"family": "categorical"},
    "symmetric": {"family": "categorical", "reference": None},
    "cutpoints": {"family": "ordinal", "dispersion": bg.Flat(), "offset": "o"},
    "probit": {"family": "ordinal", "link": "probit", "dispersion": bg.Flat()},
}


def levels_of(t):
    return np.digitize(t + np.random.default_rng(4).logistic(size=len(t)), [-1.0, 0.5, 1.5])


@pytest.mark.parametrize("name", LEVELS)
def test_channels_and_cutpoints_take_up_what_is_moved(name):
    t, _ = data_of("gaussian")
    data = {"y": levels_of(t), "t": 1e4 + t, "v": t**2 - 700.0, "o": 900.0 + 0.1 * t}
    terms = [bg.Linear(("t", "v"), name="x"), bg.Lagged("v", lags=2)]
    model = bg.GLM("y", terms, prior=bg.ridge(1.0), **LEVELS[name])
    problem = open_problems(model, data)[0]
    around, rng = centred(problem), np.random.default_rng(5)
    inner = around.problem
    assert inner is not problem
    for raw_objective, objective in (
        (problem.natural, inner.natural),
        (problem.unconstrained, inner.unconstrained),
    ):
        thetas = rng.normal(size=(5, inner.natural.size))
        raw = around.raw_unconstrained(thetas)
        np.testing.assert_allclose(around.inner(raw), thetas, atol=1e-10)
        one, other = raw_objective.log_density(raw), objective.log_density(thetas)
        np.testing.assert_allclose(one, other, rtol=1e-9)
    linear = around.raw(np.eye(inner.natural.size)) - around.raw(np.zeros(inner.natural.size))
    covariance = np.cov(rng.normal(size=(inner.natural.size, 100)))
    moved = linear.T @ covariance @ linear
    np.testing.assert_allclose(around.raw_covariance(covariance), moved, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("far", FAR)
@pytest.mark.parametrize(
    ("name", "prior"),
    [
        *(("reference", bg.Normal(2.0)), ("symmetric", bg.Normal(2.0)), ("probit", bg.Normal(2.0))),
        *(("reference", bg.lasso(2.0)), ("probit", bg.Flat())),
    ],
)
def test_levels_of_a_predictor_far_from_zero(name, prior, far):
    t, _ = data_of("gaussian")
    model = bg.GLM("y", bg.Linear("t", prior=prior), **LEVELS[name])
    near = bg.fit_map(model, {"y": levels_of(t), "t": t})
    away = bg.fit_map(model, {"y": levels_of(t), "t": far + t})
    np.testing.assert_allclose(away["map"]["t"], near["map"]["t"], atol=1e-7)
    one, other = away.attrs["log_posterior"], near.attrs["log_posterior"]
    assert one == pytest.approx(other, rel=1e-9)
    new = {"t": far + t[:9]}
    np.testing.assert_allclose(
        bg.predict(away, new)["y"], bg.predict(near, {"t": t[:9]})["y"], atol=1e-15 * far + 1e-7
    )


def test_draws_of_levels_far_from_zero():
    t, _ = data_of("gaussian")
    model = bg.GLM("y", bg.Linear("t", prior=bg.Normal(2.0)), **LEVELS["reference"])
    near = bg.fit(model, {"y": levels_of(t), "t": t})["posterior"]
    away = bg.fit(model, {"y": levels_of(t), "t": 1e6 + t})["posterior"]
    over, back = ("chain", "draw"), away["intercept"] + 1e6 * away["t"]
    for one, other in ((away["t"], near["t"]), (back, near["intercept"])):
        assert np.all(np.abs(one.mean(over) - other.mean(over)) < 0.1 * other.std(over))
        np.testing.assert_allclose(one.std(over), other.std(over), rtol=0.1)
