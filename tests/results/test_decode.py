"""Decoded stimuli: dense algebra, grids, the truth, and what is refused."""

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import toeplitz

import bayesglm as bg

RIDGE = bg.ridge(0.5)
LAGGED = bg.Lagged("x", lags=(-1, 3), prior=RIDGE)


def smooth(n, rng, features=()):
    """Return a stationary series with the autocovariance 0.8^lag, and unit variance."""
    x = rng.normal(size=(n, *features))
    for t in range(1, n):
        x[t] = 0.8 * x[t - 1] + 0.6 * x[t]
    return x


def recording(n, seed=0, family="poisson", features=(), trials=1, units=5):
    """Return spikes of units that read a series by random kernels, of their own each."""
    rng = np.random.default_rng(seed)
    kernels = np.random.default_rng(99).normal(size=(units, 3, *features))
    kernels *= 0.9 / np.sqrt(kernels[0].size)
    x = np.concatenate([smooth(n // trials, rng, features) for _ in range(trials)])
    past = [np.roll(x, k, axis=0) for k in range(3)]
    for k in range(3):
        past[k][:k] = 0.0
    eta = sum(past[k].reshape(n, -1) @ kernels[:, k].reshape(units, -1).T for k in range(3)) - 0.2
    draw = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "binomial": lambda: rng.binomial(4, 1 / (1 + np.exp(-eta))),
        "negative_binomial": lambda: rng.poisson(rng.gamma(2.0, np.exp(eta) / 2.0)),
        "bernoulli": lambda: (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(int),
        "gaussian": lambda: eta + 0.5 * rng.normal(size=eta.shape),
    }
    pixels = [f"pixel_{k}" for k in range(len(features))]
    return xr.Dataset(
        {
            "x": (("time", *pixels), x),
            "y": (("time", "unit"), draw[family]()),
            "n": ("time", np.full(n, 4)),
        },
        coords={
            "time": np.arange(n) * 0.01,
            "trial": ("time", np.arange(n) * trials // n),
            "unit": np.arange(units),
        },
    )


def by_hand(fit, data, covariance, mean=0.0):
    """Return the dense log posterior's pieces: columns of each response, offsets and the prior."""
    best = fit["map"]
    x, rows = data["x"], []
    n, trial = data.sizes["time"], data["trial"].values
    lags = best["x_lag"].values
    flat = int(np.prod(x.shape[1:], dtype=int))
    for t in range(n):
        if all(0 <= t - k < n and trial[t - k] == trial[t] for k in lags):
            rows.append(t)
    rows = np.array(rows)
    kernel = best["x"].values.reshape(data.sizes["unit"], len(lags), flat)
    A = np.zeros((len(rows), data.sizes["unit"], n, flat))
    for i, t in enumerate(rows):
        for j, k in enumerate(lags):
            A[i, :, t - k] += kernel[:, j]
    same = trial[:, None] == trial
    C = np.kron(np.where(same, toeplitz(covariance[:n]), 0.0), np.eye(flat))
    y = data["y"].values[rows].astype(float)
    return A.reshape(len(rows), -1, n * flat), best["intercept"].values, y, np.linalg.inv(C)


COVARIANCE = 0.8 ** np.arange(200.0)


@pytest.mark.parametrize(
    "case", [{}, {"trials": 3}, {"features": (2,)}], ids=["plain", "trials", "features"]
)
def test_a_gaussian_posterior_is_that_of_dense_algebra(case):
    train = recording(600, family="gaussian", **case)
    new = recording(60, seed=1, family="gaussian", **case)
    fit = bg.fit_map(bg.GLM("y", LAGGED), train)
    found = bg.decode(fit, new.drop_vars("x"), "x", prior=[1.0, 0.8], mean=0.3)
    A, intercept, y, Q = by_hand(fit, new, COVARIANCE)
    sigma = fit["map"]["sigma"].values
    weighted = A / (sigma**2)[None, :, None]
    precision = np.einsum("tnp,tnq->pq", weighted, A) + Q
    target = np.einsum("tnp,tn->p", weighted, y - intercept) + Q @ np.full(len(Q), 0.3)
    mean = np.linalg.solve(precision, target)
    sd = np.sqrt(np.diagonal(np.linalg.inv(precision)))
    for name in ("mode", "mean"):
        np.testing.assert_allclose(found[name].values.ravel(), mean, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found["sd"].values.ravel(), sd, rtol=1e-8)
    reach = 1.880793608151251 * sd
    np.testing.assert_allclose(found["upper"].values.ravel(), mean + reach, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["lower"].values.ravel(), mean - reach, rtol=0, atol=1e-6)
    assert found["mean"].dims == new["x"].dims


def logistic(eta):
    return 1.0 / (1.0 + np.exp(-eta))


# The slope of each log likelihood in eta, and minus its bend, of responses y and dispersion phi.
CURVATURES = {
    "poisson": lambda y, eta, phi: (y - np.exp(eta), np.exp(eta)),
    "bernoulli": lambda y, eta, phi: (y - logistic(eta), logistic(eta) * logistic(-eta)),
    "binomial": lambda y, eta, phi: (y - 4 * logistic(eta), 4 * logistic(eta) * logistic(-eta)),
    "negative_binomial": lambda y, eta, phi: (
        phi * (y - np.exp(eta)) / (phi + np.exp(eta)),
        phi * np.exp(eta) * (y + phi) / (phi + np.exp(eta)) ** 2,
    ),
}


@pytest.mark.parametrize("family", CURVATURES)
def test_the_mode_has_no_slope_and_the_curvature_of_the_dense_posterior(family):
    trials = {"trials": "n"} if family == "binomial" else {}
    model = bg.GLM("y", LAGGED, family=family, **trials)
    fit = bg.fit_map(model, recording(800, family=family))
    new = recording(40, seed=2, family=family)
    found = bg.decode(fit, new, "x", prior=[1.0, 0.8], mean=0.0)
    A, intercept, y, Q = by_hand(fit, new, COVARIANCE)
    x = found["mode"].values.ravel()
    phi = fit["map"]["alpha"].values if "alpha" in fit["map"] else None
    slope, bend = CURVATURES[family](y, A @ x + intercept, phi)
    assert np.abs(np.einsum("tnp,tn->p", A, slope) - Q @ x).max() < 1e-4
    H = np.einsum("tnp,tn,tnq->pq", A, bend, A) + Q
    np.testing.assert_allclose(found["sd"], np.sqrt(np.diagonal(np.linalg.inv(H))), rtol=1e-5)


def test_the_posterior_is_that_of_a_grid():
    """Of two samples, of which every value is tried; the normal approximation is near it."""
    train = recording(2000, units=30)
    model = bg.GLM("y", bg.Lagged("x", lags=2, prior=RIDGE), family="poisson", edges="zero")
    fit = bg.fit_map(model, train)
    new = recording(2, seed=3, units=30)
    found = bg.decode(fit, new, "x", prior=[1.0, 0.8], mean=0.0)
    axis = np.linspace(-5.0, 5.0, 401)
    one, two = np.meshgrid(axis, axis, indexing="ij")
    Q = np.linalg.inv(toeplitz([1.0, 0.8]))
    log_p = -0.5 * (Q[0, 0] * one**2 + 2 * Q[0, 1] * one * two + Q[1, 1] * two**2)
    best = fit["map"]
    for unit in range(30):
        k, a = best["x"].isel(unit=unit).values, float(best["intercept"][unit])
        for t, eta in enumerate((a + k[0] * one, a + k[0] * two + k[1] * one)):
            log_p += float(new["y"][t, unit]) * eta - np.exp(eta)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    peak = np.unravel_index(p.argmax(), p.shape)
    np.testing.assert_allclose(found["mode"], axis[list(peak)], rtol=0, atol=0.0126)
    for t, values in enumerate((one, two)):
        mean = (p * values).sum()
        sd = np.sqrt((p * (values - mean) ** 2).sum())
        assert abs(found["mean"][t] - mean) < 0.15 * sd
        assert abs(found["sd"][t] / sd - 1) < 0.05


def inside(found, truth):
    return float(((found["lower"] < truth) & (truth < found["upper"])).mean())


def test_bands_hold_the_truth_where_the_encoding_model_is_uncertain():
    """Of little to learn from, one estimate is too sure, and the integral over all of them not."""
    prior = bg.Normal(0.52)  # the sd of the kernels
    model = bg.GLM("y", bg.Lagged("x", lags=3, prior=prior), family="poisson")
    shares = {"one": [], "all": []}
    for seed in range(5):
        fitted = bg.fit(model, recording(60, seed=seed, units=12), draws=100, seed=seed)
        new = recording(300, seed=seed + 50, units=12)
        for name, draws in (("one", 1), ("all", 20)):
            found = bg.decode(fitted, new, "x", prior=[1.0, 0.8], mean=0.0, draws=draws)
            shares[name].append(inside(found, new["x"]))
    assert 0.91 < np.mean(shares["all"]) < 0.97
    assert np.mean(shares["one"]) < np.mean(shares["all"]) - 0.03


def test_draws_are_whole_stimuli_of_the_posterior():
    fitted = bg.fit(bg.GLM("y", LAGGED, family="poisson"), recording(500), draws=100)
    new = recording(150, seed=5)
    found = bg.decode(fitted, new, draws=150)
    assert found["draws"].dims == ("draw", "time")
    z = (found["draws"].mean("draw") - found["mean"]) / (found["sd"] / np.sqrt(150))
    assert abs(float((z**2).mean()) - 1.0) < 0.5
    np.testing.assert_allclose(found["draws"].std("draw"), found["sd"], rtol=0.35)
    xr.testing.assert_identical(found, bg.decode(fitted, new, "x", draws=150))
    assert np.corrcoef(found["mean"], new["x"])[0, 1] > 0.8


def test_the_prior_is_that_of_the_stimulus_of_the_fit():
    train, new = recording(4000, features=(2,), trials=4), recording(80, seed=6, features=(2,))
    fit = bg.fit_map(bg.GLM("y", LAGGED, family="poisson"), train)
    x = train["x"].values - train["x"].values.mean(axis=0)
    by_trial = x.reshape(4, 1000, 2)
    c = [np.sum(by_trial[:, k:] * by_trial[:, : 1000 - k]) / x.size for k in range(4)]
    spread = np.cov(x.T, bias=True)
    own = bg.decode(fit, new, "x")
    said = bg.decode(
        fit,
        new,
        "x",
        prior=c,
        mean=train["x"].values.mean(axis=0),
        features=spread / np.trace(spread) * 2,
    )
    xr.testing.assert_allclose(own, said, rtol=1e-8)


def test_what_a_stimulus_lacks_leaves_the_prior_of_the_rest():
    train, new = recording(4000), recording(80, seed=6)
    x = train["x"].values.copy()
    x[100:4000:37] = np.nan
    model = bg.GLM("y", LAGGED, family="poisson", missing="drop")
    fit = bg.fit_map(model, train.assign(x=("time", x)))
    away = np.nan_to_num(x - np.nanmean(x))
    known = np.isfinite(x).sum()
    c = [away[k:] @ away[: len(x) - k] / known for k in range(4)]
    assert c[0] == pytest.approx(np.nanvar(x), rel=1e-12)
    own = bg.decode(fit, new)
    xr.testing.assert_allclose(own, bg.decode(fit, new, prior=c, mean=np.nanmean(x)), rtol=1e-8)


READERS = {
    "lags": LAGGED,
    "functions of lags": bg.Lagged("x", lags=(-1, 5), basis=bg.raised_cosine(4), prior=RIDGE),
    "a process": bg.Lagged("x", lags=6, prior=bg.GaussianProcess(1.0, 2.0)),
    "a random walk": bg.Lagged("x", lags=4, prior=bg.RandomWalk(0.3)),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_else_moves_the_neurons_is_known(reader):
    """History, coupling, another predictor, a group and an offset, which the data hold."""
    rng = np.random.default_rng(0)
    train, new = recording(1500), recording(100, seed=7)
    for data in (train, new):
        data["z"] = ("time", rng.normal(size=data.sizes["time"]))
        data["day"] = ("time", np.arange(data.sizes["time"]) // 20 % 3)
        data["o"] = ("time", 0.1 * rng.normal(size=data.sizes["time"]))
        data["y"] = data["y"].copy(data=rng.poisson(data["y"] * np.exp(0.5 * data["z"])))
    past = [bg.History(lags=2, prior=RIDGE), bg.Coupling(lags=2, prior=RIDGE)]
    days = bg.Group("day", prior=bg.Normal(0.3))
    terms = [READERS[reader], *past, bg.Linear("z", prior=RIDGE), days]
    fit = bg.fit_map(bg.GLM("y", terms, family="poisson", offset="o"), train)
    found = bg.decode(fit, new, "x", prior=[1.0, 0.8], mean=0.0)
    # The log posterior along a line through the mode, by predictions of the fit.
    Q = np.linalg.inv(toeplitz(COVARIANCE[:100]))

    def log_p(x):
        eta = bg.predict(fit, new.assign(x=("time", x)), kind="linear")["y"].values
        rows = np.isfinite(eta).all(axis=1)
        y = new["y"].values[rows]
        return np.sum(y * eta[rows] - np.exp(eta[rows])) - 0.5 * x @ Q @ x

    mode, step = found["mode"].values, np.random.default_rng(1).normal(size=100)
    h = 1e-4
    up, here, down = (log_p(mode + s * h * step) for s in (1, 0, -1))
    assert abs(up - down) / (2 * h) < 1e-3
    assert up + down - 2 * here < 0


def test_a_linear_term_reads_the_present():
    model = bg.GLM("y", bg.Linear("x", prior=RIDGE), family="gaussian")
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    fit = bg.fit_map(model, {"x": x, "y": 2.0 * x[:, None] + rng.normal(size=(500, 3))})
    y = np.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]])
    found = bg.decode(fit, {"y": y}, "x", prior=4.0, mean=1.0)
    best = fit["map"]
    b, s, a = best["x"].values, best["sigma"].values, best["intercept"].values
    precision = np.sum(b**2 / s**2) + 0.25
    np.testing.assert_allclose(found["sd"], precision**-0.5, rtol=1e-9)
    mean = ((y - a) @ (b / s**2) + 0.25) / precision
    np.testing.assert_allclose(found["mode"], mean, rtol=0, atol=1e-7)


LINEAR = bg.GLM("y", LAGGED, family="poisson")
REFUSED = {
    "no such variable": (LINEAR, {"stimulus": "xx"}, "no term of the model reads 'xx'.*'x'"),
    "two terms": (
        bg.GLM("y", [LAGGED, bg.Linear("x", name="now")], family="poisson", prior=RIDGE),
        {},
        "through one term that is linear in it.*'x' is read otherwise",
    ),
    "two stimuli": (
        bg.GLM("y", [LAGGED, bg.Linear("time_of_day")], family="poisson", prior=RIDGE),
        {"stimulus": None},
        "say which variable is to be decoded: stimulus='x' or stimulus='time_of_day'",
    ),
    "a function of it": (
        bg.GLM("y", bg.Linear("x", transform="x**2", name="power"), prior=RIDGE),
        {},
        "'x' is read otherwise",
    ),
    "a scale of it": (
        bg.GLM("y", bg.Linear("x", transform="scale(x)", name="z"), prior=RIDGE),
        {},
        "'x' is read otherwise",
    ),
    "a column of several": (
        bg.GLM("y", bg.Linear(("x", "time_of_day"), name="both"), prior=RIDGE),
        {},
        "'x' is read otherwise",
    ),
    "no stimulus": (
        bg.GLM("y", bg.History(lags=2), family="poisson", prior=RIDGE),
        {"stimulus": None},
        "no term of the model reads a stimulus linearly",
    ),
    "a curve": (
        bg.GLM("y", bg.Basis("x", "poly", df=2), family="poisson", prior=RIDGE),
        {},
        "take decode_position",
    ),
    "no autocovariance": (LINEAR, {"prior": [1.0, 1.2]}, "is not positive definite"),
    "a negative variance": (LINEAR, {"prior": -1.0}, "variance must be positive"),
    "no counts": (LINEAR, {"y": -0.5}, "to be decoded are not, the first at time=2"),
    "words": (LINEAR, {"prior": "white"}, "prior must be finite numbers"),
    "features": (LINEAR, {"features": np.eye(3)}, "a covariance of the 1 features"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_decoded_is_refused(case):
    model, options, words = REFUSED[case]
    data = recording(120).assign(time_of_day=("time", np.linspace(-1.0, 1.0, 120)))
    fit = bg.fit_map(model, data)
    stimulus = options.get("stimulus", "x")
    others = {name: value for name, value in options.items() if name not in ("stimulus", "y")}
    data["y"] = data["y"] + options.get("y", 0)
    with pytest.raises((bg.DataError, bg.ModelError), match=words):
        bg.decode(fit, data, stimulus, **others)
