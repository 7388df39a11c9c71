"""Residuals: those of peers, closed forms, normal under the truth, refused where there are none."""

import numpy as np
import pytest
import statsmodels.genmod.families as peers
from families import OF_NUMBERS, model_of
from scipy.stats import kstest, norm, poisson, truncnorm

import bayesglm as bg

PRIOR = bg.Normal(1.0)
PEERS = {
    "poisson": peers.Poisson(),
    "bernoulli": peers.Binomial(),
    "gamma": peers.Gamma(peers.links.Log()),
    "inverse_gaussian": peers.InverseGaussian(peers.links.Log()),
    "gaussian": peers.Gaussian(),
}


def fitted(name, data, **options):
    return bg.fit_map(
        model_of((name, OF_NUMBERS[name].links[0]), "x", prior=PRIOR, **options), data
    )


@pytest.mark.parametrize("name", list(PEERS))
def test_residuals_are_those_of_peers(name, many):
    fit = fitted(name, many, **({"dispersion": 0.5} if OF_NUMBERS[name].dispersions else {}))
    y, mean = many[name].values, bg.predict(fit)[name].values
    deviance = PEERS[name].resid_dev(y, mean)
    told = bg.residuals(fit, "deviance")[name]
    np.testing.assert_allclose(told, deviance, rtol=1e-7, atol=1e-9)
    explained = bg.check(fit)["scores"]
    null = PEERS[name].deviance(y, np.full(len(y), y.mean()))
    assert 1.0 - float((told**2).sum()) / null == pytest.approx(
        float(explained["deviance_explained"]), rel=1e-6
    )
    scale = {"gaussian": 0.25, "gamma": 2.0, "inverse_gaussian": 2.0}.get(name, 1.0)
    pearson = (y - mean) / np.sqrt(scale * PEERS[name].variance(mean))
    np.testing.assert_allclose(bg.residuals(fit, "pearson")[name], pearson, rtol=1e-9)


@pytest.mark.parametrize("name", list(OF_NUMBERS))
def test_residuals_of_every_family(name, many):
    fit = fitted(name, many)
    quantile = bg.residuals(fit, seed=3)[name]
    assert kstest(quantile, norm.cdf).pvalue > 1e-3
    told = bg.check(fit, seed=3)["quantile_residuals"]["residual"]
    np.testing.assert_array_equal(told, quantile)
    deviance = bg.residuals(fit, "deviance")[name]
    assert np.isfinite(deviance).all()
    if OF_NUMBERS[name].circular:
        with pytest.raises(bg.ModelError, match="Take kind='quantile' or 'deviance'"):
            bg.residuals(fit, "pearson")
        return
    pearson = bg.residuals(fit, "pearson")[name]
    assert 0.6 < float((pearson**2).mean()) < 1.6
    away = many[name] - bg.predict(fit)[name]
    for one in (pearson, deviance):  # of a hurdle's zeros the deviance is zero
        assert (one * away >= 0.0).all()


def test_chances_are_averaged_over_draws_and_both_tails_have_all_their_digits():
    rng = np.random.default_rng(0)
    y = np.append(rng.normal(size=40), [15.0, -15.0])
    model = bg.GLM("y", [], dispersion=1.0, intercept=bg.Normal(1.0))
    fit = bg.fit(model, {"y": y}, draws=50, chains=4)
    mu = fit["posterior"]["intercept"].values.reshape(-1, 1)
    told = bg.residuals(fit)["y"].values
    lower = norm.ppf(norm.cdf(y - mu).mean(axis=0))
    upper = norm.isf(norm.sf(y - mu).mean(axis=0))
    np.testing.assert_allclose(told, np.where(y > 0, upper, lower), rtol=1e-9, atol=1e-9)
    assert told.max() > 14.0
    assert told.min() < -14.0


def test_counts_are_randomised_by_the_seed_between_their_chances():
    rng = np.random.default_rng(1)
    data = {"y": np.append(rng.poisson(2.0, 60), 60)}
    fit = bg.fit_map(bg.GLM("y", [], family="poisson"), data)
    mean = float(np.exp(fit["map"]["intercept"]))
    told, other = (bg.residuals(fit, seed=seed)["y"].values for seed in (0, 1))
    y = data["y"]
    for one in (told, other):
        assert (one >= norm.isf(poisson.sf(y - 1, mean)) - 1e-9).all()
        assert (one <= norm.isf(poisson.sf(y, mean)) + 1e-9).all()
    assert not np.array_equal(told, other)
    np.testing.assert_array_equal(told, bg.residuals(fit)["y"])
    assert told[-1] > 10.0


def test_intervals_and_zeros_lie_between_the_chances_of_their_ends(many):
    rng = np.random.default_rng(5)
    y = rng.poisson(3.0, 300).astype(float)
    upper = np.where(y > 3.0, y + 2.0, y)
    data = {"y": y, "upper": upper, "s": np.where(y > 3.0, "interval", "none")}
    model = bg.GLM("y", [], "poisson", censored=("s", "upper"), intercept=PRIOR)
    fit = bg.fit_map(model, data)
    mean = float(np.exp(fit["map"]["intercept"]))
    told = norm.cdf(bg.residuals(fit)["y"].values)
    low = np.where(y > 3.0, poisson.cdf(y, mean), poisson.cdf(y - 1, mean))
    assert (told >= low - 1e-12).all()
    assert (told <= poisson.cdf(upper, mean) + 1e-12).all()

    fit = fitted("tweedie", many, dispersion={"phi": 0.7, "p": 1.7})
    zero = many["tweedie"].values == 0.0
    mu = bg.predict(fit)["tweedie"].values[zero]
    told = norm.cdf(bg.residuals(fit)["tweedie"].values[zero])
    none = np.exp(-(mu**0.3) / 0.3 / 0.7)  # the chance of no event at all
    assert (told < none).all()
    assert kstest(told / none, "uniform").pvalue > 1e-3


def test_levels_have_residuals_of_each(many):
    rng = np.random.default_rng(2)
    x = many["x"].values
    code = np.where(x + rng.logistic(size=400) > 0.7, 2, rng.integers(0, 2, 400))
    labels = np.array(["u", "v", "w"])[code]
    counts = rng.multinomial(5, [0.2, 0.3, 0.5], 400)
    data = {"x": x, "label": labels, "counts": counts}
    unordered = bg.fit_map(bg.GLM("label", "x", "categorical", prior=PRIOR), data)
    p = bg.predict(unordered)["label"]
    told = bg.residuals(unordered, "pearson")["label"]
    assert told.dims == p.dims
    expected = ((labels[:, None] == p["label_level"].values) - p.values) / np.sqrt(
        p.values * (1 - p.values)
    )
    np.testing.assert_allclose(told, expected, rtol=1e-9)
    with pytest.raises(bg.ModelError, match="'quantile' or 'pearson'"):
        bg.residuals(unordered, "deviance")

    ordered = bg.GLM("label", "x", "ordinal", prior=PRIOR, levels=["u", "v", "w"])
    fit = bg.fit_map(ordered, data)
    p = bg.predict(fit)["label"].values
    told = bg.residuals(fit, "deviance")["label"].values
    np.testing.assert_allclose(told**2, -2.0 * np.log(p[np.arange(400), code]), rtol=1e-9)
    assert (np.sign(told) == np.sign(code - p @ np.arange(3))).all()
    assert kstest(bg.residuals(fit)["label"], norm.cdf).pvalue > 1e-3

    fit = bg.fit_map(bg.GLM("counts", "x", "multinomial", prior=PRIOR), data)
    n_p = bg.predict(fit)["counts"].values
    told = bg.residuals(fit, "pearson")["counts"]
    np.testing.assert_allclose(told, (counts - n_p) / np.sqrt(n_p * (1 - n_p / 5)), rtol=1e-9)
    with pytest.raises(bg.ModelError, match="Take kind='pearson'"):
        bg.residuals(fit)


def test_residuals_of_what_is_seen_in_part():
    rng = np.random.default_rng(3)
    x = rng.normal(size=600)
    y = x + rng.normal(size=600)
    seen = y > 0.0
    data = {"y": y[seen], "x": x[seen]}
    model = bg.GLM("y", "x", truncated=(0.0, None), dispersion=1.0, prior=PRIOR)
    fit = bg.fit_map(model, data)
    eta = bg.predict(fit, kind="linear")["y"].values
    theirs = truncnorm(-eta, np.inf, loc=eta)
    told = bg.residuals(fit, "pearson")["y"].values
    np.testing.assert_allclose(told, (data["y"] - theirs.mean()) / theirs.std(), rtol=1e-6)
    quantile = bg.residuals(fit)["y"].values
    np.testing.assert_allclose(quantile, norm.ppf(theirs.cdf(data["y"])), atol=1e-6)

    status = np.where(y > 1.0, "right", "none")
    data = {"y": np.minimum(y, 1.0), "x": x, "status": status}
    fit = bg.fit_map(bg.GLM("y", "x", censored="status", dispersion=1.0, prior=PRIOR), data)
    assert kstest(bg.residuals(fit)["y"], norm.cdf).pvalue > 1e-3
    eta, exact = bg.predict(fit)["y"].values, status == "none"
    told = bg.residuals(fit, "deviance")["y"].values
    np.testing.assert_allclose(told[exact], (data["y"] - eta)[exact], atol=1e-9)
    late = np.sqrt(-2.0 * norm.logsf(1.0 - eta))[~exact]
    np.testing.assert_allclose(told[~exact], late, rtol=1e-7)
    with pytest.raises(bg.ModelError, match="seen in part"):
        bg.residuals(fit, "pearson")


def test_residuals_stand_on_the_samples_of_the_data(many):
    rng = np.random.default_rng(4)
    many["pair"] = (("time", "unit"), rng.poisson(0.8, (400, 2)))
    many = many.assign_coords(unit=["a", "b"])
    terms = ["x", bg.History(lags=3)]
    fit = bg.fit_map(bg.GLM("pair", terms, "poisson", prior=PRIOR, weights="weights"), many)
    for kind in ("quantile", "pearson", "deviance"):
        told = bg.residuals(fit, kind)["pair"]
        assert told.dims == ("time", "unit")
        assert told.indexes["time"].equals(many.indexes["time"])
        lost = (many["weights"] == 0.0) | (np.arange(400) < 3)
        np.testing.assert_array_equal(np.isnan(told).all("unit"), lost)
        assert told.attrs == {"kind": kind, "draws": 1}
    single = bg.fit_map(
        bg.GLM("pair", terms, "poisson", prior=PRIOR, weights="weights"), many.isel(unit=0)
    )
    np.testing.assert_allclose(
        bg.residuals(single, "pearson")["pair"], bg.residuals(fit, "pearson")["pair"][:, 0], 1e-5
    )


def test_what_is_no_kind_is_refused_and_no_variance_is_told(many):
    fit = fitted("student_t", many, dispersion={"nu": 1.5})
    with pytest.raises(bg.ModelError, match="the kinds are quantile, pearson, deviance"):
        bg.residuals(fit, "response")
    with pytest.raises(bg.DataError):
        bg.residuals(many)
    with pytest.warns(bg.BayesGLMWarning, match="no finite variance"):
        told = bg.residuals(fit, "pearson")["student_t"]
    assert np.isnan(told).all()
