"""Leave-one-out of some samples: ArviZ's estimator on the same samples, near that of all."""

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from kept import both_ways

import bayesglm as bg


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(3)
    x = rng.normal(size=600)
    counts = rng.poisson(np.exp(0.4 * x[:, None] + np.array([0.0, 0.5])))
    data = xr.Dataset({"counts": (("time", "neuron"), counts), "x": ("time", x)})
    model = bg.GLM("counts", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
    return bg.fit(model, data, draws=500)


def test_the_numbers_are_arvizs_on_the_same_samples(fitted):
    ours = bg.loo(fitted, subsample=100, seed=4)
    theirs = arviz_stats.loo_subsample(
        bg.add_log_likelihood(fitted),
        observations=ours.loo_subsample_observations,
        pointwise=True,
        method="plpd",
        log_lik_fn=lambda observed, data: ours.elpd_loo_approx,
    )
    for name in ("elpd", "se", "p", "subsampling_se", "subsample_size", "n_data_points", "kind"):
        expected = getattr(theirs, name)
        assert getattr(ours, name) == (
            expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-8)
        )
    np.testing.assert_allclose(ours.elpd_i, theirs.elpd_i, rtol=1e-8)
    np.testing.assert_allclose(ours.pareto_k, theirs.pareto_k, rtol=1e-6)
    assert type(ours) is type(theirs)


def test_few_samples_tell_the_score_of_all(fitted):
    whole, some = bg.loo(fitted), bg.loo(fitted, subsample=150)
    assert some.elpd == pytest.approx(whole.elpd, abs=4.0 * some.subsampling_se)
    assert some.subsampling_se < 0.01 * whole.se
    assert some.se == pytest.approx(whole.se, rel=1e-3)
    drawn = ~np.isnan(some.elpd_i)
    xr.testing.assert_equal(some.elpd_i.where(drawn), whole.elpd_i.where(drawn))
    every = bg.loo(fitted, subsample=whole.n_data_points)
    assert every.elpd == pytest.approx(whole.elpd, rel=1e-12)
    assert every.subsampling_se == 0.0


def test_models_of_the_same_data_share_their_samples(fitted):
    data = bg.as_dataset(fitted["constant_data"].to_dataset())
    model = bg.GLM("counts", bg.Lagged("x", lags=4, prior=bg.Normal(1.0)), family="poisson")
    lagged = bg.loo(bg.fit(model, data, draws=500), subsample=100)
    plain = bg.loo(fitted, subsample=100)
    both = (~np.isnan(lagged.elpd_i)) & (~np.isnan(plain.elpd_i))
    assert int(both.sum()) >= 98
    other = bg.loo(fitted, subsample=100, seed=1)
    assert not np.array_equal(other.loo_subsample_observations, plain.loo_subsample_observations)


@pytest.mark.parametrize("n_levels", [10, 120])
def test_effects_that_are_integrated_out_or_redrawn(n_levels):
    rng = np.random.default_rng(8)
    g = np.arange(120) % n_levels
    data = {"y": rng.poisson(np.exp(1.0 + 0.3 * rng.normal(size=n_levels)[g])), "g": g}
    model = bg.GLM("y", bg.Group("g", prior=bg.Normal(0.3)), family="poisson")
    for one in both_ways(model, data, "g"):
        whole, some = bg.loo(one), bg.loo(one, subsample=60)
        drawn = ~np.isnan(some.elpd_i.values)
        np.testing.assert_allclose(some.elpd_i[drawn], whole.elpd_i[drawn], rtol=1e-9)
        assert some.elpd == pytest.approx(whole.elpd, abs=4.0 * some.subsampling_se)
        assert some.subsampling_se < 0.3 * whole.se


@pytest.mark.parametrize(
    ("subsample", "message"),
    [
        (1, "subsample must be a whole number of at least 2"),
        (2.5, "subsample must be a whole number"),
        (True, "subsample must be a whole number"),
        ("all", "subsample must be a whole number"),
        (1201, "subsample is 1,201, and the fit has 1,200 samples"),
    ],
)
def test_what_is_no_subsample(fitted, subsample, message):
    with pytest.raises(bg.DataError, match=message):
        bg.loo(fitted, subsample=subsample)
