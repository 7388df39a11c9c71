"""MAP estimates under elastic nets and random walks, beside peers and normal equations."""

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import ElasticNet, LogisticRegression

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

N, P = 300, 12
RNG = np.random.default_rng(12)
X = RNG.normal(size=(N, P))
ETA = X @ np.r_[0.8, -0.5, 0.4, np.zeros(P - 3)] + 0.3
GAUSSIAN = ETA + RNG.normal(size=N)
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
COUNTS = RNG.poisson(np.exp(0.5 * ETA)).astype(float)


def fitted(y, prior, family="gaussian", **options):
    model = bg.GLM("y", bg.Linear("X", prior=prior), family, **options)
    return bg.fit_map(model, {"y": y, "X": X}), model


@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("sigma", [0.7, 1.0])
def test_a_gaussian_elastic_net_is_scikit_learns(l1_ratio, sigma):
    # It minimises RSS / (2 n) + alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|^2 / 2).
    alpha = 0.15
    prior = bg.elastic_net(N * alpha * l1_ratio / sigma**2, N * alpha * (1.0 - l1_ratio) / sigma**2)
    found, _ = fitted(GAUSSIAN, prior, dispersion=sigma)
    peer = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
    peer.fit(X, GAUSSIAN)
    np.testing.assert_allclose(found["map"]["X"], peer.coef_, atol=1e-7)
    assert float(found["map"]["intercept"]) == pytest.approx(peer.intercept_, abs=1e-7)
    np.testing.assert_array_equal(found["map"]["X"] == 0.0, peer.coef_ == 0.0)
    assert 0 < np.count_nonzero(peer.coef_) < P or l1_ratio == 0.1


@pytest.mark.parametrize("l1_ratio", [0.2, 0.8])
def test_a_logistic_elastic_net_is_scikit_learns(l1_ratio):
    # It minimises C times the loss, plus l1_ratio |w|_1 + (1 - l1_ratio) |w|^2 / 2.
    lam = 20.0
    found, _ = fitted(BINARY, bg.elastic_net(lam * l1_ratio, lam * (1.0 - l1_ratio)), "bernoulli")
    peer = LogisticRegression(
        C=1.0 / lam, l1_ratio=l1_ratio, solver="saga", tol=1e-10, max_iter=20_000, random_state=0
    ).fit(X, BINARY)
    np.testing.assert_allclose(found["map"]["X"], peer.coef_[0], atol=1e-6)
    assert float(found["map"]["intercept"]) == pytest.approx(peer.intercept_[0], abs=1e-6)


@pytest.mark.parametrize("loc", [0.0, 0.1])
@pytest.mark.parametrize(
    ("family", "y"), [("gaussian", GAUSSIAN), ("bernoulli", BINARY), ("poisson", COUNTS)]
)
def test_elastic_nets_satisfy_kkt(family, y, loc):
    scale, ratio = np.geomspace(0.02, 0.2, P), np.linspace(0.2, 0.95, P)
    prior = bg.ElasticNet(scale, ratio=ratio, loc=loc)
    options = {"dispersion": 1.0} if family == "gaussian" else {}
    found, model = fitted(y, prior, family, **options)
    mean = bg.predict(found, {"y": y, "X": X})["y"].values
    w = found["map"]["X"].values
    slope = X.T @ (y - mean) - (1.0 - ratio) / scale**2 * (w - loc)
    kink, away = ratio / scale, w != loc
    assert 0 < away.sum() < P
    assert abs((y - mean).sum()) < 1e-6
    np.testing.assert_allclose(slope[away], (kink * np.sign(w - loc))[away], atol=1e-5)
    assert np.all(np.abs(slope[~away]) <= kink[~away] + 1e-6)
    assert found.attrs["gradient_norm"] < 1e-4
    # Nothing near is better.
    objective = open_problems(model, {"y": y, "X": X})[0].natural
    theta = np.r_[found["map"]["intercept"].values, w]
    near = theta + 1e-3 * np.random.default_rng(0).normal(size=(50, P + 1))
    assert objective.log_density(near).max() < objective.log_density(theta[None])[0]


def differences(n, order):
    return np.diff(np.eye(n), order, axis=0)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("lam", [0.5, 30.0])
def test_a_gaussian_random_walk_solves_the_penalised_normal_equations(lam, order):
    found, _ = fitted(GAUSSIAN, bg.smooth(lam, order), dispersion=0.8)
    design, D = np.column_stack([np.ones(N), X]), differences(P, order)
    penalty = np.zeros((P + 1, P + 1))
    penalty[1:, 1:] = lam * D.T @ D
    expected = np.linalg.solve(design.T @ design / 0.64 + penalty, design.T @ GAUSSIAN / 0.64)
    np.testing.assert_allclose(found["map"]["intercept"], expected[0], atol=1e-9)
    np.testing.assert_allclose(found["map"]["X"], expected[1:], atol=1e-9)


def test_a_random_walk_over_space_and_lags_solves_them_too():
    rng = np.random.default_rng(3)
    movie = rng.normal(size=(N, 3, 4))
    data = xr.Dataset(
        {"y": ("time", GAUSSIAN), "movie": (("time", "row", "across"), movie)},
        {"time": np.arange(N)},
    )
    scale = np.array([[0.1], [0.3], [1.0]])
    prior = bg.RandomWalk(scale, dims=("lag", "across"))
    model = bg.GLM("y", bg.Lagged("movie", lags=2, prior=prior), dispersion=1.0)
    found = bg.fit_map(model, data)["map"]
    # A coefficient is (lag, row, across): rows are slices of their own scale.
    D, E = differences(2, 1), differences(4, 1)
    walk = np.kron(np.kron(D.T @ D, np.eye(3)), np.eye(4))
    walk += np.kron(np.kron(np.eye(2), np.eye(3)), E.T @ E)
    per = np.tile(np.repeat(scale[:, 0], 4), 2)
    flat = movie.reshape(N, 12)
    design = np.column_stack([np.ones(N - 1), flat[1:], flat[:-1]])
    penalty = np.zeros((25, 25))
    penalty[1:, 1:] = walk / np.outer(per, per)
    expected = np.linalg.solve(design.T @ design + penalty, design.T @ GAUSSIAN[1:])
    np.testing.assert_allclose(np.ravel(found["movie"]), expected[1:], atol=1e-9)
    assert found["movie"].dims == ("movie_lag", "row", "across")


@pytest.mark.parametrize(("order", "free"), [(1, 1), (2, 2), (3, 3)])
def test_polynomials_of_lower_degree_are_not_penalised(order, free):
    model = bg.GLM("y", bg.Linear("X", prior=bg.RandomWalk(0.3, order=order)), "poisson")
    objective = open_problems(model, {"y": COUNTS, "X": X})[0].natural
    theta = np.random.default_rng(4).normal(size=P + 1)
    t = np.arange(P)
    for power in range(free + 1):
        moved = theta.copy()
        moved[1:] += 0.7 * t**power
        change = objective.log_prior(moved) - objective.log_prior(theta)
        assert (abs(change) < 1e-9) == (power < free)


@pytest.mark.parametrize("order", [1, 2])
def test_strong_smoothing_leaves_a_polynomial(order):
    found, _ = fitted(COUNTS, bg.smooth(1e9, order), "poisson")
    w = found["map"]["X"].values
    assert np.abs(np.diff(w, order)).max() < 1e-5
    # What is left is the fit of the polynomial alone.
    basis = np.vander(np.arange(P) - P / 2, order, increasing=True)
    alone = bg.GLM("y", bg.Linear("Z", prior=bg.Flat()), "poisson")
    free = bg.fit_map(alone, {"y": COUNTS, "Z": X @ basis})["map"]
    np.testing.assert_allclose(w, basis @ free["Z"].values, atol=1e-4)
    np.testing.assert_allclose(found["map"]["intercept"], free["intercept"], atol=1e-4)


@pytest.mark.parametrize("verb", [bg.fit_map, bg.fit_laplace])
def test_what_a_walk_leaves_free_beside_the_intercept_is_refused(verb):
    # The lags of a constant stimulus add up to a constant.
    data = xr.Dataset(
        {"y": ("time", COUNTS), "x": ("time", np.full(N, 2.0))}, {"time": np.arange(N)}
    )
    model = bg.GLM("y", bg.Lagged("x", lags=5, prior=bg.RandomWalk(0.5)), "poisson")
    message = r"columns 'x \(what its random walk leaves free\)' are constant beside the intercept"
    with pytest.raises(bg.DataError, match=message):
        verb(model, data)
    without = bg.GLM("y", model.terms, "poisson", intercept=None)
    assert np.isfinite(bg.fit_map(without, data)["map"]["x"]).all()
    held = bg.GLM("y", model.terms, "poisson", intercept=bg.Normal(1.0))
    assert np.isfinite(bg.fit_map(held, data)["map"]["x"]).all()


def test_separation_along_what_a_walk_leaves_free_is_refused():
    # All three columns tell the ones from the zeros by their sum.
    Z = np.random.default_rng(5).normal(size=(N, 3))
    Z += ((2.0 * BINARY - 1.0) * (1.0 + np.abs(Z.sum(axis=1))) - Z.sum(axis=1))[:, None] / 3.0
    model = bg.GLM("y", bg.Linear("Z", prior=bg.RandomWalk(0.5)), "bernoulli")
    with pytest.raises(bg.DataError, match=r"separated.*'Z \(what its random walk leaves free\)'"):
        bg.fit_map(model, {"y": BINARY, "Z": Z})


def test_a_mode_where_the_prior_of_sigma_ends_is_refused_and_the_posterior_stays_below():
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=60), "y": rng.normal(size=60)}
    wide = bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=bg.Uniform(0, 50))
    flat = bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=bg.Flat())
    for name, value in bg.fit_map(flat, data)["map"].items():
        np.testing.assert_allclose(bg.fit_map(wide, data)["map"][name], value, atol=1e-6)
    narrow = bg.GLM("y", "x", prior=bg.Normal(1.0), dispersion=bg.Uniform(0, 0.8))
    message = r"'y': the density is highest where the prior of 'sigma' ends, at 0.8.*wider prior"
    with pytest.raises(bg.ModelError, match=message):
        bg.fit_map(narrow, data)
    sigma = bg.fit(narrow, data)["posterior"]["sigma"].values
    # About the end, the density grows by so many powers of sigma as there are samples.
    left = 0.8 - sigma
    assert 0.0 < left.min() < 0.001
    assert 0.005 < left.mean() < 0.05
