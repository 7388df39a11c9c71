"""Estimates against scikit-learn, statsmodels, closed forms and invariances."""

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from scipy.linalg import hadamard
from sklearn.linear_model import Lasso, LogisticRegression, PoissonRegressor, Ridge

import bayesglm as bg
import bayesglm.numerics.density.likelihood as likelihood_module


@pytest.fixture(scope="module")
def xy():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 6)) @ np.diag([1, 2, 0.5, 1, 1, 3])
    eta = X @ np.array([0.5, -0.3, 0.0, 0.2, 0.0, 0.1]) - 0.3
    y = {
        "gaussian": eta + rng.normal(size=300),
        "bernoulli": (rng.random(300) < 1 / (1 + np.exp(-eta))).astype(int),
        "poisson": rng.poisson(np.exp(eta)),
    }
    return X, y


def fit_map(family, xy, prior, **options):
    X, y = xy
    return bg.fit_map(
        bg.GLM("y", bg.Linear("X", prior=prior), family=family, **options), {"y": y[family], "X": X}
    )


def assert_same(found, estimator, tolerance=1e-6):
    np.testing.assert_allclose(found["map"]["X"], np.ravel(estimator.coef_), atol=tolerance)
    np.testing.assert_allclose(found["map"]["intercept"], estimator.intercept_, atol=tolerance)


@pytest.mark.parametrize("lam", [0.1, 3.0])
def test_logistic_ridge_is_scikit_learns(xy, lam):
    X, y = xy
    peer = LogisticRegression(C=1 / lam, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    assert_same(fit_map("bernoulli", xy, bg.ridge(lam)), peer.fit(X, y["bernoulli"]))


@pytest.mark.parametrize("lam", [1.0, 8.0])
def test_logistic_lasso_is_scikit_learns(xy, lam):
    X, y = xy
    # saga leaves the intercept unpenalised, as Flat does.
    peer = LogisticRegression(C=1 / lam, l1_ratio=1, solver="saga", tol=1e-12, max_iter=100_000)
    found = fit_map("bernoulli", xy, bg.lasso(lam))
    assert_same(found, peer.fit(X, y["bernoulli"]))
    np.testing.assert_array_equal(found["map"]["X"] == 0, peer.coef_[0] == 0)


def test_poisson_ridge_is_scikit_learns(xy):
    X, y = xy
    peer = PoissonRegressor(alpha=2.0 / 300, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    assert_same(fit_map("poisson", xy, bg.ridge(2.0)), peer.fit(X, y["poisson"]))


@pytest.mark.parametrize("sigma", [0.5, 1.3])
def test_gaussian_penalties_are_scikit_learns(xy, sigma):
    X, y = xy
    ridge = Ridge(alpha=4.0 * sigma**2, tol=1e-12).fit(X, y["gaussian"])
    assert_same(fit_map("gaussian", xy, bg.ridge(4.0), dispersion=sigma), ridge)
    lasso = Lasso(alpha=60.0 * sigma**2 / 300, tol=1e-12, max_iter=100_000).fit(X, y["gaussian"])
    found = fit_map("gaussian", xy, bg.lasso(60.0), dispersion=sigma)
    assert_same(found, lasso)
    assert (found["map"]["X"] == 0).sum() >= 1


@pytest.mark.parametrize(
    ("family", "link", "peer"),
    [
        ("bernoulli", "logit", lambda: sm.families.Binomial()),
        ("bernoulli", "probit", lambda: sm.families.Binomial(sm.families.links.Probit())),
        ("bernoulli", "cloglog", lambda: sm.families.Binomial(sm.families.links.CLogLog())),
        ("poisson", "log", lambda: sm.families.Poisson()),
    ],
)
def test_maximum_likelihood_is_statsmodels(xy, family, link, peer):
    X, y = xy
    found = fit_map(family, xy, bg.Flat(), link=link)
    reference = sm.GLM(y[family], sm.add_constant(X), family=peer()).fit(tol=1e-13, maxiter=200)
    both = np.r_[found["map"]["intercept"], found["map"]["X"]]
    np.testing.assert_allclose(both, reference.params, atol=1e-5)
    if link in ("logit", "log"):
        model = bg.GLM("y", bg.Linear("X", prior=bg.Flat()), family=family)
        laplace = bg.fit_laplace(model, {"y": y[family], "X": X}, draws=100)["laplace"]
        np.testing.assert_allclose(laplace["sd"], reference.bse, rtol=1e-5)


def test_binomial_maximum_likelihood_and_sds_are_statsmodels(many):
    model = bg.GLM("binomial", bg.Linear("x", prior=bg.Flat()), family="binomial", trials="trials")
    laplace = bg.fit_laplace(model, many, draws=100)["laplace"]
    outcomes = np.column_stack([many["binomial"], many["trials"] - many["binomial"]])
    design = sm.add_constant(many["x"].values)
    reference = sm.GLM(outcomes, design, family=sm.families.Binomial()).fit(tol=1e-13)
    np.testing.assert_allclose(laplace["mode"], reference.params, atol=1e-5)
    np.testing.assert_allclose(laplace["sd"], reference.bse, rtol=1e-5)


def test_gaussian_maximum_likelihood_sigma(xy):
    X, y = xy
    found = fit_map("gaussian", xy, bg.Flat(), dispersion=bg.Flat())
    reference = sm.OLS(y["gaussian"], sm.add_constant(X)).fit()
    np.testing.assert_allclose(found["map"]["X"], reference.params[1:], atol=1e-8)
    np.testing.assert_allclose(found["map"]["sigma"], np.sqrt(reference.ssr / 300), rtol=1e-8)


def test_linear_regression_posterior_is_the_closed_form(xy):
    X, y = xy
    sigma, scale = 1.1, 0.4
    model = bg.GLM(
        "y",
        bg.Linear("X", prior=bg.Normal(scale, loc=0.1)),
        intercept=bg.Normal(2.0),
        dispersion=sigma,
    )
    fitted = bg.fit(model, {"y": y["gaussian"], "X": X}, draws=2500)
    design = sm.add_constant(X)
    prior_precision = np.diag([2.0**-2, *[scale**-2] * 6])
    covariance = np.linalg.inv(design.T @ design / sigma**2 + prior_precision)
    prior_mean = np.array([0.0, *[0.1] * 6])
    mean = covariance @ (design.T @ y["gaussian"] / sigma**2 + prior_precision @ prior_mean)
    np.testing.assert_allclose(fitted["laplace"]["mode"], mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(fitted["laplace"]["covariance"], covariance, rtol=1e-8, atol=1e-12)
    draws = fitted["posterior"]["X"].values.reshape(-1, 6)
    sd = np.sqrt(np.diag(covariance))[1:]
    assert np.all(np.abs(draws.mean(axis=0) - mean[1:]) < 5 * sd / np.sqrt(len(draws)))
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=5 / np.sqrt(2 * len(draws)))
    assert fitted.attrs["khat"] < 0.3


def test_spike_triggered_average_is_least_squares_for_a_white_stimulus():
    # Columns of a Hadamard matrix are exactly white: X'X = n I, and orthogonal to a constant.
    n = 256
    X = hadamard(n)[:, 1:9].astype(float)
    rng = np.random.default_rng(0)
    spikes = rng.poisson(np.exp(0.3 * X[:, 0] - 0.2 * X[:, 3])).astype(float)
    found = bg.fit_map(
        bg.GLM("y", bg.Linear("X", prior=bg.Flat()), dispersion=1.0), {"y": spikes, "X": X}
    )
    triggered_average = X.T @ spikes / spikes.sum()
    np.testing.assert_allclose(
        found["map"]["X"], triggered_average * spikes.sum() / n, rtol=1e-10, atol=1e-12
    )


def test_spike_triggered_average_of_white_noise():
    rng = np.random.default_rng(1)
    n, kernel = 50_000, np.array([0.5, 0.3, -0.2, 0.1])
    stimulus = rng.normal(size=n)
    spikes = rng.poisson(np.exp(np.convolve(stimulus, kernel)[:n] - 2.0)).astype(float)
    model = bg.GLM("y", bg.Lagged("x", lags=4, prior=bg.Flat()), dispersion=1.0)
    least_squares = bg.fit_map(model, {"y": spikes, "x": stimulus})["map"]["x"].values
    lagged = np.column_stack([stimulus[3 - k : n - k] for k in range(4)])
    triggered_average = lagged.T @ spikes[3:] / spikes[3:].sum()
    scaled = triggered_average * spikes[3:].mean()
    np.testing.assert_allclose(least_squares, scaled, atol=4 * spikes.std() / np.sqrt(n))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
@pytest.mark.parametrize("verb", ["fit_map", "fit_laplace", "fit"])
def test_separated_data_have_no_maximum_likelihood_estimate(verb, link):
    x = np.linspace(-1, 1, 40)
    data = {"y": (x > 0.1).astype(int), "x": x}
    model = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), family="bernoulli", link=link)
    with pytest.raises(bg.DataError, match=r"separated.*'x'.*proper prior"):
        getattr(bg, verb)(model, data)
    cured = bg.GLM(
        "y",
        bg.Linear("x", prior=bg.Normal(2.5)),
        family="bernoulli",
        link=link,
        intercept=bg.Normal(2.5),
    )
    assert np.isfinite(bg.fit_map(cured, data)["map"]["x"])


@pytest.mark.parametrize("link", ["log", "softplus"])
def test_a_column_only_where_counts_are_zero(link):
    z = np.r_[np.ones(5), np.zeros(45)]
    y = np.r_[np.zeros(5), np.random.default_rng(0).poisson(2.0, 45)]
    model = bg.GLM("y", [bg.Linear("z", prior=bg.Flat())], family="poisson", link=link)
    with pytest.raises(bg.DataError, match=r"separated.*of 'z' go to infinity"):
        bg.fit_map(model, {"y": y, "z": z})


def test_the_history_of_the_recording_has_no_estimate_at_the_first_two_lags():
    model = bg.GLM("spikes", bg.History(lags=10, prior=bg.Flat()), family="poisson")
    with pytest.raises(bg.DataError) as caught:
        bg.fit_map(model, bg.datasets.grasshopper())
    assert "'history[history_lag=1]', 'history[history_lag=2]' go" in str(caught.value)


@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "binomial", "poisson"])
def test_weights_equal_duplicated_rows(family, many):
    counts = np.random.default_rng(2).integers(0, 4, 400)
    options = {"trials": "trials"} if family == "binomial" else {}
    terms = [bg.Linear("x", prior=bg.Normal(1.0)), bg.Linear("movie", prior=bg.Normal(0.5))]
    if family == "gaussian":
        options["dispersion"] = bg.HalfNormal(1.0)
    # Without time, rows can be repeated freely.
    plain = many.drop_vars("time").rename(time="obs")
    weighted = bg.fit_laplace(
        bg.GLM(family, terms, family=family, weights="counts", **options),
        plain.assign(counts=("obs", counts)),
        draws=50,
    )
    repeated = bg.fit_laplace(
        bg.GLM(family, terms, family=family, **options),
        plain.isel(obs=np.repeat(np.arange(400), counts)),
        draws=50,
    )
    for name in ("mode", "covariance"):
        np.testing.assert_allclose(
            weighted["laplace"][name], repeated["laplace"][name], rtol=1e-7, atol=1e-10
        )
    assert weighted.attrs["log_posterior"] == pytest.approx(repeated.attrs["log_posterior"])


def test_any_order_of_dims_gives_the_same_answer(many):
    terms = [bg.Lagged("movie", lags=3, prior=bg.Normal(0.5)), bg.History(lags=2)]
    model = bg.GLM("poisson", terms, family="poisson")
    one = bg.fit_map(model, many)["map"].to_dataset()
    other = bg.fit_map(model, many.transpose("width", "height", "time"))["map"].to_dataset()
    xr.testing.assert_allclose(one, other.transpose(*one.dims), rtol=1e-10)
    assert other["movie"].dims == ("movie_lag", "width", "height")


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_any_block_size_gives_the_same_answer(many, monkeypatch, size):
    model = bg.GLM("bernoulli", ["x", "movie"], family="bernoulli", weights="weights")
    expected = bg.fit_map(model, many)["map"].to_dataset()
    monkeypatch.setattr(likelihood_module, "ROWS", size)
    xr.testing.assert_allclose(bg.fit_map(model, many)["map"].to_dataset(), expected, rtol=1e-9)


def test_log_posterior_is_pymcs_at_the_map(many):
    model = bg.GLM("gaussian", ["x", bg.Lagged("z", lags=2, prior=bg.lasso(2.0))])
    found = bg.fit_map(model, many)
    made = bg.to_pymc(bg.GLM.from_json(found.attrs["model"]), many)
    point = {name: found["map"][name].values for name in ("intercept", "x", "z")}
    point["sigma_log__"] = np.log(found["map"]["sigma"].values)
    value = made.compile_logp(jacobian=False, mode="FAST_COMPILE")(point)
    assert found.attrs["log_posterior"] == pytest.approx(float(value), rel=1e-9)
    assert found.attrs["mode"] == "local"


def test_a_design_that_interpolates_has_no_joint_mode():
    rng = np.random.default_rng(0)
    wide = {"y": rng.normal(size=5), "X": rng.normal(size=(5, 20))}
    with pytest.raises(bg.ModelError, match=r"interpolate|pass through every response"):
        bg.fit_map(bg.GLM("y", "X"), wide)
    exact = {"y": 2 * np.arange(30.0) + 1, "x": np.arange(30.0)}
    with pytest.raises(bg.ModelError, match=r"pass through every response.*dispersion=1.0"):
        bg.fit_map(bg.GLM("y", "x"), exact)
    with pytest.raises(bg.ModelError, match=r"all 30 responses exactly.*dispersion=1.0"):
        bg.fit_laplace(bg.GLM("y", "x"), exact)
    fixed = bg.fit_map(bg.GLM("y", bg.Linear("x", prior=bg.Flat()), dispersion=1.0), exact)
    np.testing.assert_allclose(fixed["map"]["x"], 2.0, rtol=1e-10)


@pytest.mark.parametrize("family", ["gaussian", "bernoulli", "poisson"])
def test_lasso_meets_its_optimality_conditions(family, many):
    lam = 6.0
    options = {"dispersion": 0.7} if family == "gaussian" else {}
    model = bg.GLM(
        family, bg.Lagged("movie", lags=3, prior=bg.lasso(lam)), family=family, **options
    )
    found = bg.fit_map(model, many)
    w = found["map"]["movie"].values.ravel()
    from bayesglm.inference.problem.problem import open_problems

    objective = open_problems(model, many)[0].natural
    theta = np.r_[found["map"]["intercept"].values, w]
    slope = objective.evaluate(theta).gradient
    assert abs(slope[0]) < 1e-6
    assert 0 < (w == 0).sum() < w.size
    np.testing.assert_allclose(slope[1:][w != 0], lam * np.sign(w[w != 0]), atol=1e-6)
    assert np.all(np.abs(slope[1:][w == 0]) <= lam + 1e-6)


def test_badly_scaled_columns(many):
    scale = 10.0 ** np.array([-8, 8])
    X = np.column_stack([many["x"], many["z"]])
    base = bg.GLM("y", bg.Linear("X", prior=bg.Flat()), family="poisson")
    one = bg.fit_map(base, {"y": many["poisson"].values, "X": X})["map"]["X"].values
    two = bg.fit_map(base, {"y": many["poisson"].values, "X": X * scale})["map"]["X"].values
    np.testing.assert_allclose(two * scale, one, rtol=1e-7)
