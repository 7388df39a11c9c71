"""Laplace fits beside exact posteriors and PyMC's density, and their records."""

import warnings

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from scipy import stats

import bayesglm as bg
from bayesglm.inference.weights.psis import FEWEST, khat_limit, pareto_smoothed, worth
from bayesglm.numerics.density.objective import Objective

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


def test_raw_draws_carry_both_densities():
    data = simulate(1500, seed=4)
    fitted = bg.fit_laplace(MODELS["bernoulli"], data, draws=300)
    assert "of a Gaussian proposal" in fitted.attrs["why"]
    raw, laplace = fitted["proposal"].to_dataset(), fitted["laplace"]
    theta = np.column_stack([raw[name].values.ravel() for name in ("intercept", "x", "z")])
    exact = stats.multivariate_normal(laplace["mode"].values, laplace["covariance"].values)
    np.testing.assert_allclose(raw["log_q"].values.ravel(), exact.logpdf(theta), rtol=1e-9)
    assert_log_p_is_pymcs(fitted, data, ("intercept", "x", "z"))


def assert_log_p_is_pymcs(fitted, data, names):
    made = bg.to_pymc(bg.GLM.from_json(fitted.attrs["model"]), data)
    density = made.compile_logp(mode="FAST_COMPILE")
    for draw in range(5):
        one = fitted["proposal"].to_dataset().isel(chain=1, draw=draw)
        point = {name: one[name].values for name in names}
        if "sigma" in one:
            point["sigma_log__"] = np.log(one["sigma"].values)
        assert float(one["log_p"]) == pytest.approx(float(density(point)), rel=1e-9)


def test_raw_draws_of_a_gaussian_are_posterior_draws():
    data = simulate(1500, seed=4)
    fitted = bg.fit_laplace(MODELS["gaussian"], data, draws=300)
    assert "of a sigma-first proposal" in fitted.attrs["why"]
    ratio = fitted["proposal"]["log_p"] - fitted["proposal"]["log_q"]
    assert float(ratio.max() - ratio.min()) < 1e-3
    assert_log_p_is_pymcs(fitted, data, ("intercept", "x", "movie"))


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


def test_the_mean_varies_from_seed_to_seed_as_the_effective_size_says():
    # Sixteen samples: the posterior is skewed, and the weights far from equal.
    rng = np.random.default_rng(5)
    x = rng.normal(size=(16, 2))
    data = {"y": rng.poisson(np.exp(x[:, 0] - 0.5)), "x": x}
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    moments, sizes, n_seeds = [], [], 60
    for seed in range(n_seeds):
        fitted = bg.fit(model, data, draws=250, seed=seed)
        group = fitted["posterior"].to_dataset()
        slopes = group["x"].values.reshape(-1, 2)
        theta = np.column_stack([group["intercept"].values.ravel(), slopes])
        moments.append(np.hstack([theta, (theta - [-0.5, 1.0, 0.0]) ** 2]))
        sizes.append(fitted.attrs["importance_ess"])
    assert 700 < np.mean(sizes) < 1000
    means = np.mean(moments, axis=1)
    covariance = np.cov(np.concatenate(moments).T)
    away = means - means.mean(axis=0)
    squares = np.einsum("ij,jk,ik->i", away, np.linalg.inv(covariance), away) @ sizes
    low, high = stats.chi2((n_seeds - 1) * means.shape[1]).ppf([0.001, 0.999])
    assert low < squares < high


def count_proposals(model, data, monkeypatch, **options):
    """Return a fit, and at how many points its density was computed, call by call."""
    sizes, density = [], Objective.log_density

    def counted(self, thetas):
        sizes.append(len(thetas))
        return density(self, thetas)

    monkeypatch.setattr(Objective, "log_density", counted)
    fitted = bg.fit_laplace(model, data, **options)
    monkeypatch.undo()
    return fitted, sizes


def test_proposals_are_few_until_draws_are_short(monkeypatch):
    terms = ["x", "z", bg.Linear("movie", prior=bg.Normal(1.0))]
    model = bg.GLM("poisson", terms, family="poisson")
    easy, sizes = count_proposals(model, simulate(500, seed=4), monkeypatch, draws=500)
    assert sizes[-1] == 2500
    assert sum(sizes) < 2550, "beside the pool a few probes of how wide the density is"
    assert easy.attrs["importance_ess"] > 0.7 * 2000
    # Of fewer samples the posterior is skewed: more is drawn, and the first draws are kept.
    hard, sizes = count_proposals(model, simulate(150, seed=4), monkeypatch, draws=500)
    assert sizes[1] == 2500
    assert 2550 < sum(sizes) <= 4 * 2000
    assert hard.attrs["importance_ess"] > 0.8 * 2000
    assert "of a Gaussian proposal" in hard.attrs["why"]


@pytest.mark.parametrize("chains", [1, 4])
def test_a_heavier_tail_is_tried_where_the_weights_of_a_gaussian_have_no_variance(chains):
    # One success in nine: on the log odds the left tail falls no faster than exp(eta).
    y = np.r_[1, np.zeros(8)]
    model = bg.GLM("y", [], family="bernoulli")
    fitted = bg.fit_laplace(model, {"y": y}, draws=10_000 // chains, chains=chains)
    assert "of a split normal Student t proposal stand" in fitted.attrs["why"]
    p = bg.predict(fitted)["y"].isel(obs=0).values.ravel()
    assert_quantiles(p, stats.beta(1, 8), fitted.attrs["importance_ess"])


def separated(scale):
    """Return four separated trials, a model with wide priors, and the exact mean and sd of x."""
    x, y = np.array([-1.0, -0.3, 0.3, 1.0]), np.array([0, 0, 1, 1])
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(scale), intercept=bg.Normal(scale))
    grid = scale * np.linspace(-6, 6, 1201)
    a, b = np.meshgrid(grid, grid, indexing="ij")
    log_p = -0.5 * (a**2 + b**2) / scale**2
    for one, success in zip(x, y, strict=True):
        log_p -= np.logaddexp(0.0, (1 - 2 * success) * (a + b * one))
    weights = np.exp(log_p - log_p.max())
    weights /= weights.sum()
    mean = np.sum(weights * b)
    return model, {"y": y, "x": x}, mean, np.sqrt(np.sum(weights * (b - mean) ** 2))


@pytest.mark.parametrize(
    ("scale", "expected"), [(3.0, {1}), (10.0, {1}), (30.0, {0, 1}), (300.0, {0})]
)
def test_what_is_accepted_is_right(scale, expected):
    model, data, mean, sd = separated(scale)
    accepted = set()
    for seed in range(6):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bg.BayesGLMWarning)
            fitted = bg.fit_laplace(model, data, draws=400, seed=seed)
        accepted.add(fitted.attrs["accepted"])
        if fitted.attrs["accepted"]:
            x, error = fitted["posterior"]["x"], sd / np.sqrt(fitted.attrs["importance_ess"])
            assert float(x.mean()) == pytest.approx(mean, abs=4 * error)
            assert float(x.std()) == pytest.approx(sd, rel=0.2)
    assert accepted == expected


def test_what_draws_are_worth_by_hand():
    rng = np.random.default_rng(0)
    thetas, weights = rng.normal(size=(50, 2)), rng.random(50) ** 4
    weights /= weights.sum()
    by_hand = []
    for x in thetas.T:
        squares = (x - np.sum(weights * x)) ** 2
        drawn = sum(w * max(w, 1 / 20) * d for w, d in zip(weights, squares, strict=True))
        by_hand.append(np.sum(weights * squares) / drawn)
    assert worth(np.log(weights), thetas, 20) == pytest.approx(min(by_hand))
    equal = np.full(50, -np.log(50))
    assert worth(equal, thetas, 20) == pytest.approx(20)
    assert worth(equal, thetas) == pytest.approx(50)


@pytest.mark.parametrize("n", [1, 4, FEWEST - 1])
def test_too_few_ratios_are_never_believed(n):
    ratios = np.linspace(-1, 1, n) + np.arange(n) % 2
    found = pareto_smoothed(ratios)
    if n == 1:
        assert found.kish == 1.0
        return
    assert not found.khat < khat_limit(n)
    weights = np.exp(ratios) / np.exp(ratios).sum()
    np.testing.assert_allclose(np.exp(found.log_weights), weights, rtol=1e-12)
    assert found.kish == pytest.approx(1 / np.sum(weights**2))
    assert np.isfinite(pareto_smoothed(np.random.default_rng(0).normal(size=FEWEST)).khat)


def test_a_single_draw_is_checked_like_many(data):
    fitted = bg.fit_laplace(MODELS["poisson"], data, draws=1, chains=1)
    assert dict(fitted["posterior"].sizes)["draw"] == 1
    assert fitted.attrs["accepted"] == 1
    assert fitted.attrs["importance_ess"] == 1.0
    assert np.isfinite(fitted.attrs["khat"])
