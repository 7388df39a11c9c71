"""Gaussian processes on coefficients: against the dense process, and through every verb."""

import numpy as np
import pytest
import xarray as xr
from scipy import linalg, optimize

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.priors.kernels import KERNELS

RNG = np.random.default_rng(3)
N, LAGS = 500, 12
PLACES = {"lag": np.arange(LAGS), "y": np.array([0.0, 1.0, 2.0, 4.0]), "x": np.arange(3.0)}
SIGMA = 0.8
ABOVE = bg.InverseGamma(3.0, 6.0)


def gp(*given, **named):
    return bg.GaussianProcess(*given, **named)


def lagged(signal, lags):
    return np.stack([np.roll(signal, k, axis=0) for k in range(lags)], axis=1)[lags - 1 :]


def sample():
    """A stimulus over time and space, and responses to it of every family that is asked."""
    movie = RNG.normal(size=(N, 4, 3))
    x = movie[:, 0, 0]
    kernel = np.exp(-0.5 * ((np.arange(LAGS) - 4) / 2) ** 2)
    eta = 0.5 * np.convolve(x, kernel)[:N]
    return xr.Dataset(
        {
            "x": ("time", x),
            "movie": (("time", "y", "x_place"), movie),
            "real": ("time", eta + SIGMA * RNG.normal(size=N)),
            "count": ("time", RNG.poisson(np.exp(0.3 + eta))),
            "event": ("time", (RNG.random(N) < 1 / (1 + np.exp(-eta))).astype(int)),
            "choice": ("time", RNG.integers(0, 3, N)),
            "units": (("time", "unit"), RNG.poisson(1.0, (N, 2))),
        },
        coords={"y": PLACES["y"], "x_place": PLACES["x"]},
    )


DATA = sample()


def dense(lengths, places, kernel="squared_exponential"):
    K = np.ones((1, 1))
    for x, length in zip(places, lengths, strict=True):
        K = np.kron(K, KERNELS[kernel].correlation(np.subtract.outer(x, x) / length))
    return K


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_posterior_of_a_gaussian_response_is_that_of_the_dense_process(kernel):
    """w | y ~ N(K X'(X K X' + sigma^2)^-1 y, ..), K being scale^2 times the correlations."""
    prior = gp(0.4, (2.5, 1.5, 2.0), kernel=kernel, tolerance=1e-6)
    model = bg.GLM(
        "real", bg.Lagged("movie", lags=4, prior=prior), dispersion=SIGMA, intercept=None
    )
    K = 0.16 * dense((2.5, 1.5, 2.0), (PLACES["lag"][:4], PLACES["y"], PLACES["x"]), kernel)
    X = lagged(DATA["movie"].values, 4).reshape(-1, 48)
    y = DATA["real"].values[3:]
    gain = linalg.solve(X @ K @ X.T + SIGMA**2 * np.eye(len(y)), X @ K, assume_a="pos").T
    found = bg.fit_map(model, DATA)["map"]["movie"].values
    assert np.abs(found.ravel() - gain @ y).max() < 2e-3 * np.abs(found).max()
    draws = bg.fit_laplace(model, DATA, draws=1000)["posterior"]["movie"].values.reshape(-1, 48)
    sd = np.sqrt(np.diagonal(K - gain @ X @ K))
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.06)


@pytest.mark.parametrize(("response", "family"), [("count", "poisson"), ("event", "bernoulli")])
def test_the_mode_is_that_of_the_dense_process(response, family):
    prior = gp(0.3, 2.0, tolerance=1e-8)
    model = bg.GLM(response, bg.Lagged("x", lags=LAGS, prior=prior), family=family)
    L = 0.3 * linalg.cholesky(dense((2.0,), (PLACES["lag"],)) + 1e-10 * np.eye(LAGS), lower=True)
    X, y = lagged(DATA["x"].values, LAGS), DATA[response].values[LAGS - 1 :]
    A = np.hstack([np.ones((len(y), 1)), X @ L])

    def minus(u):
        eta = A @ u
        mean = np.exp(eta) if family == "poisson" else 1 / (1 + np.exp(-eta))
        norm = np.exp(eta) if family == "poisson" else np.logaddexp(0, eta)
        held = np.concatenate([[0.0], u[1:]])
        return (norm - y * eta).sum() + 0.5 * held @ held, A.T @ (mean - y) + held

    u = optimize.minimize(minus, np.zeros(LAGS + 1), jac=True, options={"gtol": 1e-8}).x
    found = bg.fit_map(model, DATA)["map"]["x"].values
    np.testing.assert_allclose(found, L @ u[1:], atol=2e-4)


def test_learned_scale_and_lengthscale_have_the_posterior_of_the_dense_process():
    """By quadrature over both, the coefficients integrated out."""
    above = {"scale": bg.HalfNormal(1.0), "lengthscale": ABOVE}
    term = bg.Lagged("x", lags=LAGS, prior=gp(**above))
    model = bg.GLM("real", term, dispersion=SIGMA, intercept=None)
    X, y = lagged(DATA["x"].values, LAGS), DATA["real"].values[LAGS - 1 :]
    G, b = X.T @ X / SIGMA**2, X.T @ y / SIGMA**2
    s, ell = np.geomspace(0.05, 5.0, 40), np.geomspace(0.7, 12.0, 40)
    log_p, means = np.empty((40, 40)), np.empty((40, 40, LAGS))
    for i, j in np.ndindex(40, 40):
        K = s[i] ** 2 * dense((ell[j],), (PLACES["lag"],))
        H = np.eye(LAGS) + K @ G
        means[i, j] = np.linalg.solve(H, K @ b)
        log_p[i, j] = 0.5 * b @ means[i, j] - 0.5 * np.linalg.slogdet(H)[1]
    log_p += (bg.HalfNormal(1.0).logpdf(s) + np.log(s))[:, None] + ABOVE.logpdf(ell) + np.log(ell)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    post = bg.fit(model, DATA, draws=1000)["posterior"]
    for name, of in (("x_scale", s[:, None]), ("x_lengthscale", ell)):
        mean = (p * np.log(of)).sum()
        sd = np.sqrt((p * (np.log(of) - mean) ** 2).sum())
        found = np.log(post[name].values)
        assert found.mean() == pytest.approx(mean, abs=0.1 * sd)
        assert found.std() == pytest.approx(sd, rel=0.1)
    expected = np.einsum("ij,ijk->k", p, means)
    sd = post["x"].std(("chain", "draw")).values
    assert np.abs(post["x"].mean(("chain", "draw")).values - expected).max() < 0.1 * sd.max()


EVERY = {
    "lags alone": ("count", "poisson", bg.Lagged("movie", lags=5, prior=gp(0.3, 2.0, dims="lag"))),
    "space alone": (
        "units",
        "poisson",
        bg.Lagged("movie", lags=2, prior=gp(0.3, (2.0, 1.0), dims=("y", "x_place"))),
    ),
    "an image": ("event", "bernoulli", bg.Linear("movie", prior=gp(0.3, 1.5, kernel="matern32"))),
    "a past": ("count", "poisson", bg.History(lags=6, prior=gp(bg.HalfNormal(0.5), 2.0))),
    "the past of the others": (
        "units",
        "poisson",
        bg.Coupling(lags=5, prior=gp(bg.HalfNormal(0.5), 2.0)),
    ),
    "functions of lag": (
        "count",
        "poisson",
        bg.Lagged("movie", lags=6, basis=bg.raised_cosine(4), prior=gp(0.3, 1.5)),
    ),
    "a locality": (
        "count",
        "poisson",
        bg.Lagged("movie", lags=4, prior=bg.ALD(0.3, 1.5, 2.0, 0.1, 0.1, tolerance=0.01)),
    ),
    "a locality of learned scale": (
        "units",
        "poisson",
        bg.Linear("movie", prior=bg.ALD(bg.HalfNormal(0.5), 1.5, 2.0, (0.1, -0.2), 0.1)),
    ),
    "levels": ("choice", "categorical", bg.Lagged("x", lags=5, prior=gp(bg.HalfNormal(0.5), 2.0))),
    "learned along one of three": (
        "count",
        "poisson",
        bg.Lagged("movie", lags=3, prior=gp(0.3, (ABOVE, 1.5, 1.5), tolerance=0.05)),
    ),
    "learned in a population": (
        "units",
        "poisson",
        bg.Lagged("x", lags=4, prior=gp(bg.HalfNormal(0.5), ABOVE, tolerance=0.05)),
    ),
    "learned for levels": (
        "choice",
        "categorical",
        bg.Lagged("x", lags=3, prior=gp(0.3, ABOVE, tolerance=0.05)),
    ),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_use_has_its_twin(name):
    response, family, term = EVERY[name]
    bg.testing.check_twin(bg.GLM(response, term, family), DATA.isel(time=slice(60)), spread=0.1)


def test_a_dispersion_may_have_one():
    term = bg.Lagged("x", lags=4, prior=gp(bg.HalfNormal(0.5), ABOVE, tolerance=0.05))
    model = bg.GLM("real", "x", dispersion={"sigma": [term]}, prior=bg.Normal(1.0))
    bg.testing.check_twin(model, DATA.isel(time=slice(60)), spread=0.1)


def test_coefficients_are_named_as_the_term_has_them(tmp_path):
    prior = gp(bg.HalfNormal(0.5), (1.5, ABOVE), dims=("lag", "y"), tolerance=0.1)
    term = bg.Lagged("movie", lags=3, prior=prior)
    model = bg.GLM("real", term, dispersion=SIGMA, intercept=bg.Normal(1.0))
    fit = bg.fit(model, DATA.isel(time=slice(100), x_place=slice(2)), draws=50)
    post = fit["posterior"]
    assert post["movie"].dims == ("chain", "draw", "movie_lag", "y", "x_place")
    assert post["movie_lengthscale"]["movie_along"].values.tolist() == ["y"]
    table = bg.summary(fit)
    assert "lengthscale of movie[y]" in table.index
    assert table["prior"].iloc[1].startswith("GaussianProcess((scale of movie)²")
    assert "movie_lengthscale ~ InverseGamma(3, 6)" in " ".join(str(model).split())
    new = DATA.isel(time=slice(200, 300), x_place=slice(2))
    w = post["movie"].values.reshape(-1, 24)
    eta = lagged(new["movie"].values, 3).reshape(-1, 24) @ w.T + post["intercept"].values.ravel()
    predicted = bg.predict(fit, new, kind="linear")["real"]
    each = predicted.transpose("chain", "draw", "time").values.reshape(-1, 100)[:, 2:]
    np.testing.assert_allclose(each, eta.T, atol=1e-9)
    assert bg.kernels(fit)["movie"]["link"].dims == ("lag", "y", "x_place")
    bg.save(fit, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    np.testing.assert_allclose(bg.predict(again, new, kind="linear")["real"], predicted)


def test_gains_of_edges_and_explanations_are_of_the_field():
    term = bg.Coupling(lags=4, prior=gp(0.3, 3.0, tolerance=0.05))
    model = bg.GLM("units", term, "poisson")
    fit = bg.fit_laplace(model, DATA, draws=100)
    sums = fit["posterior"]["coupling"].sum("coupling_lag").mean(("chain", "draw")).values
    edges = bg.edges(fit)
    for target, source, gain in zip(edges["target"], edges["source"], edges["gain"], strict=True):
        assert gain == pytest.approx(sums[target, source])
    image = bg.Linear("movie", prior=gp(0.3, 2.0, tolerance=0.05))
    assert bg.explain(bg.GLM("count", image, "poisson"), DATA)["movie"].swing


def test_columns_over_waves_are_those_of_the_lagged_movie_times_the_waves():
    for lags, dims in ((4, None), ((-1, 2), "lag"), (3, ("y", "x_place"))):
        prior = gp(0.3, 1.5, dims=dims)
        model = bg.GLM("count", bg.Lagged("movie", lags=lags, prior=prior), family="poisson")
        block = open_problems(model, DATA)[0].design.predictors.blocks[0]
        rows = np.arange(10, 30)
        expected = block.bare.columns(rows) @ block.waves.matrix
        np.testing.assert_allclose(block.columns(rows), expected, atol=1e-12)
        inner = block.bare.over_waves(block.wave_field, None)
        object.__setattr__(inner, "spanned", None)
        np.testing.assert_allclose(inner.columns(rows), expected, atol=1e-12)


def test_a_predictor_far_from_zero_loses_no_digits():
    near = bg.GLM("count", bg.Lagged("movie", lags=3, prior=gp(0.3, 1.5)), family="poisson")
    one = bg.fit_map(near, DATA)["map"]
    far = DATA.assign(movie=DATA["movie"] + 1e6)
    other = bg.fit_map(near, far)["map"]
    np.testing.assert_allclose(other["movie"], one["movie"], atol=1e-7)


def test_draws_of_the_prior_have_its_covariance():
    prior = gp(0.5, 2.0)
    model = bg.GLM("real", bg.Lagged("x", lags=LAGS, prior=prior), dispersion=1.0)
    drawn = bg.prior_predictive(model, DATA, draws=4000)["prior"]["x"].values.reshape(-1, LAGS)
    expected = 0.25 * dense((2.0,), (PLACES["lag"],))
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.03)


def test_a_local_field_has_the_covariance_of_its_formula():
    """scale^2 m(x) m(x') K: of frequencies signs count in space, and not along lags."""
    numbers = {"centre": (1.0, 2.0, 1.0), "width": (2.0, 1.5, 1.0), "frequency": (0.2, 0.1, -0.3)}
    prior = bg.ALD(0.5, **numbers, bandwidth=0.1, tolerance=1e-8)
    model = bg.GLM("count", bg.Lagged("movie", lags=4, prior=prior), family="poisson")
    block = open_problems(model, DATA)[0].design.predictors.blocks[0]
    root = block.waves.matrix * np.exp(0.5 * block.wave_field.log_variance)
    axes = (PLACES["lag"][:4], PLACES["y"], PLACES["x"])
    at = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    centre, width, frequency = (np.array(numbers[key]) for key in numbers)
    mask = np.exp(-(((at - centre) / width) ** 2).sum(axis=1) / 4)
    apart = at[:, None] - at
    smooth = np.exp(-0.5 * ((2 * np.pi * 0.1 * apart) ** 2).sum(axis=-1))
    waves = np.cos(2 * np.pi * apart[..., 1:] @ frequency[1:])
    waves = waves * np.cos(2 * np.pi * apart[..., 0] * frequency[0])
    np.testing.assert_allclose(root @ root.T, mask[:, None] * smooth * waves * mask, atol=1e-6)
    assert "ALD(0.5², [1 .. 2], [1 .. 2], [-0.3 .. 0.2], 0.1)" in str(model)


def test_a_locality_that_is_not_said_is_left_to_the_evidence():
    model = bg.GLM("count", bg.Lagged("movie", lags=4, prior=bg.ALD(0.5, width=2.0)), "poisson")
    with pytest.raises(bg.ModelError, match=r"does not say its centre, frequency, bandwidth.*tune"):
        bg.fit_map(model, DATA)
    assert "ALD(centre, frequency, bandwidth by evidence) tune_prior chooses" in str(model)
    with pytest.raises(bg.ModelError, match="has no density by itself"):
        bg.ALD(0.5).logpdf([1.0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scale": 0.0}, "ALD scale must be a positive"),
        ({"scale": (1.0, 2.0)}, "ALD scale must be one number"),
        ({"width": -1.0}, "ALD width must be a positive"),
        ({"bandwidth": (0.1, 0.0)}, "ALD bandwidth must be a positive"),
        ({"centre": ((1.0, 2.0), (1.0, 2.0))}, "ALD centre is a number for each dim"),
        ({"centre": (1.0, 2.0), "dims": "lag"}, "centre has 2 numbers for 1 dims"),
        ({"tolerance": 1.0}, "ALD tolerance is the share"),
    ],
)
def test_what_no_locality_is_is_refused(given, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.ALD(**given)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (
            bg.Lagged("movie", lags=4, prior=bg.ALD(1.0, (1.0, 2.0), 1.0, 0.0, 0.1)),
            "2 numbers of ce",
        ),
        (bg.Linear("x", prior=gp(1.0, 2.0)), "needs a dim to vary along"),
        (bg.Category("choice", prior=gp(1.0, 2.0)), "the coefficients of levels"),
        (bg.Lagged("movie", lags=2, prior=gp(1.0, 2.0, dims="z")), "smooth along 'z', which is no"),
        (bg.Lagged("movie", lags=2, prior=gp(1.0, (2.0, 1.0))), "2 lengthscales, and 3 dims"),
    ],
    ids=repr,
)
def test_what_no_field_is_is_refused(term, words):
    with pytest.raises(bg.ModelError, match=words):
        bg.fit_map(bg.GLM("count", term, family="poisson"), DATA)


def test_places_that_are_not_apart_are_refused():
    model = bg.GLM("count", bg.Linear("movie", prior=gp(1.0, 2.0)), family="poisson")
    with pytest.raises(bg.ModelError, match="'y' of 'movie' says of two coefficients"):
        bg.fit_map(model, DATA.assign_coords(y=[0.0, 1.0, 1.0, 2.0]))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((-1.0, 2.0), "scale must be a positive"),
        (((1.0, 2.0), 2.0), "scale must be one number"),
        ((1.0, 0.0), "lengthscale must be a positive"),
        ((1.0, ()), "lengthscale is empty"),
        ((1.0, bg.Normal(1.0)), "take one of a positive number"),
        ((1.0, (bg.HalfNormal(1.0), ABOVE)), "of different kinds, HalfNormal, InverseGamma"),
        ((1.0, (1.0, 2.0), "lag"), "2 lengthscales for 1 dims"),
        ((1.0, 2.0, None, "rbf"), "kernel must be one of"),
        ((1.0, 2.0, None, "matern32", 0.5), "tolerance is the share"),
    ],
)
def test_what_no_process_is_is_refused(given, words):
    with pytest.raises(bg.ModelError, match=words):
        gp(*given)


def test_a_learned_lengthscale_has_no_mode_with_its_coefficients():
    term = bg.Lagged("x", lags=4, prior=gp(1.0, ABOVE))
    with pytest.raises(bg.ModelError, match="x_lengthscale"):
        bg.fit_map(bg.GLM("count", term, family="poisson"), DATA)
    with pytest.raises(bg.ModelError, match="a lengthscale to learn"):
        gp(1.0, ABOVE).logpdf([1.0, 2.0])
