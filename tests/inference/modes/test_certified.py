"""Every MAP that is returned is one: its slopes, in standard deviations, are next to nothing."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.modes import solve
from bayesglm.inference.modes.optimum import check_mode, find_mode
from bayesglm.inference.problem.centring import centred_all
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.named import thetas_from
from bayesglm.numerics.density.joint import smooth_slopes
from bayesglm.numerics.solvers.newton import OPTIMAL


def slopes_in_sds(model, data, group):
    """Return the largest |slope| H_jj^-1/2 of one neuron's estimate, and its gradient's norm."""
    problems = open_problems(model, data)
    assert len(problems) == 1
    centre = centred_all(problems)[0]
    theta = centre.inner(thetas_from(group, problems)[0][0])
    objective = centre.problem.natural
    with np.errstate(over="ignore", invalid="ignore"):
        here = objective.evaluate(theta)
    residual = objective.kinks.residual(here.gradient, theta - objective.kinks.at)
    sd = np.abs(np.diagonal(here.hessian)) ** -0.5
    return float(np.where(residual == 0.0, 0.0, np.abs(residual) * sd).max()), residual


def assert_certified(model, data):
    fitted = bg.fit_map(model, data)
    resolved = bg.GLM.from_json(fitted.attrs["model"])
    largest, residual = slopes_in_sds(resolved, data, fitted["map"].to_dataset())
    assert largest < OPTIMAL
    return fitted, float(np.linalg.norm(residual))


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
@pytest.mark.parametrize("way", ["sample", "matrix-free", "newton"])
@pytest.mark.parametrize("n", [2000, 60_000])
def test_smooth_solvers(monkeypatch, way, family, n):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 20)) * np.logspace(-2, 2, 20)
    eta = X @ (0.3 * rng.normal(size=20) / np.logspace(-2, 2, 20)) - 1.0
    y = (
        rng.random(n) < 1 / (1 + np.exp(-eta))
        if family == "bernoulli"
        else rng.poisson(np.exp(eta))
    )
    monkeypatch.setattr(solve, "_route", lambda *_: solve.ROUTES[way])
    model = bg.GLM("y", bg.Linear("X", prior=bg.ridge(1.0)), family=family)
    fitted, norm = assert_certified(model, {"y": y.astype(float), "X": X})
    assert fitted.attrs["gradient_norm"] == pytest.approx(norm, rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("family", ["bernoulli", "poisson", "gaussian"])
@pytest.mark.parametrize("n", [60, 5000])
def test_kinked_solvers_and_their_path(family, n):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(n, 80))
    eta = 0.5 * X[:, 0] - 0.4 * X[:, 1]
    y = {
        "bernoulli": (rng.random(n) < 1 / (1 + np.exp(-eta))) * 1.0,
        "poisson": rng.poisson(np.exp(eta)).astype(float),
        "gaussian": eta + rng.normal(size=n),
    }[family]
    dispersion = 1.0 if family == "gaussian" else None
    data = {"y": y, "X": X}
    for lam in (0.5, 20.0):
        prior = bg.lasso(lam)
        model = bg.GLM("y", bg.Linear("X", prior=prior), family=family, dispersion=dispersion)
        assert_certified(model, data)
    scales = np.logspace(-2, 0.5, 12)
    path = bg.prior_path(model, data, scales)
    for k, scale in enumerate(scales):
        prior = bg.Laplace(float(scale))
        model = bg.GLM("y", bg.Linear("X", prior=prior), family=family, dispersion=dispersion)
        largest, _ = slopes_in_sds(model, data, path["path"].to_dataset().isel(scale=k))
        assert largest < OPTIMAL


@pytest.mark.slow
@pytest.mark.parametrize("prior", [bg.ridge(100.0), bg.smooth(300.0)])
def test_coefficients_too_many_for_a_matrix(prior):
    """The curvature is never formed; what it says of each coefficient alone is."""
    rng = np.random.default_rng(7)
    n = 3000
    movie = rng.normal(size=(n, 25, 25)) * np.linspace(0.2, 2.0, 25)
    y = rng.poisson(np.exp(0.3 * movie[:, 12, 12] - 0.5)).astype(float)
    data = xr.Dataset(
        {"y": ("time", y), "movie": (("time", "row", "column"), movie)},
        coords={"time": 0.01 * np.arange(n)},
    )
    model = bg.GLM("y", bg.Lagged("movie", lags=10, prior=prior), family="poisson")
    fitted = bg.fit_map(model, data)
    assert fitted.attrs["solver"] == "quasi-newton, matrix-free"
    problem = open_problems(bg.GLM.from_json(fitted.attrs["model"]), data)[0]
    theta = thetas_from(fitted["map"].to_dataset(), [problem])[0]
    gradient = smooth_slopes([problem.natural], theta)[1][0]
    bends = problem.natural.rowwise.diagonal(theta[0], [])
    for part in problem.natural.coefficients:
        structure = part.structure
        if not structure.diagonal:
            sides = [np.r_[1.0, np.full(size - 2, 2.0), 1.0] for size in structure.shape]
            degree = sides[0][:, None, None] + sides[1][:, None] + sides[2]
            bends[part.where] += degree.reshape(-1) / part.parameters["scale"] ** 2
        else:
            bends[part.where] -= part.prior.curvature(theta[0, part.where], **part.parameters)
    assert np.abs(gradient / np.sqrt(bends)).max() < OPTIMAL


def test_every_neuron_of_a_population():
    rng = np.random.default_rng(8)
    n, k = 20_000, 6
    X = rng.normal(size=(n, 12))
    y = rng.poisson(np.exp(X @ (0.1 * rng.normal(size=(12, k))) - np.arange(k))).astype(float)
    data = xr.Dataset({"X": (("obs", "feature"), X), "y": (("obs", "neuron"), y)})
    model = bg.GLM("y", bg.Linear("X", prior=bg.ridge(1.0)), family="poisson")
    fitted = bg.fit_map(model, data)
    assert fitted.attrs["solver"] == "quasi-newton"
    for neuron in range(k):
        group = fitted["map"].to_dataset().isel(neuron=neuron)
        assert slopes_in_sds(model, data.isel(neuron=neuron), group)[0] < OPTIMAL


# Numbers over 44 powers of ten, and a coefficient that must be known relative to zero, and not to
# the place of its kink.
WIDE = {
    "x": [-3e-24, -4.76e20, -722.0, 2e-12, -5e-27, 5e19, 0.1, 2.0],
    "y": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0],
}


@pytest.mark.parametrize("loc", [-3.0, 0.0, 1.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0])
@pytest.mark.parametrize("intercept", [bg.Flat(), bg.Normal(1.0), None])
@pytest.mark.parametrize("family", ["bernoulli", "poisson", "gaussian"])
def test_a_kink_far_from_the_estimate_takes_no_digits(family, intercept, scale, loc):
    term = bg.Linear("x", prior=bg.Laplace(scale, loc=loc))
    fitted, _ = assert_certified(bg.GLM("y", term, family=family, intercept=intercept), WIDE)
    assert fitted["map"]["x"] == loc or -1e-17 < fitted["map"]["x"] < 0.0


def test_what_a_solver_calls_a_mode_is_looked_at():
    """Whatever comes out of any solver goes through one gate."""
    data = {"y": [0.0, 0.0, 1.0, 1.0, 0.0, 1.0], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    model = bg.GLM("y", "x", family="bernoulli", prior=bg.ridge(1.0))
    problem = open_problems(model, data)[0]
    solution = find_mode(problem, problem.natural)
    check_mode(problem, solution)
    for residual in (2.0 * OPTIMAL, np.nan):
        with pytest.raises(bg.ConvergenceError, match=r"'y'.*still rises by"):
            check_mode(problem, solution._replace(residual=residual))


@pytest.mark.parametrize("terms", [[], [bg.Linear("x", prior=bg.StudentT(1.0))]])
@pytest.mark.parametrize("large", [1e10, 1e14, 1e18])
def test_a_plateau_is_no_mode(large, terms):
    """Means that are zero to the last digit have no slope, wherever the intercept stands."""
    y = np.full(20, 1e-3)
    data = {"y": y, "x": np.random.default_rng(0).normal(size=20)}
    model = bg.GLM("y", terms, link="softplus", dispersion=bg.Exponential(2.0))
    y[9] = 1e3
    assert float(bg.fit_map(model, data)["map"]["intercept"]) == pytest.approx(50.0, rel=0.1)
    y[9] = large
    with pytest.raises(bg.ConvergenceError, match=r"plateau, where 'intercept', .* not at all\."):
        bg.fit_map(model, data)
