"""Modes under groups and bounds: peers, certificates, exact zeros, invariances, every route."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize, nnls
from scipy.special import expit

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.named import thetas_from
from bayesglm.numerics.solvers.newton import OPTIMAL

N, P = 240, 12
RNG = np.random.default_rng(21)
X = RNG.normal(size=(N, P)) + 0.4 * RNG.normal(size=(N, 1))
ETA = 0.3 + X @ np.r_[0.7, -0.5, 0.4, 0.3, np.zeros(P - 4)]
RESPONSES = {
    "gaussian": ETA + RNG.normal(size=N),
    "bernoulli": (RNG.random(N) < expit(ETA)).astype(float),
    "poisson": RNG.poisson(np.exp(0.4 * ETA)).astype(float),
}
BOUNDED = {"lasso": (bg.Exponential(0.2), 5.0, 0.0), "ridge": (bg.HalfNormal(0.5), 0.0, 4.0)}


def options(family):
    return {"dispersion": 1.0} if family == "gaussian" else {}


def certified(model, data):
    """Return the estimate, which must have no slope left by the whole Hessian at it."""
    fitted = bg.fit_map(model, data)
    problems = open_problems(bg.GLM.from_json(fitted.attrs["model"]), data)
    for problem, theta in zip(
        problems, thetas_from(fitted["map"].to_dataset(), problems), strict=True
    ):
        objective, here = problem.natural, problem.natural.evaluate(theta[0])
        kinks = objective.kinks
        left = kinks.residual(here.gradient, theta[0] - kinks.at)
        assert np.all(np.abs(left) < OPTIMAL * np.sqrt(np.abs(np.diagonal(here.hessian))))
    total = sum(
        problem.natural.log_density(theta)[0]
        for problem, theta in zip(
            problems, thetas_from(fitted["map"].to_dataset(), problems), strict=True
        )
    )
    assert fitted.attrs["log_posterior"] == pytest.approx(total, rel=1e-12)
    return fitted


def minus_log_likelihood(family, eta, y):
    if family == "gaussian":
        return 0.5 * np.sum((y - eta) ** 2), eta - y
    if family == "poisson":
        return np.sum(np.exp(eta) - y * eta), np.exp(eta) - y
    return np.sum(np.logaddexp(0.0, eta) - y * eta), expit(eta) - y


def by_lbfgsb(family, columns, y, lam1, lam2):
    """Minimise over an intercept and coefficients of at least zero."""
    Z = np.column_stack([np.ones(len(y)), columns])

    def function(theta):
        value, slope = minus_log_likelihood(family, Z @ theta, y)
        w, gradient = theta[1:], Z.T @ slope
        gradient[1:] += lam1 + lam2 * w
        return value + lam1 * w.sum() + 0.5 * lam2 * w @ w, gradient

    bounds = [(None, None)] + [(0.0, None)] * columns.shape[1]
    limits = {"maxiter": 100_000, "maxfun": 1_000_000, "ftol": 1e-16, "gtol": 1e-11}
    start = np.zeros(Z.shape[1])
    return minimize(function, start, jac=True, bounds=bounds, options=limits).x


def by_proximal_gradients(family, columns, y, labels, lam, n_steps=100_000):
    """Minimise a group lasso by FISTA, its intercept free (Beck & Teboulle 2009)."""
    Z = np.column_stack([np.ones(len(y)), columns])
    groups = [1 + np.flatnonzero(labels == label) for label in np.unique(labels)]
    bend = {"gaussian": 1.0, "bernoulli": 0.25, "poisson": 8.0}[family]
    step = 1.0 / (bend * np.linalg.norm(Z, 2) ** 2)
    t, z, k = np.zeros(Z.shape[1]), np.zeros(Z.shape[1]), 1.0
    for _ in range(n_steps):
        new = z - step * (Z.T @ minus_log_likelihood(family, Z @ z, y)[1])
        for group in groups:
            length = np.linalg.norm(new[group])
            weight = lam * np.sqrt(len(group))
            new[group] *= max(0.0, 1.0 - step * weight / length) if length > 0.0 else 0.0
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * k * k))
        if (z - new) @ (new - t) > 0.0:
            faster = 1.0
        moved = np.abs(new - t).max()
        z, t, k = new + (k - 1.0) / faster * (new - t), new, faster
        if moved < 1e-13:
            break
    return t


def test_a_wide_half_normal_is_non_negative_least_squares():
    y = RESPONSES["gaussian"] - RESPONSES["gaussian"].mean()
    prior = bg.HalfNormal(1e6)
    found = certified(
        bg.GLM("y", bg.Linear("x", prior=prior), intercept=None, dispersion=1.0), {"y": y, "x": X}
    )["map"]["x"]
    expected, _ = nnls(X, y)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_array_equal(found == 0.0, expected == 0.0)
    assert 0 < np.count_nonzero(found) < P


@pytest.mark.parametrize("case", BOUNDED)
@pytest.mark.parametrize("family", RESPONSES)
def test_bounds_beside_lbfgsb(family, case):
    prior, lam1, lam2 = BOUNDED[case]
    data = {"y": RESPONSES[family], "x": X}
    model = bg.GLM("y", "x", family, prior=prior, **options(family))
    found = certified(model, data)["map"]
    expected = by_lbfgsb(family, X, data["y"], lam1, lam2)
    np.testing.assert_allclose(np.r_[found["intercept"], found["x"]], expected, atol=1e-6)
    assert float(found["x"].min()) == 0.0


@pytest.mark.parametrize("case", BOUNDED)
@pytest.mark.parametrize(("n", "p"), [(60, 150), (3000, 210)])
def test_bounds_by_the_solvers_of_wide_and_of_tall_designs(n, p, case):
    prior, lam1, lam2 = BOUNDED[case]
    rng = np.random.default_rng(5)
    columns = rng.normal(size=(n, p)) + 0.3 * rng.normal(size=(n, 1))
    y = (rng.random(n) < expit(columns[:, :5].sum(axis=1))).astype(float)
    model = bg.GLM("y", "x", "bernoulli", prior=prior)
    fitted = certified(model, {"y": y, "x": columns})
    assert fitted.attrs["solver"] == ("active-set newton" if n < p else "proximal quasi-newton")
    expected = by_lbfgsb("bernoulli", columns, y, lam1, lam2)
    np.testing.assert_allclose(fitted["map"]["x"], expected[1:], atol=3e-6)
    scales = [0.05, 0.2, 0.5]
    path = bg.prior_path(model, {"y": y, "x": columns}, scales)["path"]
    for scale, row in zip(scales, path["x"].values, strict=True):
        alone = bg.fit_map(
            bg.GLM("y", "x", "bernoulli", prior=type(prior)(scale)), {"y": y, "x": columns}
        )
        np.testing.assert_allclose(row, alone["map"]["x"], atol=1e-6)
        np.testing.assert_array_equal(row == 0.0, alone["map"]["x"] == 0.0)
    power = 1.0 if case == "lasso" else 2.0
    np.testing.assert_allclose(path["penalty"], np.array(scales) ** -power)


@pytest.mark.parametrize("lam", [1.0, 6.0, 15.0])
@pytest.mark.parametrize("family", RESPONSES)
def test_groups_beside_a_slow_reference(family, lam):
    labels = np.arange(P) // 4
    data = {"y": RESPONSES[family], "x": (("obs", "group", "member"), X.reshape(N, 3, 4))}
    model = bg.GLM(
        "y", bg.Linear("x", prior=bg.group_lasso(lam, by="group")), family, **options(family)
    )
    found = certified(model, xr.Dataset(data | {"y": ("obs", data["y"])}))["map"]
    expected = by_proximal_gradients(family, X, data["y"], labels, lam)
    got = np.r_[float(found["intercept"]), found["x"].values.ravel()]
    np.testing.assert_allclose(got, expected, atol=1e-7)
    np.testing.assert_array_equal(got == 0.0, expected == 0.0)


def test_whole_groups_leave_as_the_penalty_grows():
    data = xr.Dataset(
        {"y": ("obs", RESPONSES["poisson"]), "x": (("obs", "group", "member"), X.reshape(N, 3, 4))}
    )
    model = bg.GLM("y", bg.Linear("x", prior=bg.GroupLasso(1.0, by="group")), "poisson")
    scales = np.geomspace(0.01, 1.0, 8)
    tree = bg.prior_path(model, data, scales)
    path, edf = tree["path"], tree["statistics"]["edf"].values
    zero = path["x"].values == 0.0
    assert np.array_equal(zero.any(axis=2), zero.all(axis=2))
    counts = (~zero.all(axis=2)).sum(axis=1)
    assert counts[0] == 0
    assert counts[-1] == 3
    assert np.all(np.diff(counts) >= 0)
    np.testing.assert_allclose(path["penalty"], 1.0 / scales)
    assert np.all(np.diff(edf) >= -1e-9)
    assert edf[0] == pytest.approx(1.0, rel=1e-12)
    assert 10.0 < edf[-1] < 13.0


def test_effective_parameters_of_orthonormal_groups_are_yuan_and_lins():
    """Sum over groups of 1 + (q - 1) |w_g| / |w_g of least squares|: their equation 6.3."""
    rng = np.random.default_rng(8)
    columns = np.linalg.qr(rng.normal(size=(50, 6)))[0]
    y = columns @ np.r_[3.0, 2.0, 1.0, 0.1, 0.1, 0.0] + 0.1 * rng.normal(size=50)
    data = xr.Dataset(
        {"y": ("obs", y), "x": (("obs", "group", "member"), columns.reshape(50, 2, 3))}
    )
    model = bg.GLM(
        "y", bg.Linear("x", prior=bg.GroupLasso(1.0, by="group")), intercept=None, dispersion=1.0
    )
    tree = bg.prior_path(model, data, [1.0, 20.0])
    least = np.linalg.norm((columns.T @ y).reshape(2, 3), axis=1)
    edfs = tree["statistics"]["edf"].values
    for row, edf in zip(tree["path"]["x"].values, edfs, strict=True):
        lengths = np.linalg.norm(row, axis=1)
        assert edf == pytest.approx(np.sum((lengths > 0) + 2.0 * lengths / least), rel=1e-6)


def test_groups_with_a_learned_sigma_are_the_mode_of_both():
    data = xr.Dataset(
        {"y": ("obs", RESPONSES["gaussian"]), "x": (("obs", "group", "member"), X.reshape(N, 3, 4))}
    )
    prior, dispersion = bg.GroupLasso(0.05, by="group"), bg.HalfNormal(2.0)
    found = certified(bg.GLM("y", bg.Linear("x", prior=prior), dispersion=dispersion), data)["map"]
    sigma = float(found["sigma"])
    fixed = bg.fit_map(bg.GLM("y", bg.Linear("x", prior=prior), dispersion=sigma), data)["map"]
    np.testing.assert_allclose(found["x"], fixed["x"], atol=1e-7)
    residuals = RESPONSES["gaussian"] - float(found["intercept"])
    residuals = residuals - X @ found["x"].values.ravel()
    # d log p / d sigma is zero: -n / sigma + RSS / sigma^3 - sigma / 4.
    slope = -N / sigma + np.sum(residuals**2) / sigma**3 - sigma / 4.0
    assert abs(slope) < 1e-5 * N / sigma


@pytest.mark.parametrize(
    "prior", [bg.GroupLasso(0.1), bg.Exponential(0.2), bg.HalfNormal(0.5)], ids=repr
)
def test_duplicated_rows_are_weights_and_order_is_none(prior):
    y = RESPONSES["poisson"]
    weights = RNG.integers(0, 3, N).astype(float)
    model = bg.GLM("y", bg.Linear("x", prior=prior), "poisson")
    often = np.repeat(np.arange(N), weights.astype(int))
    found = bg.fit_map(model, {"y": y[often], "x": X[often]})["map"]["x"]
    weighted = bg.GLM("y", bg.Linear("x", prior=prior), "poisson", weights="times")
    same = bg.fit_map(weighted, {"y": y, "x": X, "times": weights})["map"]["x"]
    np.testing.assert_allclose(found, same, atol=1e-8)
    order = RNG.permutation(P)
    turned = bg.fit_map(weighted, {"y": y, "x": X[:, order], "times": weights})["map"]["x"]
    np.testing.assert_allclose(turned, same.values[order], atol=1e-8)


def test_groups_by_each_dim_of_a_coefficient():
    """Of lags by pixels: kernels of pixels, pictures of lags, and all at once."""
    rng = np.random.default_rng(9)
    movie = rng.normal(size=(400, 5))
    drive = 0.8 * movie[:, 0] + 0.5 * np.r_[0.0, movie[:-1, 0]]
    y = rng.poisson(np.exp(0.3 * drive))
    data = xr.Dataset(
        {"y": ("time", y), "movie": (("time", "pixel"), movie)},
        coords={"time": np.arange(400) * 0.01},
    )
    zeros = {}
    for by in ("pixel", "lag", ("lag", "pixel"), None):
        term = bg.Lagged("movie", lags=4, prior=bg.group_lasso(14.0, by=by))
        found = certified(bg.GLM("y", term, "poisson"), data)["map"]["movie"]
        zeros[by] = found.transpose("movie_lag", "pixel").values == 0.0
    assert zeros["pixel"].all(axis=0).tolist() == [False, True, True, False, False]
    assert np.array_equal(zeros["pixel"].any(axis=0), zeros["pixel"].all(axis=0))
    assert np.array_equal(zeros["lag"].any(axis=1), zeros["lag"].all(axis=1))
    assert not zeros["lag"][0].any()
    assert np.array_equal(zeros[None].any(), zeros[None].all())
    lasso = bg.Lagged("movie", lags=4, prior=bg.lasso(14.0))
    single = bg.fit_map(bg.GLM("y", lasso, "poisson"), data)["map"]["movie"]
    np.testing.assert_array_equal(
        zeros["lag", "pixel"], single.transpose("movie_lag", "pixel").values == 0.0
    )


def test_mixed_priors_and_a_population():
    rng = np.random.default_rng(10)
    n = 300
    data = xr.Dataset(
        {
            "y": (("time", "neuron"), rng.poisson(1.0, size=(n, 2))),
            "a": (("time", "feature"), rng.normal(size=(n, 6))),
            "b": (("time", "pixel"), rng.normal(size=(n, 5)) + 30.0),
            "c": ("time", rng.normal(size=n)),
        },
        coords={"time": np.arange(n) * 0.1},
    )
    scale = np.array([[0.05] * 6, [0.5] * 6])
    terms = [
        bg.Linear("a", prior=bg.GroupLasso(scale)),
        bg.Linear("b", prior=bg.Exponential(0.5)),
        bg.Linear("c", prior=bg.lasso(3.0)),
        bg.History(lags=4, prior=bg.smooth(5.0)),
    ]
    found = certified(bg.GLM("y", terms, "poisson"), data)["map"]
    of_a = found["a"].transpose("neuron", "feature").values
    assert (of_a[0] == 0.0).all()
    assert (of_a[1] != 0.0).all()
    assert float(found["b"].min()) == 0.0


def test_groups_of_levels():
    rng = np.random.default_rng(11)
    factor = rng.integers(0, 6, 300)
    x = rng.normal(size=300)
    y = rng.poisson(np.exp(np.where(factor == 2, 1.0 + 0.5 * x, 0.0)))
    term = bg.Group("g", slopes="x", prior=bg.group_lasso(8.0, by="g_level"))
    found = certified(bg.GLM("y", term, "poisson"), {"y": y, "g": factor, "x": x})["map"]["g"]
    zero = found.transpose("g_effect", "g_level").values == 0.0
    assert np.array_equal(zero.any(axis=0), zero.all(axis=0))
    assert 0 < zero.all(axis=0).sum() < 6


def test_bounds_of_an_intercept_and_of_columns_far_from_zero():
    rng = np.random.default_rng(12)
    x = 2000.0 + rng.normal(size=(N, 3))
    y = 5.0 + (x - 2000.0) @ np.r_[1.0, -1.0, 0.3] + rng.normal(size=N)
    data = {"y": y, "x": x}
    found = certified(bg.GLM("y", "x", prior=bg.HalfNormal(1.0), dispersion=1.0), data)["map"]
    near = by_lbfgsb("gaussian", x - 2000.0, y, 0.0, 1.0)
    np.testing.assert_allclose(found["x"], near[1:], atol=1e-7)
    low = bg.GLM("y", "z", prior=bg.ridge(1.0), intercept=bg.HalfNormal(10.0), dispersion=1.0)
    estimate = certified(low, {"y": -np.abs(y), "z": x[:, 0] - 2000.0})["map"]
    assert float(estimate["intercept"]) == 0.0


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (bg.Linear("x", prior=bg.GroupLasso(1.0, by="pixel")), "'x'.*'pixel'.*no dim.*'x_dim_0'"),
        (bg.Linear("z", prior=bg.GroupLasso(1.0, by="a")), "'z'.*'a'.*a single number"),
        (bg.Linear("x", prior=bg.GroupLasso(np.arange(1.0, P + 1.0))), "changes inside a group"),
    ],
)
def test_groups_that_cannot_be_laid(term, message):
    data = {"y": RESPONSES["poisson"], "x": X, "z": X[:, 0]}
    with pytest.raises(bg.ModelError, match=message):
        bg.fit_map(bg.GLM("y", term, "poisson"), data)


def test_learned_scales_have_no_joint_mode_and_bounds_take_numbers():
    model = bg.GLM("y", bg.Linear("x", prior=bg.GroupLasso(bg.HalfNormal(1.0))), "poisson")
    with pytest.raises(bg.ModelError, match=r"'x_scale'.*no joint mode.*tune_prior"):
        bg.fit_map(model, {"y": RESPONSES["poisson"], "x": X})
    for kind in (bg.HalfNormal, bg.Exponential):
        with pytest.raises(bg.ModelError, match="bound must be a number; tune_prior chooses one"):
            kind(bg.HalfNormal(1.0))
