"""Laplace fits beside exact posteriors and PyMC's density, and their records."""

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from scipy import stats

import bayesglm as bg
from bayesglm.inference.psis import FEWEST, khat_limit, smooth

MODELS = {
    "gaussian": bg.GLM("gaussian", ["x", bg.Linear("movie", prior=bg.Normal(0.5))]),
    "bernoulli": bg.GLM("bernoulli", ["x", "z"], family="bernoulli", link="probit"),
    "binomial": bg.GLM("binomial", "x", family="binomial", link="cloglog", trials="trials"),
    "poisson": bg.GLM("poisson", ["x", bg.History(lags=2)], family="poisson", link="softplus"),
}


@pytest.fixture(scope="module")
def data():
    return simulate(150, seed=4)


def assert_quantiles(draws, exact, n_effective):
    """Assert that the draws have the exact quantiles, within Monte-Carlo error."""
    for q in (0.03, 0.25, 0.5, 0.75, 0.97):
        error = np.sqrt(q * (1 - q) / n_effective)
        assert np.mean(draws < exact.ppf(q)) == pytest.approx(q, abs=4.5 * error)


@pytest.mark.parametrize(("successes", "n"), [(3, 9), (20, 30)])
def test_a_proportion_has_a_beta_posterior(successes, n):
    # Flat on the log odds is p^-1 (1 - p)^-1 on p: Haldane's prior, Beta(k, n - k) a posteriori.
    y = np.r_[np.ones(successes), np.zeros(n - successes)]
    fitted = bg.fit_laplace(bg.GLM("y", [], family="bernoulli"), {"y": y}, draws=2500)
    p = bg.predict(fitted)["y"].isel(obs=0).values.ravel()
    assert_quantiles(p, stats.beta(successes, n - successes), fitted.attrs["importance_ess"])


def test_mean_and_sigma_have_their_exact_posteriors():
    # Flat on mu and sigma: mu is Student t with n - 2 degrees, S/sigma^2 chi-squared with n - 2.
    y = np.random.default_rng(8).normal(size=14) * 2 + 5
    model = bg.GLM("y", [], dispersion=bg.Flat())
    fitted = bg.fit_laplace(model, {"y": y}, draws=2500)
    squares, n = np.sum((y - y.mean()) ** 2), len(y)
    scale = np.sqrt(squares / (n - 2) / n)
    mu = fitted["posterior"]["intercept"].values.ravel()
    assert_quantiles(mu, stats.t(n - 2, y.mean(), scale), fitted.attrs["importance_ess"])
    ratio = squares / fitted["posterior"]["sigma"].values.ravel() ** 2
    assert_quantiles(ratio, stats.chi2(n - 2), fitted.attrs["importance_ess"])


@pytest.mark.parametrize("name", MODELS)
def test_the_gaussian_stands_at_the_mode_of_pymcs_density(name, data):
    model = MODELS[name]
    fitted = bg.fit_laplace(model, data, draws=100)
    made = bg.to_pymc(bg.GLM.from_json(fitted.attrs["model"]), data)
    mode, covariance = (fitted["laplace"][key].values for key in ("mode", "covariance"))
    terms = ["intercept", *(term.label for term in model.terms), "sigma"]
    free = sorted(made.free_RVs, key=lambda variable: terms.index(variable.name))
    density = made.compile_fn([made.logp(), made.dlogp(vars=free)], mode="FAST_COMPILE")

    def pymcs(theta):
        point, place = made.initial_point(0), 0
        for variable in free:
            name = made.rvs_to_values[variable].name
            size = np.size(point[name])
            point[name] = theta[place : place + size].reshape(np.shape(point[name]))
            place += size
        assert place == len(theta)
        return density(point)

    value, slope = pymcs(mode)
    assert fitted.attrs["log_posterior"] == pytest.approx(float(value), rel=1e-9)
    np.testing.assert_allclose(slope, 0.0, atol=1e-5)
    step = 1e-5
    bends = [pymcs(mode + e)[1] - pymcs(mode - e)[1] for e in step * np.eye(len(mode))]
    curvature = np.array(bends) / (2 * step)
    np.testing.assert_allclose(covariance @ -curvature, np.eye(len(mode)), atol=1e-6)
    np.testing.assert_allclose(fitted["laplace"]["sd"], np.sqrt(np.diag(covariance)), rtol=1e-12)


def test_raw_draws_carry_both_densities(data):
    fitted = bg.fit_laplace(MODELS["gaussian"], data, draws=300)
    assert "of a Gaussian proposal" in fitted.attrs["why"]
    raw, laplace = fitted["proposal"].to_dataset(), fitted["laplace"]
    parts = [raw[name].values.reshape(1200, -1) for name in ("intercept", "x", "movie", "sigma")]
    theta = np.column_stack([*parts[:-1], np.log(parts[-1])])
    exact = stats.multivariate_normal(laplace["mode"].values, laplace["covariance"].values)
    np.testing.assert_allclose(raw["log_q"].values.ravel(), exact.logpdf(theta), rtol=1e-9)
    made = bg.to_pymc(bg.GLM.from_json(fitted.attrs["model"]), data)
    density = made.compile_logp(mode="FAST_COMPILE")
    for draw in range(5):
        one = raw.isel(chain=1, draw=draw)
        point = {name: one[name].values for name in ("intercept", "x", "movie")}
        point["sigma_log__"] = np.log(one["sigma"].values)
        assert float(one["log_p"]) == pytest.approx(float(density(point)), rel=1e-9)


def test_lp_is_the_density_of_the_kept_draws(data):
    fitted = bg.fit_laplace(MODELS["gaussian"], data, draws=50)
    made = bg.to_pymc(bg.GLM.from_json(fitted.attrs["model"]), data)
    density = made.compile_logp(mode="FAST_COMPILE")
    for draw in range(5):
        one = fitted["posterior"].to_dataset().isel(chain=2, draw=draw)
        point = {name: one[name].values for name in ("intercept", "x", "movie")}
        point["sigma_log__"] = np.log(one["sigma"].values)
        lp = fitted["sample_stats"]["lp"].isel(chain=2, draw=draw)
        assert float(lp) == pytest.approx(float(density(point)), rel=1e-9)


def test_a_population_keeps_a_record_of_every_neuron(data):
    rng = np.random.default_rng(2)
    rates = np.exp(np.outer(data["x"], [0.6, 0.0, -0.5]))
    data = data.assign(cells=(("time", "neuron"), rng.poisson(rates)))
    data = data.assign_coords(neuron=["a", "b", "c"])
    model = bg.GLM("cells", "x", family="poisson", prior=bg.Normal(1.0))
    fitted = bg.fit_laplace(model, data, draws=200)
    laplace = fitted["laplace"]
    assert laplace["mode"].dims == ("neuron", "parameter")
    assert laplace["covariance"].dims == ("neuron", "parameter", "parameter_other")
    assert fitted["proposal"]["log_q"].dims == ("chain", "draw", "neuron")
    assert fitted["sample_stats"]["lp"].dims == ("chain", "draw", "neuron")
    assert fitted.attrs["khat"] == float(laplace["khat"].max())
    assert fitted.attrs["importance_ess"] == float(laplace["importance_ess"].min())
    modes = [bg.fit_map(model, data.isel(neuron=[k])).attrs["log_posterior"] for k in range(3)]
    assert fitted.attrs["log_posterior"] == pytest.approx(sum(modes), rel=1e-10)
    # Each neuron has a random stream of its own: another's data change nothing.
    other = data.assign(cells=data["cells"].where(data["neuron"] != "b", 3 - data["cells"] % 3))
    again = bg.fit_laplace(model, other, draws=200)["posterior"]["x"]
    for name in ("a", "c"):
        np.testing.assert_array_equal(
            again.sel(neuron=name), fitted["posterior"]["x"].sel(neuron=name)
        )
    assert not np.array_equal(again.sel(neuron="b"), fitted["posterior"]["x"].sel(neuron="b"))


def test_a_failed_neuron_is_named():
    data = xr.Dataset(
        {"cells": (("obs", "neuron"), [[0, 1], [0, 0], [1, 1], [1, 0]])}
        | {"x": ("obs", [-1.0, -0.3, 0.3, 1.0])},
        coords={"neuron": ["wild", "tame"]},
    )
    priors = bg.Normal([100.0, 1.0])
    model = bg.GLM("cells", bg.Linear("x", prior=priors), family="bernoulli", intercept=priors)
    with pytest.warns(bg.BayesGLMWarning, match=r"\(neuron=wild\) failed its check") as caught:
        fitted = bg.fit_laplace(model, data)
    assert len(caught) == 1
    assert fitted.attrs["accepted"] == 0
    assert "neuron=tame: importance weights" in fitted.attrs["why"]


def test_a_kink_of_the_intercept_is_refused(data):
    model = bg.GLM("poisson", "x", family="poisson", intercept=bg.Laplace(1.0))
    with pytest.raises(bg.ModelError, match=r"term 'intercept' \(Laplace prior\)"):
        bg.fit_laplace(model, data)


@pytest.mark.parametrize("n", [1, 4, FEWEST - 1])
def test_too_few_ratios_are_never_believed(n):
    ratios = np.linspace(-1, 1, n) + np.arange(n) % 2
    found = smooth(ratios)
    if n == 1:
        assert found.kish == 1.0
        return
    assert not found.khat < khat_limit(n)
    weights = np.exp(ratios) / np.exp(ratios).sum()
    np.testing.assert_allclose(np.exp(found.log_weights), weights, rtol=1e-12)
    assert found.kish == pytest.approx(1 / np.sum(weights**2))
    assert np.isfinite(smooth(np.random.default_rng(0).normal(size=FEWEST)).khat)


def test_a_single_draw_is_checked_like_many(data):
    fitted = bg.fit_laplace(MODELS["poisson"], data, draws=1, chains=1)
    assert dict(fitted["posterior"].sizes)["draw"] == 1
    assert fitted.attrs["accepted"] == 1
    assert fitted.attrs["importance_ess"] == 1.0
    assert np.isfinite(fitted.attrs["khat"])
