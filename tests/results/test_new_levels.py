"""Predictions for levels that a fit has not seen, and over all levels that there might be."""

import numpy as np
import pytest
import xarray as xr
from families import KEYS, model_of
from scipy.integrate import quad_vec
from scipy.stats import norm
from terms import sample_data

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES

DATA = sample_data()
SCALE = 0.8
NODES = np.arange(-12.0, 12.01, 0.1)  # far finer than the package's own
WEIGHTS = norm.pdf(NODES) / norm.pdf(NODES).sum()


def simulate(n=240, n_levels=12):
    rng = np.random.default_rng(4)
    g, h, x = rng.integers(0, n_levels, n), rng.integers(0, 5, n), rng.normal(size=n)
    effects = rng.normal(size=(2, n_levels)) * np.array([[0.7], [0.4]])
    eta = 0.3 + 0.4 * x + effects[0, g] + effects[1, g] * x + 0.4 * rng.normal(size=5)[h]
    words = np.array([f"s{k}" for k in range(n_levels)])
    return {"y": rng.poisson(np.exp(eta)), "x": x, "g": words[g], "h": h}


@pytest.fixture(scope="module")
def learned():
    """Correlated slopes of one factor beside another, all scales learned."""
    terms = ["x", bg.Group("g", slopes="x", correlated=True), bg.Group("h")]
    return bg.fit(bg.GLM("y", terms, family="poisson"), simulate(), draws=250, chains=2)


def with_effects(fit, name, effects):
    """Return a MAP as a posterior, with effects ``(draw, levels)`` of a group for every draw."""
    group = fit["map"].to_dataset().expand_dims(chain=[0], draw=np.arange(len(effects))).copy()
    group[name] = (group[name].dims, np.broadcast_to(effects, group[name].shape))
    nodes = {"posterior": group, "constant_data": fit["constant_data"].to_dataset()}
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = fit.attrs
    return tree


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_an_average_is_the_integral_of_what_levels_have(key):
    group = bg.Group("who", prior=bg.Normal(SCALE))
    fit = bg.fit_map(model_of(key, ["x", group], intercept=bg.Normal(1.0)), DATA)
    each = bg.predict(with_effects(fit, "who", SCALE * NODES[:, None]))[key[0]][0].values
    expected = WEIGHTS @ each
    if FAMILIES[key].words.circular:
        expected = np.angle(WEIGHTS @ np.exp(1j * each))
    found = bg.predict(fit, DATA.drop_vars("who"), groups="average")[key[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_an_average_over_levels_of_labels_that_each_have_effects():
    """Two linear predictors move: an integral over two numbers."""
    labels = np.array(["bird", "cat", "dog"])[np.arange(DATA.sizes["time"]) % 3]
    data = DATA.assign(pet=("time", labels))
    group = bg.Group("who", prior=bg.Normal(SCALE))
    fit = bg.fit_map(bg.GLM("pet", group, family="categorical"), data)
    rest = fit["map"]["intercept"].values
    first, second = (SCALE * one.ravel() for one in np.meshgrid(NODES[::4], NODES[::4]))
    eta = np.stack([np.zeros_like(first), rest[0] + first, rest[1] + second])
    shares = np.exp(eta) / np.exp(eta).sum(axis=0)
    weights = np.outer(WEIGHTS[::4], WEIGHTS[::4]).ravel()
    found = bg.predict(fit, {"row": [0]}, groups="average")["pet"]
    np.testing.assert_allclose(found[0], shares @ weights / weights.sum(), rtol=1e-8)


def test_an_average_of_a_dispersion_with_effects():
    model = bg.GLM("gaussian", "x", dispersion={"sigma": [bg.Group("who", prior=bg.Normal(SCALE))]})
    fit = bg.fit_map(model, DATA)
    sigma = float(np.exp(fit["map"]["sigma_intercept"]))
    found = bg.predict(fit, {"x": [0.0]}, kind="sigma", groups="average")["gaussian"]
    assert float(found[0]) == pytest.approx(sigma * np.exp(SCALE**2 / 2), rel=1e-10)
    mean = float(bg.predict(fit, {"x": [2.0]}, groups="average")["gaussian"][0])
    assert mean == pytest.approx(float(fit["map"]["intercept"] + 2.0 * fit["map"]["x"]))


def test_averages_and_middles_of_correlated_slopes_beside_another_factor(learned):
    posterior, x = learned["posterior"].to_dataset(), np.array([0.0, 1.5, -2.0])
    scale, h = posterior["g_scale"].values, posterior["h_scale"].values
    correlation = posterior["g_correlation"].values[..., 0, 1]
    middle = posterior["intercept"].values[..., None] + posterior["x"].values[..., None] * x
    covariance = (correlation * scale[..., 0] * scale[..., 1])[..., None]
    variance = scale[..., :1] ** 2 + x**2 * scale[..., 1:] ** 2 + 2 * x * covariance
    variance = variance + h[..., None] ** 2
    new = {"x": x, "g": [None, "s1", "other"]}
    average = bg.predict(learned, new, groups="average")["y"]
    np.testing.assert_allclose(np.log(average), middle + variance / 2, rtol=1e-9, atol=1e-9)
    for groups in ("average", "zero"):
        eta = bg.predict(learned, new, kind="linear", groups=groups)["y"]
        np.testing.assert_allclose(eta, middle, rtol=1e-12, atol=1e-12)
    few = [0.05, 0.5]
    told = bg.predict(learned, new, groups="average", quantiles=few)["y"]
    np.testing.assert_allclose(told, np.quantile(average, few, axis=(0, 1)), rtol=1e-12)


def test_a_logistic_average_of_very_different_levels():
    """At an sd of 6 the logistic function is nearly a step."""
    model = bg.GLM("bernoulli", bg.Group("who", prior=bg.Normal(6.0)), family="bernoulli")
    fit = bg.fit_map(model, DATA)
    at = float(fit["map"]["intercept"]) + 3.0
    (expected,), _ = quad_vec(
        lambda z: np.array([norm.pdf(z) / (1.0 + np.exp(-(at + 6.0 * z)))]), -20, 20, epsabs=1e-12
    )
    moved = fit.copy()
    moved["map"] = xr.DataTree(fit["map"].to_dataset().assign(intercept=at))
    found = float(bg.predict(moved, {"row": [0]}, groups="average")["bernoulli"][0])
    assert found == pytest.approx(expected, abs=1e-8)


def test_effects_of_a_new_level_are_drawn_once_for_all_its_rows(learned):
    new = {"x": [1.0, 1.0, 0.0, 1.0], "g": ["s1", "new", "new", "newer"], "h": [0, 77, 77, 0]}
    own = bg.predict(learned, new, kind="linear", new_levels="sample", seed=3)["y"].values
    middle = bg.predict(learned, new, kind="linear", new_levels="zero")["y"].values
    plain = bg.predict(learned, {**new, "g": ["s1"] * 4, "h": [0] * 4}, kind="linear")["y"].values
    np.testing.assert_array_equal(own[..., 0], plain[..., 0])
    drawn = own - middle
    posterior = learned["posterior"].to_dataset()
    scale, correlation = posterior["g_scale"].values, posterior["g_correlation"].values[..., 0, 1]
    # The rows at x = 1 and 0 of one level differ by its slope, which has the scale of slopes.
    slope = (drawn[..., 1] - drawn[..., 2]) / scale[..., 1]
    other = (drawn[..., 3] - 0.0) / np.sqrt(
        scale[..., 0] ** 2 + scale[..., 1] ** 2 + 2 * correlation * scale[..., 0] * scale[..., 1]
    )
    both = drawn[..., 2] / np.sqrt(scale[..., 0] ** 2 + posterior["h_scale"].values ** 2)
    for unit in (slope, other, both):
        z = unit.ravel()
        assert abs(z.mean()) < 4.0 / np.sqrt(len(z))
        assert abs(z.var() - 1.0) < 4.0 * np.sqrt(2.0 / len(z))
    assert abs(np.corrcoef(slope.ravel(), other.ravel())[0, 1]) < 4.0 / np.sqrt(slope.size)
    # A level's draws are its own, whatever stands beside it and in whatever order.
    turned = {name: values[::-1] for name, values in new.items()}
    again = bg.predict(learned, turned, kind="linear", new_levels="sample", seed=3)["y"]
    np.testing.assert_allclose(again.values[..., ::-1], own, rtol=1e-12)
    other_seed = bg.predict(learned, new, kind="linear", new_levels="sample", seed=4)["y"]
    assert not np.allclose(other_seed.values[..., 1:], own[..., 1:])


def test_responses_of_the_population_have_its_variance(learned):
    new = {"x": np.zeros(200)}
    drawn = bg.predict(learned, new, kind="response", groups="average", seed=1)["y"].values
    mean = bg.predict(learned, new, groups="average")["y"].values
    posterior = learned["posterior"].to_dataset()
    spread = posterior["g_scale"].values[..., 0] ** 2 + posterior["h_scale"].values ** 2
    # E[y^2] = E[mu + mu^2], with mu log-normal given the draw.
    second = mean[..., 0] + mean[..., 0] ** 2 * np.exp(spread)
    typical = spread < np.quantile(spread, 0.5)  # of tails so heavy a sample says little
    assert drawn[typical].mean() == pytest.approx(mean[..., 0][typical].mean(), rel=0.02)
    assert (drawn[typical] ** 2).mean() == pytest.approx(second[typical].mean(), rel=0.1)


def test_priors_that_say_nothing_of_a_new_level():
    columns = {"y": [2, 0, 3, 1, 4, 1], "g": ["a", "a", "b", "b", "c", "c"]}
    new = {"g": ["d"]}
    for prior, kind in (
        (bg.RandomWalk(0.5), "RandomWalk"),
        (bg.Normal([0.5, 1.0, 2.0]), "Normal"),
        (bg.GroupLasso(0.5), "GroupLasso"),
    ):
        fit = bg.fit_map(
            bg.GLM("y", bg.Group("g", prior=prior), family="poisson", intercept=bg.Normal(1.0)),
            columns,
        )
        for asked in ({"new_levels": "sample"}, {"groups": "average"}):
            with pytest.raises(bg.ModelError, match=f"the {kind} prior of term 'g' does not hold"):
                bg.predict(fit, new, **asked)
        zero = bg.predict(fit, new, new_levels="zero")
        xr.testing.assert_equal(zero, bg.predict(fit, new, groups="zero"))


def test_levels_that_are_not_normal_are_drawn_and_not_averaged():
    columns = {"y": [2, 0, 3, 1, 4, 1], "g": ["a", "a", "b", "b", "c", "c"]}
    group = bg.Group("g", prior=bg.StudentT(0.5, df=4))
    fit = bg.fit_map(bg.GLM("y", group, family="poisson"), columns)
    with pytest.raises(bg.ModelError, match="effects of group 'g' are not normal given"):
        bg.predict(fit, {"row": [0]}, groups="average")
    labels = [f"new {k}" for k in range(2000)]
    eta = bg.predict(fit, {"g": labels}, kind="linear", new_levels="sample")["y"]
    away = np.abs(eta - float(fit["map"]["intercept"])) / 0.5
    assert float(np.median(away)) == pytest.approx(0.7407, abs=0.05)  # of Student's t of 4


def test_words_that_are_none(learned):
    with pytest.raises(bg.ModelError, match=r"unknown groups='averaged'.* mean 'average'"):
        bg.predict(learned, groups="averaged")
    with pytest.raises(bg.ModelError, match="unknown new_levels=True; known are raise, sample"):
        bg.predict(learned, new_levels=True)
    with pytest.raises(bg.DataError, match=r"not seen.*new_levels='sample' draws its effects"):
        bg.predict(learned, {"x": [0.0], "g": ["other"], "h": [0]})
    with pytest.raises(bg.DataError, match="'x' is not in the data"):
        bg.predict(learned, {"row": [0]}, groups="average")
