"""Censored and truncated responses through every verb, and as other packages fit them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import optimize, special, stats
from statsmodels.discrete.truncated_model import TruncatedLFPoisson

import bayesglm as bg

REFERENCES = Path(__file__).parents[1] / "references"
FLAT = bg.Flat()


@pytest.fixture(scope="module")
def survival():
    return pd.read_csv(REFERENCES / "survreg.csv")


@pytest.fixture(scope="module")
def told():
    return json.loads((REFERENCES / "survreg.json").read_text())


def check(fit, expected, log_likelihood):
    found = fit["map"].to_dataset()
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert fit.attrs["log_posterior"] == pytest.approx(log_likelihood, rel=1e-9)


@pytest.mark.parametrize("family", ["weibull", "exponential"])
def test_times_of_every_status_are_rs_survreg(family, survival, told):
    """R's intercept is log scale; ours is the log mean, which is scale * Gamma(1 + 1 / shape)."""
    theirs = told[family]
    model = bg.GLM(
        "y",
        ["x"],
        family=family,
        prior=FLAT,
        censored=("y_status", "y_upper"),
        dispersion=FLAT if family == "weibull" else None,
    )
    log_mean = theirs["intercept"] + special.gammaln(1.0 + theirs["scale"])
    expected = {"intercept": log_mean, "x": theirs["x"]}
    if family == "weibull":
        expected["alpha"] = 1.0 / theirs["scale"]
    check(bg.fit_map(model, survival), expected, theirs["log_likelihood"])


def test_measurements_of_every_status_are_rs_survreg(survival, told):
    theirs = told["gaussian"]
    model = bg.GLM("z", ["x"], prior=FLAT, censored=("z_status", "z_upper"), dispersion=FLAT)
    expected = {"intercept": theirs["intercept"], "x": theirs["x"], "sigma": theirs["scale"]}
    check(bg.fit_map(model, survival), expected, theirs["log_likelihood"])


def test_counts_above_zero_are_statsmodels():
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    y = rng.poisson(np.exp(0.3 + 0.4 * x))
    data = {"y": y[y > 0], "x": x[y > 0]}
    columns = np.column_stack([np.ones(len(data["x"])), data["x"]])
    peer = TruncatedLFPoisson(data["y"], columns).fit(disp=0, method="newton", maxiter=100)
    fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=FLAT, truncated=(1, None)), data)
    check(fit, dict(zip(["intercept", "x"], peer.params, strict=True)), peer.llf)


def test_measurements_between_bounds_are_scipys():
    rng = np.random.default_rng(2)
    x = rng.normal(size=600)
    y = 0.5 + x + rng.normal(size=600)
    keep = (y > 0.0) & (y < 2.0)
    data = {"y": y[keep], "x": x[keep], "low": np.zeros(keep.sum())}

    def loss(w):
        mu, sigma = w[0] + w[1] * data["x"], np.exp(w[2])
        ends = (0.0 - mu) / sigma, (2.0 - mu) / sigma
        return -stats.truncnorm.logpdf(data["y"], *ends, loc=mu, scale=sigma).sum()

    peer = optimize.minimize(loss, [0.5, 1.0, 0.0], method="BFGS", options={"gtol": 1e-7})
    model = bg.GLM("y", "x", prior=FLAT, dispersion=FLAT, truncated=("low", 2))
    found = bg.fit_map(model, data)
    assert found.attrs["log_posterior"] == pytest.approx(-peer.fun, rel=1e-10)
    for name, value in zip(("intercept", "x"), peer.x, strict=False):
        assert float(found["map"][name]) == pytest.approx(value, rel=1e-4)


def times(n=120, seed=3):
    """Waiting times of which two in five are seen to their end."""
    rng = np.random.default_rng(seed)
    x, limit = rng.normal(size=n), rng.exponential(2.0, n) + 0.02
    y = np.exp(0.4 * x) * rng.weibull(1.5, n)
    return {
        "y": np.minimum(y, limit),
        "x": x,
        "status": np.where(y <= limit, "none", "right"),
    }


TIMES = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored="status")


def test_rows_of_weight_two_are_rows_twice():
    data = times()
    twice = {name: np.repeat(values, 2) for name, values in data.items()}
    data["w"] = np.full(len(data["y"]), 2)
    one = bg.fit_map(
        bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored="status", weights="w"),
        data,
    )
    assert one.attrs["log_posterior"] == pytest.approx(
        bg.fit_map(TIMES, twice).attrs["log_posterior"], rel=1e-10
    )


def test_intervals_that_shrink_are_densities():
    """log P(y - h < Y <= y + h) less log 2h goes to log p(y)."""
    data, h = times(), 1e-4
    data |= {"y": data["y"] + 0.01, "status": np.full(len(data["y"]), "none")}
    exact = bg.fit_map(TIMES, data)
    near = data | {"status": np.full(len(data["y"]), "interval"), "y": data["y"] - h}
    near["upper"] = data["y"] + h
    model = bg.GLM("y", "x", family="weibull", prior=bg.Normal(1.0), censored=("status", "upper"))
    fit = bg.fit_map(model, near)
    shift = len(data["y"]) * np.log(2.0 * h)
    assert fit.attrs["log_posterior"] - shift == pytest.approx(
        exact.attrs["log_posterior"], abs=0.01
    )


@pytest.fixture(scope="module")
def posterior():
    return bg.fit(TIMES, times(), draws=200, seed=1)


def test_samplers_agree(posterior):
    sampled = bg.fit_mcmc(TIMES, times(), draws=300, chains=2, seed=1, engine="native")
    for name in ("intercept", "x", "alpha"):
        one, other = (fit["posterior"][name] for fit in (posterior, sampled))
        assert abs(float(one.mean() - other.mean())) < 0.3 * float(one.std())


def test_what_is_left_out_is_scored_as_it_was_seen(posterior, tmp_path):
    """A row's log likelihood is that of its interval; fits of other intervals are no rivals."""
    elpd = bg.loo(posterior)
    bg.save(posterior, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    assert bg.loo(again).elpd == pytest.approx(elpd.elpd, rel=1e-12)
    folds = bg.kfold(TIMES, times(), folds=3, draws=200)
    assert folds.elpd == pytest.approx(elpd.elpd, abs=2.0)
    other = bg.GLM("y", [], family="exponential", censored="status")
    table = bg.compare({"x": posterior, "alone": bg.fit(other, times(), draws=200)})
    assert list(table.index) == ["x", "alone"]
    exact = bg.fit(bg.GLM("y", "x", family="exponential"), times(), draws=200)
    with pytest.raises(bg.DataError, match="different censoring intervals"):
        bg.compare({"x": posterior, "exact": exact})


def test_predictions_are_of_responses_themselves(posterior):
    mean = bg.predict(posterior)["y"]
    drawn = bg.predict(posterior, kind="response", seed=2)["y"]
    assert float(drawn.mean()) == pytest.approx(float(mean.mean()), rel=0.05)
    assert bg.predict(posterior, {"x": [0.0]})["y"].shape == (4, 200, 1)


def test_a_report_draws_no_means_of_censored_responses(posterior, tmp_path):
    page = bg.report({"times": posterior}, tmp_path / "page.html").read_text()
    assert "their means are not drawn" in page


def test_prior_paths_and_tuning_take_censored_responses():
    data = times()
    model = bg.GLM(
        "y", "x", family="weibull", prior=bg.Normal(1.0), censored="status", dispersion=1.5
    )
    path = bg.prior_path(model, data, [0.01, 1.0])
    deviance = path["statistics"]["deviance"]
    assert float(deviance[0]) > float(deviance[1]) > 0.0
    assert bg.tune_prior(model, data).model.terms[0].prior.scale > 0.0


def test_predictions_between_bounds_stay_there():
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    y = rng.poisson(np.exp(1.0 + 0.3 * x))
    keep = (y >= 1) & (y <= 5)
    data = {"y": y[keep], "x": x[keep], "most": np.full(keep.sum(), 5)}
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0), truncated=(1, "most"))
    fit = bg.fit(model, data, draws=100, seed=1)
    new = {"x": [-1.0, 0.0, 8.0], "most": [5, 2, 5]}
    drawn = bg.predict(fit, new, kind="response", seed=3)["y"]
    most = xr.DataArray(new["most"], dims="obs")
    assert bool(((drawn >= 1) & (drawn <= most)).all())
    mean = bg.predict(fit, new)["y"]
    np.testing.assert_allclose(
        mean.mean(("chain", "draw")), drawn.mean(("chain", "draw")), atol=0.15
    )
    assert float(mean[..., 2].min()) > 4.0
    with pytest.raises(bg.DataError, match="upper bound 'most' is not in the data"):
        bg.predict(fit, {"x": [0.0]})


def test_effects_of_groups_and_dispersions_with_predictors_take_censored_responses():
    data = times(60) | {"g": np.arange(60) % 5}
    model = bg.GLM(
        "y",
        ["x", bg.Group("g")],
        family="weibull",
        prior=bg.Normal(1.0),
        censored="status",
        dispersion={"alpha": ["x"]},
    )
    fit = bg.fit(model, data, draws=100, seed=1)
    assert fit["posterior"]["alpha_x"].shape == (4, 100)
    assert fit["posterior"]["g"].shape[2:] == (5,)


def test_residuals_of_censored_series_are_those_of_what_was_seen():
    """The residual of what is known to lie beyond its limit is what is expected of it there."""
    from bayesglm.inference.problem.problem import open_problems

    problem = open_problems(TIMES, times())[0]
    (rows,) = problem.design.source.ranges(1000)
    eta = np.zeros((1, len(rows)))
    numbers = problem.natural.family.numbers(rows.y, eta, (1.0,), None)
    beyond = rows.y["upto"] == np.inf
    np.testing.assert_allclose(numbers[beyond], rows.y["below"][beyond] + 1.0, rtol=1e-9)
    np.testing.assert_array_equal(numbers[~beyond], rows.y["upto"][~beyond])


def geometric(name, **facts):
    """Return geometric counts of one's own."""
    return bg.OwnFamily(
        name,
        "log",
        log_density=lambda y, mu: y * np.log(mu) - (y + 1.0) * np.log1p(mu),
        twin=lambda mu: None,
        draw=lambda rng, mu: rng.geometric(1.0 / (1.0 + mu)) - 1,
        valid=lambda y: (y >= 0) & (y == np.floor(y)),
        support="non-negative integers",
        mu_range=(0.0, np.inf),
        discrete=True,
        **facts,
    )


def test_a_family_of_ones_own_is_censored_and_truncated_by_its_cdf():
    """Geometric counts are negative binomial ones of alpha = 1."""
    bg.register_family(
        geometric("waits_seen", cdf=lambda y, mu: -np.expm1((y + 1.0) * np.log(mu / (1.0 + mu))))
    )
    rng = np.random.default_rng(6)
    x = rng.normal(size=80)
    y = np.minimum(rng.geometric(1.0 / (1.0 + np.exp(0.8 + 0.3 * x))), 6)
    data = {"y": y, "x": x, "status": np.where(y == 6, "right", "none")}
    seen = {"censored": "status", "truncated": (1, None), "prior": bg.Normal(1.0)}
    own = bg.fit_map(bg.GLM("y", "x", family="waits_seen", **seen), data)
    known = bg.fit_map(bg.GLM("y", "x", family="negative_binomial", dispersion=1.0, **seen), data)
    assert own.attrs["log_posterior"] == pytest.approx(known.attrs["log_posterior"], rel=1e-10)
    with pytest.raises(bg.ModelError, match="the density alone"):
        bg.to_pymc(bg.GLM("y", "x", family="waits_seen", **seen), data)


def test_a_family_without_a_distribution_function_is_refused():
    bg.register_family(geometric("waits_unseen"))
    data = {"y": [1, 0, 3, 2], "x": [0.1, 0.3, -0.2, 0.0]}
    model = bg.GLM("y", "x", family="waits_unseen", prior=bg.Normal(1.0), truncated=(0, 9))
    with pytest.raises(bg.ModelError, match="register it with cdf="):
        bg.fit_map(model, data)


def test_bounds_beside_which_a_likelihood_levels_off_ask_for_a_proper_intercept():
    """Exponential waits below 3 become uniform as their mean grows: then nothing ends it."""
    flat = bg.GLM("y", [], family="exponential", truncated=(None, 3.0))
    even = {"y": np.linspace(0.4, 2.9, 40)}
    with pytest.raises(bg.ModelError, match=r"levels off as eta goes up.*no mode"):
        bg.fit_map(flat, even)
    short = {"y": np.linspace(0.01, 1.0, 40)}
    assert float(bg.fit_map(flat, short)["map"]["intercept"]) < 0.0
    with pytest.raises(bg.ModelError, match="under a Flat intercept the posterior is improper"):
        bg.fit(flat, short, draws=50)
    proper = bg.GLM("y", [], family="exponential", truncated=(None, 3.0), intercept=bg.Normal(2.5))
    assert bg.fit(proper, even, draws=50).attrs["method"] in ("laplace", "nuts")
    # Counts between bounds crowd at these as their mean leaves them.
    counts = bg.GLM("y", [], family="poisson", truncated=(1, 5))
    bg.fit(counts, {"y": [1, 2, 5, 3, 2, 1, 4, 2]}, draws=50)


@pytest.mark.parametrize("name", ["time", "trial"])
def test_a_survival_time_is_a_response_whatever_it_is_called(name, tmp_path):
    """Names that are coordinates of the samples elsewhere change nothing of what verbs say."""
    frame = pd.DataFrame(times(60))
    named = bg.GLM(name, "x", family="weibull", prior=bg.Normal(1.0), censored="status")
    expected, found = bg.fit(TIMES, frame), bg.fit(named, frame.rename(columns={"y": name}))
    bg.save(found, tmp_path / "fit.nc")
    found = bg.load(tmp_path / "fit.nc")
    np.testing.assert_array_equal(found["posterior"]["x"], expected["posterior"]["x"])
    assert bg.loo(found).elpd == bg.loo(expected).elpd
    new = frame.head(3).rename(columns={"y": name})
    for data in (None, new, new.drop(columns=name)):
        like = None if data is None else frame.head(3)
        drawn = bg.predict(found, data, kind="response")[name]
        np.testing.assert_array_equal(drawn, bg.predict(expected, like, kind="response")["y"])
