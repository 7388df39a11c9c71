"""Posteriors: exact ones, corrected ones, refused ones, and those of NUTS."""

import warnings

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from arviz_stats.base import array_stats
from conftest import simulate
from scipy.special import digamma, polygamma
from scipy.stats import gamma

import bayesglm as bg
from bayesglm.inference.weights.proposals import gaussian, split
from bayesglm.inference.weights.psis import (
    khat_limit,
    largest_of_rows,
    leave_one_out,
    pareto_smoothed,
    resample,
)

FAILS = bg.GLM("y", "x", family="bernoulli", prior=bg.Normal(100.0), intercept=bg.Normal(100.0))
TINY = {"y": [0, 0, 1, 1], "x": [-1.0, -0.3, 0.3, 1.0]}


@pytest.fixture(scope="module")
def nuts():
    """One NUTS fit of a population whose second neuron is given nothing but noise."""
    data = simulate(150, seed=4)
    rng = np.random.default_rng(0)
    rates = np.exp(np.outer(data["x"], [0.6, 0.0]))
    data["cells"] = (("time", "neuron"), rng.poisson(rates))
    model = bg.GLM("cells", ["x", bg.History(lags=2)], family="poisson", prior=bg.Normal(1.0))
    return model, data, bg.fit_mcmc(model, data, seed=3)


@pytest.fixture(scope="module")
def sparse():
    """A posterior under Laplace priors."""
    data = simulate(150, seed=4)
    model = bg.GLM("poisson", bg.Linear("movie", prior=bg.lasso(20.0)), family="poisson")
    return model, data, bg.fit(model, data, draws=1000)


def test_a_skewed_posterior_is_exact_after_correction():
    # y ~ Poisson(exp(b)) with flat b: exp(b) has a Gamma(sum y, n) posterior.
    y = [1, 0, 2, 0]
    fitted = bg.fit(bg.GLM("y", [], family="poisson"), {"y": y}, draws=5000)
    b = fitted["posterior"]["intercept"].values.ravel()
    error = 1 / np.sqrt(len(b))
    sd = np.sqrt(polygamma(1, 3))
    assert abs(b.mean() - (digamma(3) - np.log(4))) < 4 * sd * error
    assert b.std() == pytest.approx(sd, rel=5 * error)
    for q in (0.03, 0.25, 0.75, 0.97):
        assert np.mean(np.exp(b) < gamma(3, scale=1 / 4).ppf(q)) == pytest.approx(q, abs=4 * error)
    # The uncorrected Gaussian is visibly off: the correction is what makes the test pass.
    assert abs(float(fitted["laplace"]["mode"][0]) - b.mean()) > 0.1


def test_weights_grow_with_the_density_ratio():
    rng = np.random.default_rng(0)
    ratios = rng.normal(size=4000) * 0.5
    smoothed = pareto_smoothed(ratios)
    assert np.corrcoef(smoothed.log_weights, ratios)[0, 1] > 0.99
    assert np.exp(smoothed.log_weights).sum() == pytest.approx(1.0)
    expected = 4000 * np.exp(0.25) ** -1
    assert smoothed.kish == pytest.approx(expected, rel=0.1)
    assert pareto_smoothed(np.full(100, 3.0)).kish == pytest.approx(100)


def test_khat_grows_as_the_proposal_gets_narrower_than_the_target():
    rng = np.random.default_rng(0)
    khats = []
    for sd in (1.0, 0.8, 0.6, 0.4):
        z = rng.normal(size=4000) * sd
        khats.append(pareto_smoothed(-0.5 * z**2 + 0.5 * (z / sd) ** 2).khat)
    assert khats == sorted(khats)
    assert khats[1] < khat_limit(4000) < khats[-1]


def test_resampling_is_unbiased_and_without_repeats():
    rng = np.random.default_rng(1)
    weights = rng.random(4000)
    weights /= weights.sum()
    index = resample(rng, np.log(weights), 1000)
    assert len(np.unique(index)) == 1000
    counts = np.zeros(4000)
    for _ in range(400):
        counts[resample(rng, np.log(weights), 1000)] += 1
    expected = 400 * 1000 * weights
    assert np.abs(counts - expected).max() < 6 * np.sqrt(expected.max())


def test_split_normal_integrates_to_one_and_draws_what_it_says():
    def log_density(theta):
        return -np.exp(theta[:, 0]) + 3 * theta[:, 0] - 0.5 * theta[:, 1] ** 2

    first = gaussian(np.array([np.log(3.0), 0.0]), np.array([[3.0, 0.3], [0.3, 1.0]]))
    found = split(first, log_density)
    assert found.left[0] > 1 > found.right[0] > 0.5
    rng = np.random.default_rng(0)
    for proposal in (first, found, first.heavier(), found.heavier(), found.heavier().heavier()):
        theta, log_q = proposal.draw(rng, 200_000)
        # E_q[f/q] over a box of known area, where f is 1 inside the box.
        inside = np.all(np.abs(theta - proposal.mode) < 0.5, axis=1)
        assert np.mean(inside / np.exp(log_q)) == pytest.approx(1.0, abs=0.02)


def test_groups_attributes_and_seeds(many):
    model = bg.GLM("gaussian", ["x", "movie"])
    one = bg.fit_laplace(model, many, draws=200, seed=1)
    again = bg.fit_laplace(model, many, draws=200, seed=1)
    other = bg.fit_laplace(model, many, draws=200, seed=2)
    xr.testing.assert_identical(one["posterior"].to_dataset(), again["posterior"].to_dataset())
    assert not one["posterior"]["x"].equals(other["posterior"]["x"])
    assert one["laplace"]["parameter"].values[-1] == "log sigma"
    sd = np.sqrt(np.diag(one["laplace"]["covariance"]))
    np.testing.assert_allclose(one["laplace"]["sd"], sd, rtol=1e-12)
    assert 0 < one.attrs["importance_ess"] <= 800
    assert one.attrs["khat"] < 0.7
    assert one.attrs["n_dropped"] == 0
    # Draws of a random proposal are better than what is kept only by their weights.
    assert {"log_p", "log_q", "x", "movie", "sigma"} <= set(one["proposal"].data_vars)


def test_arvizs_leave_one_out_takes_proposal_and_posterior(many):
    model = bg.GLM("poisson", "x", family="poisson")
    fitted = bg.fit_laplace(model, many)
    raw = fitted["proposal"].to_dataset()
    tree = bg.add_log_likelihood(fitted.assign({"posterior": xr.DataTree(raw)}))
    with warnings.catch_warnings():
        # ArviZ's k-hat of nearly constant ratios is high at times; the sum is what counts here.
        warnings.simplefilter("ignore", UserWarning)
        approximate = arviz_stats.loo_approximate_posterior(tree, raw["log_p"], raw["log_q"])
    corrected = arviz_stats.loo(fitted)
    assert approximate.elpd == pytest.approx(corrected.elpd, abs=0.1)
    assert corrected.elpd == pytest.approx(bg.loo(fitted).elpd, rel=1e-10)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("n", [40, 230, 1000])
@pytest.mark.parametrize("efficiency", [1.0, 0.4])
def test_smoothing_is_arvizs(scale, n, efficiency):
    values = -scale * np.random.default_rng(3).exponential(size=(12, n))
    found = leave_one_out(values, efficiency)
    expected = array_stats.loo(values[:, None], r_eff=efficiency)
    for ours, theirs in zip((found.elpd, found.khat, found.p), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    log_weights, khat = array_stats.psislw(values[0])
    ours = pareto_smoothed(-values[0])
    np.testing.assert_allclose(ours.log_weights, log_weights, rtol=1e-9, atol=1e-9)
    assert ours.khat == pytest.approx(float(khat), rel=1e-9)


@pytest.mark.parametrize("size", [1, 60, 190])
def test_the_largest_numbers_of_lines_whatever_their_order(size):
    rng = np.random.default_rng(7)
    lines = rng.normal(size=(6, 4000))
    lines[0] = 1.0
    lines[1] = np.arange(4000.0)
    lines[2] = -np.arange(4000) // 30
    lines[3, ::8] += 9.0  # what a threshold is taken from is far above all else
    lines[4, ::8] = -np.inf
    lines[5, 1:] = -np.inf
    np.testing.assert_array_equal(largest_of_rows(lines, size), np.sort(lines)[:, 4000 - size :])


def test_tails_without_a_shape():
    # The largest ratios, of the smallest log likelihoods, are all the same, or nearly all.
    values = np.linspace(0.0, 1.0, 400)[::-1].copy()
    alike = np.where(values < 0.5, 0.5, values)
    steps = np.where(np.arange(400) < 398, alike, 0.1)
    found = leave_one_out(np.stack([np.full(400, -2.0), alike, steps]))
    np.testing.assert_array_equal(found.khat, [-np.inf, -np.inf, np.nan])
    by_hand = [np.log(400 / np.exp(-row).sum()) for row in (alike, steps)]
    np.testing.assert_allclose(found.elpd, [-2.0, *by_hand], rtol=1e-12)
    assert found.p[0] == 0.0


def test_impossible_proposals_weigh_nothing():
    ratios = np.random.default_rng(5).normal(size=2000)
    ratios[:50] = -np.inf
    found = pareto_smoothed(ratios)
    assert np.all(np.exp(found.log_weights[:50]) == 0.0)
    np.testing.assert_allclose(
        found.log_weights[50:], pareto_smoothed(ratios[50:]).log_weights, atol=0.1
    )
    assert resample(np.random.default_rng(0), found.log_weights, 500).min() >= 50


def test_kinks_are_refused(many):
    model = bg.GLM("poisson", bg.Linear("x", prior=bg.lasso(1.0)), family="poisson")
    with pytest.raises(bg.ModelError, match=r"term 'x' \(Laplace prior\).*fit or fit_mcmc"):
        bg.fit_laplace(model, many)


def test_a_failed_check_is_told_and_recorded():
    with pytest.warns(bg.BayesGLMWarning, match="failed its check: k-hat is"):
        fitted = bg.fit_laplace(FAILS, TINY)
    assert fitted.attrs["accepted"] == 0
    assert fitted.attrs["khat"] > khat_limit(4000)


@pytest.mark.slow
def test_fit_goes_to_nuts_where_laplace_fails():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", bg.BayesGLMWarning)
        fitted = bg.fit(FAILS, TINY, draws=500)
    # Of so flat a posterior NUTS may have something to say as well.
    assert "was refused (k-hat is" in str(told[0].message)
    assert "so NUTS takes its place" in str(told[0].message)
    assert told[0].filename == __file__
    assert fitted.attrs["method"] == "nuts"
    assert "NUTS, because Laplace was refused: k-hat is" in fitted.attrs["why"]
    assert "laplace" not in fitted.children


@pytest.mark.slow
def test_in_a_population_only_the_failing_neuron_gets_nuts():
    counts = np.array([[0, 1], [0, 0], [1, 1], [1, 0]])
    fine = bg.Normal([[1.0], [1.0]])
    assert fine.scale == ((1.0,), (1.0,))
    priors = bg.Normal([100.0, 1.0])
    model = bg.GLM("cells", bg.Linear("x", prior=priors), family="bernoulli", intercept=priors)
    data = xr.Dataset(
        {"cells": (("obs", "neuron"), counts), "x": ("obs", TINY["x"])},
        coords={"neuron": ["wild", "tame"]},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        fitted = bg.fit(model, data, draws=400)
    assert list(fitted["sample_stats"]["method"].values) == ["nuts", "laplace"]
    assert fitted.attrs["method"] == "nuts+laplace"
    assert "neuron=wild: NUTS, because Laplace was refused" in fitted.attrs["why"]
    assert float(np.abs(fitted["posterior"]["x"].sel(neuron="wild")).mean()) > 10
    assert float(np.abs(fitted["posterior"]["x"].sel(neuron="tame")).mean()) < 2


@pytest.mark.slow
def test_nuts_and_laplace_agree(nuts):
    model, data, sampled = nuts
    corrected = bg.fit_laplace(model, data)
    for name in ("intercept", "x", "history"):
        a, b = (f["posterior"][name] for f in (sampled, corrected))
        lead = ("chain", "draw")
        ess = arviz_stats.ess(a.to_dataset(name="v"))["v"]
        error = a.std(lead) * np.sqrt(1 / ess + 1 / 3000)
        assert float((np.abs(a.mean(lead) - b.mean(lead)) / error).max()) < 5
        np.testing.assert_allclose(a.std(lead), b.std(lead), rtol=0.2)


@pytest.mark.slow
def test_nuts_trees(nuts):
    model, data, sampled = nuts
    assert sampled.attrs["method"] == "nuts"
    assert sampled["posterior"]["history"].dims == ("chain", "draw", "neuron", "history_lag")
    assert sampled["sample_stats"]["diverging"].dims == ("chain", "draw", "neuron")
    assert arviz_stats.rhat(sampled["posterior"].to_dataset())["x"].max() < 1.02
    again = bg.fit_mcmc(model, data, seed=3)
    xr.testing.assert_identical(sampled["posterior"].to_dataset(), again["posterior"].to_dataset())


@pytest.mark.slow
def test_the_posterior_under_a_laplace_prior_is_not_sparse(sparse):
    model, data, fitted = sparse
    assert fitted.attrs["method"] == "nuts"
    assert "term 'movie' (Laplace prior)" in fitted.attrs["why"]
    assert (fitted["posterior"]["movie"] == 0).sum() == 0
    best = bg.fit_map(model, data)["map"]["movie"]
    assert (best == 0).sum() > 0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"draws": 0}, bg.DataError, "draws must be a whole number of at least 1, got 0"),
        ({"chains": 0}, bg.DataError, "chains must be"),
        ({"draws": 2.5}, bg.DataError, "got 2.5"),
        ({"tune": 0}, bg.DataError, "tune must be a whole number of at least 1"),
        ({"target_accept": 1.0}, bg.DataError, "target_accept must be a number between 0 and 1"),
        ({"engine": "pymcc"}, bg.ModelError, "Did you mean 'pymc'?"),
    ],
)
def test_impossible_settings(options, error, words, many):
    with pytest.raises(error) as caught:
        bg.fit_mcmc(bg.GLM("poisson", "x", family="poisson"), many, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("verb", [bg.fit, bg.fit_laplace])
@pytest.mark.parametrize("options", [{"draws": 0}, {"chains": -1}, {"draws": True}])
def test_counts_of_draws(verb, options, many):
    with pytest.raises(bg.DataError, match="must be a whole number of at least 1"):
        verb(bg.GLM("poisson", "x", family="poisson"), many, **options)
