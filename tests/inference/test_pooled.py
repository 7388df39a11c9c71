"""Terms whose coefficients share mean and scale over a population."""

import numpy as np
import pytest
import xarray as xr
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import gammaln, logsumexp
from scipy.stats import halfnorm, multivariate_normal, norm

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems

N_UNITS, SIGMA = 4, 0.7
KNOWN = bg.GLM(
    "y",
    bg.Linear("x", prior=bg.Normal(1.5, loc=0.2), pooled=bg.HalfNormal(0.8)),
    intercept=None,
    dispersion=SIGMA,
)


def gaussian_data(n=25):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n, 2))
    w = np.array([0.8, -0.4]) + 0.4 * rng.normal(size=(N_UNITS, 2))
    y = x @ w.T + SIGMA * rng.normal(size=(n, N_UNITS))
    return xr.Dataset({"y": (("time", "unit"), y), "x": (("time", "f"), x)})


def counts(n=150, n_units=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    w = np.array([0.6, 0.2]) + 0.2 * rng.normal(size=(n_units, 2))
    eta = x[:, None] * w[:, 0] + np.r_[0.0, x[:-1]][:, None] * w[:, 1] - 0.5
    return xr.Dataset(
        {"y": (("time", "unit"), rng.poisson(np.exp(eta))), "x": ("time", x)},
        coords={"time": 0.01 * np.arange(n), "unit": [f"u{k}" for k in range(n_units)]},
    )


SPIKES = bg.GLM(
    "y",
    [bg.Lagged("x", lags=2, pooled=True), bg.History(lags=1, pooled=bg.Exponential(0.5))],
    family="poisson",
)


@pytest.fixture(scope="module")
def fitted():
    return bg.fit(SPIKES, counts(), draws=250)


def of_grid(logs, log_density):
    """Return the weights of a grid whose log density is known."""
    assert log_density[[0, -1]].max() < log_density.max() - 9.0
    return np.exp(log_density - logsumexp(log_density))


def agrees(draws, mean, sd):
    """Hold a mean and a spread of independent draws to five standard errors."""
    flat = np.asarray(draws).ravel()
    assert abs(flat.mean() - mean) < 5.0 * sd / np.sqrt(1500)
    assert flat.std() == pytest.approx(sd, rel=0.1)


def test_gaussian_responses_have_the_posterior_that_linear_algebra_gives():
    """All coefficients integrated out, responses are one Gaussian given the scale."""
    data = gaussian_data()
    fit = bg.fit(KNOWN, data, draws=500)
    x, y = data["x"].values, data["y"].values.T.ravel()
    X = np.kron(np.eye(N_UNITS), x)
    same = np.kron(np.ones((N_UNITS, N_UNITS)), np.eye(2))
    centre = np.full(2 * N_UNITS, 0.2)
    logs = np.linspace(-7.0, 2.5, 150)
    log_density, means, second = np.empty(len(logs)), [], []
    for k, log in enumerate(logs):
        prior = 1.5**2 * same + np.exp(2.0 * log) * np.eye(2 * N_UNITS)
        of_y = X @ prior @ X.T + SIGMA**2 * np.eye(len(y))
        log_density[k] = multivariate_normal.logpdf(y, X @ centre, of_y)
        gain = np.linalg.solve(of_y, X @ prior).T
        means.append(centre + gain @ (y - X @ centre))
        second.append(np.diag(prior - gain @ X @ prior) + means[-1] ** 2)
    log_density += halfnorm.logpdf(np.exp(logs), scale=0.8) + logs
    weights = of_grid(logs, log_density)
    scale = np.exp(logs)
    mean = weights @ scale
    agrees(fit["posterior"]["x_scale"], mean, np.sqrt(weights @ scale**2 - mean**2))
    mean, square = weights @ np.array(means), weights @ np.array(second)
    w = fit["posterior"]["x"].stack(draws=("chain", "draw")).values.reshape(2 * N_UNITS, -1)
    for own, m, v in zip(w, mean, square - mean**2, strict=True):
        agrees(own, m, np.sqrt(v))
    assert fit.attrs["level_acceptance"] == 1.0
    assert fit["posterior"]["x_mean"].dims == ("chain", "draw", "f")


def test_few_counts_have_the_posterior_that_quadrature_gives():
    """Likelihoods far from Gaussian: each unit's coefficient by Gauss and Hermite's rule."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=12)
    y = rng.poisson(np.exp(np.outer(x, [1.2, 0.3, 0.8, -0.1])))
    data = xr.Dataset({"y": (("time", "unit"), y), "x": ("time", x)})
    term = bg.Linear("x", prior=bg.Normal(1.0), pooled=bg.HalfNormal(1.0))
    fit = bg.fit(bg.GLM("y", term, family="poisson", intercept=None), data, draws=500)
    nodes, masses = hermegauss(40)
    means, logs = np.meshgrid(np.linspace(-2.5, 3.5, 90), np.linspace(-6.5, 1.8, 140))
    w = means[..., None] + np.exp(logs)[..., None] * nodes
    log_density = norm.logpdf(means) + halfnorm.logpdf(np.exp(logs)) + logs
    first = np.empty((4, *means.shape))
    for k in range(4):
        eta = w[..., None] * x
        log_likelihood = (y[:, k] * eta - np.exp(eta) - gammaln(y[:, k] + 1)).sum(axis=-1)
        weighted = np.log(masses / masses.sum()) + log_likelihood
        own = logsumexp(weighted, axis=-1)
        first[k] = (np.exp(weighted - own[..., None]) * w).sum(axis=-1)
        log_density = log_density + own
    weights = np.exp(log_density - logsumexp(log_density))
    for name, values in {"x_mean": means, "x_scale": np.exp(logs)}.items():
        mean = (weights * values).sum()
        agrees(fit["posterior"][name], mean, np.sqrt((weights * values**2).sum() - mean**2))
    drawn = fit["posterior"]["x"].mean(("chain", "draw")).values
    sds = fit["posterior"]["x"].std(("chain", "draw")).values
    assert np.all(np.abs(drawn - (weights * first).sum(axis=(1, 2))) < 5 * sds / np.sqrt(1500))


def test_the_density_is_that_of_pymc():
    """Each neuron's density has the prior of what they share, which PyMC has once."""
    problems = open_problems(SPIKES, counts())
    model = bg.to_pymc(SPIKES, counts())
    rng, thetas, total = np.random.default_rng(1), [], 0.0
    for problem in problems:
        density = problem.unconstrained
        theta = 0.3 * rng.normal(size=density.size)
        for one in density.registry.scales:
            theta[one.place] = (thetas or [theta])[0][one.place]
        thetas.append(theta)
        total += density.log_density(theta[None])[0]
    registry = problems[0].unconstrained.registry
    total -= (len(problems) - 1) * registry.log_prior(thetas[0][None])[0]
    point = {}
    for one in registry.free:
        name = one.name if one.transform.straight else f"{one.name}_log__"
        own = [theta[one.place].reshape(one.shape) for theta in thetas]
        point[name] = own[0] if one.common else np.stack(own)
    assert model.compile_logp()(point) == pytest.approx(total, rel=1e-12)
    assert model.named_vars_to_dims["x"] == ("unit", "x_lag")
    assert model.named_vars_to_dims["x_mean"] == ("x_lag",)


def test_slopes_are_those_of_the_density():
    density = open_problems(SPIKES, counts())[1].unconstrained
    theta = 0.3 * np.random.default_rng(4).normal(size=density.size)
    _, slopes = density.prior_slopes(theta)
    for k, step in enumerate(1e-5 * np.eye(density.size)):
        above, below = density.log_priors(np.array([theta + step, theta - step]))
        assert slopes[k] == pytest.approx((above - below) / 2e-5, abs=1e-6)


def test_kernels_of_few_rows_are_drawn_to_those_of_others():
    rng = np.random.default_rng(7)
    x, units = rng.normal(size=(60, 4)), 20
    w = np.array([0.5, -0.5, 0.2, 0.0]) + 0.1 * rng.normal(size=(units, 4))
    y = rng.poisson(np.exp(x @ w.T - 0.5))
    data = xr.Dataset({"y": (("time", "unit"), y), "x": (("time", "f"), x)})
    errors = {}
    for pooled in (True, False):
        fit = bg.fit(bg.GLM("y", bg.Linear("x", pooled=pooled), family="poisson"), data, draws=150)
        found = fit["posterior"]["x"].mean(("chain", "draw")).values
        errors[pooled] = np.sqrt(np.mean((found - w) ** 2))
        if pooled:
            low, high = np.quantile(fit["posterior"]["x_scale"], [0.01, 0.99])
            assert low < 0.1 < high
    assert errors[True] < 0.7 * errors[False]


def test_a_fit_is_a_tree_like_others(fitted, tmp_path):
    assert set(fitted["posterior"].data_vars) == {
        "intercept", "x", "x_mean", "x_scale", "history", "history_mean", "history_scale"
    }  # fmt: skip
    bg.save(fitted, tmp_path / "fit.nc")
    again = bg.load(tmp_path / "fit.nc")
    xr.testing.assert_equal(bg.predict(again), bg.predict(fitted))
    assert bg.kernels(again)["x"]["link"].dims == ("unit", "lag")
    table = bg.summary(again)
    assert table.loc["x[u0, lag 1]", "prior"] == "Normal(x_mean, x_scale²)"
    assert table.loc["scale of history", "prior"] == "Exponential(0.5)"
    assert "x_mean[lag 0]" in table.index
    model = bg.GLM.from_json(fitted.attrs["model"])
    assert isinstance(model.terms[0].pooled, bg.HalfNormal)
    assert bg.GLM.from_json(SPIKES.to_json()) == SPIKES
    assert "Normal(x_mean, x_scale²)" in str(bg.explain(fitted))


def test_draws_of_the_prior_share_what_neurons_share():
    model = bg.GLM("y", bg.Linear("x", pooled=bg.HalfNormal(1e-6)), intercept=bg.Normal(1.0))
    made = bg.prior_predictive(model, gaussian_data(), draws=20)
    assert np.ptp(made["prior"]["x"].values, axis=2).max() < 1e-4
    assert np.ptp(made["prior"]["x"].values) > 0.1


def test_what_is_not_there_is_refused():
    data = counts()
    with pytest.raises(bg.ModelError, match="pooled must be True"):
        bg.Linear("x", pooled="yes")
    with pytest.raises(bg.ModelError, match="must be a Normal"):
        bg.Lagged("x", lags=2, pooled=True, prior=bg.Laplace(1.0))
    with pytest.raises(bg.ModelError, match="must be a Normal"):
        bg.fit(bg.GLM("y", bg.Linear("x", pooled=True), prior=bg.Laplace(1.0)), data)
    with pytest.raises(bg.ModelError, match="population"):
        bg.fit(SPIKES, data.isel(unit=0))
    with pytest.raises(bg.ModelError, match="one positive number"):
        bg.fit(bg.GLM("y", bg.Linear("x", pooled=bg.Uniform(0.1, 1.0))), data)
    with pytest.raises(bg.ModelError, match="is pooled"):
        bg.Interaction(bg.Linear("x", pooled=True), "z")
    with pytest.raises(bg.ModelError, match="not pooled"):
        bg.Lagged("x", lags=2, rank=1, pooled=True)
    with pytest.raises(bg.ModelError, match="holds labels"):
        bg.fit(bg.GLM("y", bg.Linear("word", pooled=True)), data.assign(word=("time", ["a"] * 150)))
    with pytest.raises(bg.ModelError, match="no joint mode"):
        bg.fit_map(SPIKES, data)
    with pytest.raises(bg.ModelError, match="no joint mode"):
        bg.tune_prior(SPIKES, data)
    learned = bg.Linear("z", prior=bg.Normal(bg.HalfNormal(1.0)))
    both = bg.GLM("y", [bg.Linear("x", pooled=True), learned], family="poisson")
    with pytest.raises(bg.ModelError, match="z_scale"):
        bg.fit(both, data.assign(z=data["x"] ** 2))
