"""Sites of rows, and proposals that put the rows' likelihoods in their place."""

import numpy as np
import pytest
from families import KEYS, phi_of, responses_of, trials_of
from scipy.special import log_expit
from scipy.stats import norm

import bayesglm as bg
from bayesglm.inference.modes.optimum import find_mode
from bayesglm.inference.nuts.whitening import whiten
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.problem.row_space import in_row_space
from bayesglm.inference.weights.along import along, see
from bayesglm.inference.weights.evidence import evidence_function
from bayesglm.inference.weights.sequential import Sequential
from bayesglm.inference.weights.sites import RowLikelihood, has_sites, propagate, tilts
from bayesglm.inference.weights.transport import curves, maps
from bayesglm.numerics.families.table import FAMILIES

SCALAR = [
    key
    for key in KEYS
    if FAMILIES[key].log_concave and len(FAMILIES[key].channels) == 1
    if not (FAMILIES[key].n_levels or FAMILIES[key].quadratic)
]
MEANS, SDS = np.array([-3.0, 0.4, 6.0]), np.array([0.3, 2.0, 60.0])
RNG = np.random.default_rng(3)


def rows_of(key):
    """Return rows of every response of a family, at every mean and sd."""
    y = np.array(responses_of(key), dtype=float)
    y, mean, sd = (one.ravel() for one in np.meshgrid(y, MEANS, SDS, indexing="ij"))
    trials = trials_of(key[0])
    trials = None if trials is None else np.full(len(y), trials)
    return RowLikelihood(FAMILIES[key], y, trials, None, phi_of(key)), mean, sd**2


def test_families_with_sites():
    assert {"bernoulli", "binomial", "poisson", "gamma", "exponential"} <= {
        one for one, _ in SCALAR
    }


@pytest.mark.parametrize("key", SCALAR, ids="-".join)
def test_moments_and_quantiles_of_tilted_densities(key):
    """Those of sums over 20,001 nodes; maps between those of two means are close to them."""
    likelihood, mean, variance = rows_of(key)
    moved, at = mean + 0.23 * variance**0.5, np.array([0.05, 0.5, 0.95])
    found, spread = tilts(likelihood, moved, variance).moments()
    eta = found + np.linspace(-16.0, 16.0, 20_001)[:, None] * spread**0.5
    with np.errstate(all="ignore"):
        log_density = likelihood.value(eta) - 0.5 * (eta - moved) ** 2 / variance
    share = np.nan_to_num(np.exp(log_density - np.nanmax(log_density, axis=0)))
    share /= share.sum(axis=0)
    means = (share * eta).sum(axis=0)
    sds = ((share * (eta - means) ** 2).sum(axis=0)) ** 0.5
    assert np.all(np.abs(found - means) < 5e-3 * sds)
    np.testing.assert_allclose(spread**0.5, sds, rtol=5e-3)
    below = np.cumsum(share, axis=0) - 0.5 * share
    zeta = norm.ppf(at)
    exact = np.stack([np.interp(at, own, x) for own, x in zip(below.T, eta.T, strict=True)], 1)
    of_rows = curves(likelihood, moved, variance).at(np.repeat(zeta[:, None], len(mean), 1))[0]
    assert np.all(np.abs(of_rows - exact) < 0.01 * sds)
    several = maps(likelihood, mean, 0.7 * variance**0.5, variance, np.zeros(len(mean)))
    drawn = np.stack([own.at(np.full(3, moved[k]), zeta)[0] for k, own in enumerate(several)], 1)
    assert np.all(np.abs(drawn - exact) < 0.05 * sds)


@pytest.mark.parametrize("key", SCALAR, ids="-".join)
def test_maps_rise_by_the_slopes_that_they_tell(key):
    likelihood, mean, variance = rows_of(key)
    zeta = np.linspace(-7.0, 7.0, 2001)
    for k, own in enumerate(maps(likelihood, mean, variance**0.5, variance, np.zeros(len(mean)))):
        for away in (-9.0, 0.1, 9.0):
            at, log_slope = own.at(np.full(len(zeta), mean[k] + away * variance[k] ** 0.5), zeta)
            rise = np.exp(log_slope)
            assert np.all(rise > 0.0)
            total = np.trapezoid(rise, zeta)
            assert at[-1] - at[0] == pytest.approx(total, rel=1e-4)


def two_rows(family="bernoulli", **options):
    """Return a model of two rows and five coefficients, its data, and the sds of both etas."""
    rng = np.random.default_rng(2)
    y = np.array([3.0, 1.0]) if family == "poisson" else np.array([1.0, 0.0])
    data = {"y": y, "X": rng.normal(size=(2, 5)), "o": np.array([0.3, -0.4])}
    model = bg.GLM(
        "y",
        bg.Linear("X", prior=bg.Normal(options.pop("scale", 1.5), loc=0.2)),
        family=family,
        intercept=None,
        offset="o",
        **options,
    )
    return model, data


def log_likelihood(family, y, eta):
    if family == "poisson":
        return (y * eta - np.exp(eta)).sum(-1) - np.log(6.0)
    return log_expit((2.0 * y - 1.0) * eta).sum(-1)


def integrated(family, data, scale, n_nodes=601):
    """Return the log evidence, by a sum over the two linear predictors."""
    X = data["X"]
    centre, covariance = data["o"] + 0.2 * X.sum(1), scale**2 * X @ X.T
    nodes = np.linspace(-9.0, 9.0, n_nodes)
    u = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1)
    eta = centre + u @ np.linalg.cholesky(covariance).T
    values = norm.logpdf(u).sum(-1) + log_likelihood(family, data["y"], eta)
    return np.log(np.exp(values).sum()) + 2.0 * np.log(nodes[1] - nodes[0])


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
@pytest.mark.parametrize("scale", [0.1, 1.5, 8.0])
def test_evidence_of_two_rows(family, scale):
    model, data = two_rows(family, scale=scale)
    (problem,) = open_problems(model, data)
    found = evidence_function(problem, 2000, np.random.SeedSequence(0))(problem)
    exact = integrated(family, data, scale)
    assert found.khat < 0.7
    assert abs(found.log_evidence - exact) < 5.0 * found.error + 1e-4
    inner = in_row_space(problem).problem.unconstrained
    sites = propagate(inner, np.zeros(inner.size))
    assert sites.log_evidence == pytest.approx(exact, abs=0.05)


def test_evidence_of_a_scale_that_is_learned():
    model, data = two_rows(scale=bg.HalfNormal(2.0))
    (problem,) = open_problems(model, data)
    found = evidence_function(problem, 2000, np.random.SeedSequence(0))(problem)

    psi = np.linspace(np.log(1e-3), np.log(12.0), 80)
    values = [
        np.exp(integrated("bernoulli", data, scale, 301) + np.log(2.0) + norm.logpdf(scale, 0, 2.0))
        * scale
        for scale in np.exp(psi)
    ]
    exact = np.log(np.trapezoid(values, psi))
    assert abs(found.log_evidence - exact) < 5.0 * found.error + 1e-3
    fitted = bg.fit(model, data, draws=2000)
    assert fitted.attrs["method"] == "expectation propagation"
    mean = np.trapezoid(values * np.exp(psi), psi) / np.exp(exact)
    scales = fitted["posterior"]["X_scale"].values
    assert abs(scales.mean() - mean) < 5.0 * scales.std() / np.sqrt(2000)


def wide(n=12, p=30, family="bernoulli", seed=4, **options):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    y = rng.poisson(2.0, n) if family == "poisson" else rng.integers(0, 2, n)
    prior = options.pop("prior", bg.Normal(2.0))
    model = bg.GLM("y", bg.Linear("X", prior=prior), family=family, **options)
    return model, {"y": y.astype(float), "X": X}


def inner_of(model, data):
    return in_row_space(open_problems(model, data)[0]).problem


def proposal_of(problem):
    objective = problem.unconstrained
    mode = np.array(find_mode(problem, objective).x)
    return Sequential(propagate(objective, mode)), objective


@pytest.mark.parametrize("widened", [False, True])
def test_copies_of_rows_are_weights(widened):
    """Proposals are normalised, those of rows that others fix as well: evidences are the same."""
    model, data = wide(intercept=bg.Normal(1.0))
    weighted = bg.GLM("y", model.terms, family="bernoulli", intercept=bg.Normal(1.0), weights="w")
    doubled = {name: np.repeat(values, 2, axis=0) for name, values in data.items()}
    problems = (
        inner_of(weighted, data | {"w": np.full(len(data["y"]), 2.0)}),
        inner_of(model, doubled),
    )
    told = []
    for problem in problems:
        proposal, objective = proposal_of(problem)
        proposal = proposal.heavier() if widened else proposal
        theta, log_q = proposal.draw(np.random.default_rng(0), 5000)
        ratio = np.exp(objective.log_density(theta) - log_q)
        told.append((ratio.mean(), ratio.std() / np.sqrt(len(ratio))))
    (one, error), (other, other_error) = told
    assert abs(one - other) < 5.0 * np.hypot(error, other_error)


def test_turned_columns_have_the_same_evidence():
    model, data = wide()
    turn = np.linalg.qr(RNG.normal(size=(30, 30)))[0]
    one, other = (
        proposal_of(inner_of(model, data | {"X": X}))[0].given
        for X in (data["X"], data["X"] @ turn)
    )
    assert one.log_evidence == pytest.approx(other.log_evidence, abs=1e-6)
    np.testing.assert_allclose(one.eta, other.eta, atol=1e-6)


def test_what_has_no_sites():
    heavy, _ = wide(link="cauchit"), None
    free, data = wide(family="negative_binomial")
    others = [wide(prior=bg.StudentT(1.0)), heavy, (free, data)]
    for model, own in others:
        (problem,) = open_problems(model, own)
        assert not has_sites(problem.unconstrained)


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_coordinates_that_rows_bend(family):
    """Their density is the posterior's, its gradient that of differences, and nearly normal."""
    model, data = wide(family=family, prior=bg.Normal(5.0 if family == "bernoulli" else 0.5))
    problem = inner_of(model, data)
    objective, (coordinates, nearly_normal, _) = problem.unconstrained, whiten(problem)
    assert nearly_normal
    x = RNG.normal(size=(400, objective.size))
    value = objective.log_density(coordinates.to_theta(x)) + coordinates.log_det(x)
    assert np.std(value + 0.5 * np.square(x).sum(axis=1)) < 0.5

    def slope(theta):
        gradients = [objective.evaluate(one).gradient for one in theta]
        return objective.log_density(theta), np.array(gradients)

    some, step = x[:5], 1e-6
    of_x = coordinates.in_x(slope)
    np.testing.assert_allclose(of_x(some)[0], value[:5], rtol=1e-10)
    for k in range(objective.size):
        ends = [of_x(some + side * step * np.eye(objective.size)[k])[0] for side in (1.0, -1.0)]
        wanted = (ends[0] - ends[1]) / (2.0 * step)
        np.testing.assert_allclose(of_x(some)[1][:, k], wanted, rtol=1e-4, atol=1e-4)


def test_cells_along_a_dispersion():
    model, data = wide(family="negative_binomial", prior=bg.Normal(0.5))
    problem = inner_of(model, data | {"y": np.array([0.0, 3, 1, 9, 2, 0, 14, 1, 0, 5, 2, 1])})
    proposal, objective = along(problem, see(problem), 8), problem.unconstrained
    theta, log_q = proposal.draw(np.random.default_rng(0), 4000)
    log_w = objective.log_density(theta) - log_q
    assert np.std(log_w) < 0.5


def test_fits_and_samplers_agree():
    model, data = wide(n=20, p=60)
    fitted, sampled = bg.fit(model, data), bg.fit_mcmc(model, data)
    assert "row by row" in fitted.attrs["why"]
    assert fitted.attrs["khat"] < 0.5
    one, other = (fit["posterior"]["X"].values.reshape(-1, 60) for fit in (fitted, sampled))
    error = one.std(0) * np.sqrt(2.0 / 2000.0)
    assert np.all(np.abs(one.mean(0) - other.mean(0)) < 5.0 * error)
    assert np.all(np.abs(one.std(0) / other.std(0) - 1.0) < 5.0 / np.sqrt(2000.0))
