"""Evidences against integrals that are done otherwise, and the draws that go with them."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import simulate
from scipy.integrate import quad
from scipy.special import erfcx, expit, gammaln, log_expit
from scipy.stats import multivariate_normal, t

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.evidence import evidence_function, importance_draws

LOG_2_PI = np.log(2 * np.pi)
RNG = np.random.default_rng(7)
N = 30
X = RNG.normal(size=(N, 2))
ETA = X @ [1.0, -0.4] + 0.3
TRIALS = RNG.integers(1, 6, N)
RESPONSES = {
    "bernoulli": (RNG.random(N) < expit(ETA)).astype(float),
    "binomial": RNG.binomial(TRIALS, expit(ETA)).astype(float),
    "poisson": RNG.poisson(np.exp(ETA)).astype(float),
    "gaussian": ETA + 0.8 * RNG.normal(size=N),
}


def stream(seed=0):
    return np.random.SeedSequence(seed)


def evidence(model, data, draws=2000, seed=0):
    problems = open_problems(model, data)
    return evidence_function(problems[0], draws, stream(seed))(problems[0])


def glm(family, terms, **options):
    if family == "binomial":
        options["trials"] = "trials"
    return bg.GLM("y", terms, family=family, **options)


def data_of(family):
    return {"y": RESPONSES[family], "x": X[:, 0], "z": X[:, 1], "X": X, "trials": TRIALS}


def log_likelihood(family, eta, sigma=0.8):
    """The sum over samples at linear predictors ``(..., N)``."""
    y = RESPONSES[family]
    if family == "bernoulli":
        return (y * log_expit(eta) + (1 - y) * log_expit(-eta)).sum(-1)
    if family == "binomial":
        constant = gammaln(TRIALS + 1) - gammaln(y + 1) - gammaln(TRIALS - y + 1)
        return (y * log_expit(eta) + (TRIALS - y) * log_expit(-eta) + constant).sum(-1)
    if family == "poisson":
        return (y * eta - np.exp(eta) - gammaln(y + 1)).sum(-1)
    z = (y - eta) / sigma
    return (-0.5 * z**2 - np.log(sigma) - 0.5 * LOG_2_PI).sum(-1)


def log_prior(prior, w):
    d = (w - prior.loc) / prior.scale
    if isinstance(prior, bg.Normal):
        return -0.5 * d**2 - np.log(prior.scale) - 0.5 * LOG_2_PI
    if isinstance(prior, bg.Laplace):
        return -np.abs(d) - np.log(2 * prior.scale)
    if isinstance(prior, bg.StudentT):
        return t.logpdf(w, prior.df, prior.loc, prior.scale)
    ratio = prior.ratio
    norm = np.sqrt(2 * np.pi / (1 - ratio)) * erfcx(ratio / np.sqrt(2 * (1 - ratio)))
    return -ratio * np.abs(d) - 0.5 * (1 - ratio) * d**2 - np.log(prior.scale * norm)


def log_sum(values, cell):
    return float(np.logaddexp.reduce(values, axis=None) + np.log(cell))


def on_a_grid(family, priors, sigma=0.8, reach=6.0, points=601):
    """log Z of two coefficients by a sum over a fine grid."""
    side = np.linspace(-reach, reach, points)
    side = side + 0.5 * (side[1] - side[0])  # no point at a kink
    total = []
    for a in side:
        eta = a * X[:, 0] + side[:, None] * X[:, 1]
        total.append(
            log_likelihood(family, eta, sigma)
            + log_prior(priors[0], a)
            + log_prior(priors[1], side)
        )
    return log_sum(np.array(total), (side[1] - side[0]) ** 2)


PRIORS = {
    "ridge": bg.Normal(0.7),
    "shifted": bg.Normal(0.7, loc=0.5),
    "lasso": bg.Laplace(0.3),
    "shifted lasso": bg.Laplace(0.3, loc=-0.2),
    "elastic net": bg.ElasticNet(0.5, ratio=0.6),
    "heavy tails": bg.StudentT(0.5),
}


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("family", RESPONSES)
def test_two_coefficients_by_quadrature(family, prior):
    options = {"dispersion": 0.8} if family == "gaussian" else {}
    terms = [bg.Linear("x", prior=PRIORS[prior]), bg.Linear("z", prior=bg.Normal(2.0))]
    found = evidence(glm(family, terms, intercept=None, **options), data_of(family))
    exact = on_a_grid(family, [PRIORS[prior], bg.Normal(2.0)])
    assert abs(found.log_evidence - exact) < max(4.0 * found.error, 1e-4)
    assert found.error < 0.02
    assert found.khat < 0.7
    smooth = prior in ("ridge", "shifted")
    assert np.isnan(found.laplace) != smooth
    if smooth:
        assert abs(found.laplace - exact) < 0.2
    if smooth and family == "gaussian":
        assert found.log_evidence == found.laplace == pytest.approx(exact, abs=1e-7)
        assert (found.error, found.khat) == (0.0, 0.0)


def gaussian_evidence(y, X, precision, mean, sigma, log_norm):
    """log of the integral over w of N(y; X w, sigma^2) times a Gaussian of any rank, by hand.

    The Gaussian is exp(log_norm - (w - mean)' precision (w - mean) / 2).
    """
    total = X.T @ X / sigma**2 + precision
    pull = X.T @ y / sigma**2 + precision @ mean
    best = np.linalg.solve(total, pull)
    squares = y @ y / sigma**2 + mean @ precision @ mean - pull @ best
    value = log_norm - 0.5 * squares - len(y) * (np.log(sigma) + 0.5 * LOG_2_PI)
    return value + 0.5 * len(best) * LOG_2_PI - 0.5 * np.linalg.slogdet(total)[1]


def test_a_gaussian_with_known_sigma_is_exact():
    data = simulate(80, seed=2)
    columns, y = data["movie"].values.reshape(80, -1), data["gaussian"].values
    offset, sigma, scale, loc = data["offset"].values, 0.6, 0.3, 0.1
    term = bg.Linear("movie", prior=bg.Normal(scale, loc=loc))
    options = {"dispersion": sigma, "offset": "offset"}
    proper = bg.GLM("gaussian", term, intercept=bg.Normal(2.0), **options)
    covariance = sigma**2 * np.eye(80) + scale**2 * columns @ columns.T + 4.0
    mean = offset + loc * columns.sum(axis=1)
    found = evidence(proper, data)
    expected = multivariate_normal(mean, covariance).logpdf(y)
    assert found.log_evidence == pytest.approx(expected, abs=1e-8)
    # A flat intercept leaves out the constant of its density, which is one everywhere.
    flat = evidence(bg.GLM("gaussian", term, **options), data)
    design = np.column_stack([np.ones(80), columns])
    precision = np.diag([0.0, *[scale**-2.0] * 6])
    log_norm = -6 * (np.log(scale) + 0.5 * LOG_2_PI)
    by_hand = gaussian_evidence(
        y - offset, design, precision, np.array([0.0, *[loc] * 6]), sigma, log_norm
    )
    assert flat.log_evidence == pytest.approx(by_hand, abs=1e-8)


@pytest.mark.parametrize("scale", [0.05, 2.0])
def test_a_random_walk_counts_its_rank(scale):
    data = simulate(100, seed=3)
    x, y = data["x"].values, data["gaussian"].values[5:]
    columns = np.column_stack([x[5 - k : 100 - k] for k in range(6)])
    term = bg.Lagged("x", lags=6, prior=bg.RandomWalk(scale, order=2))
    found = evidence(bg.GLM("gaussian", term, intercept=None, dispersion=0.7), data)
    D = np.diff(np.eye(6), 2, axis=0)
    Q = D.T @ D
    log_pdet = np.log(np.linalg.eigvalsh(Q)[2:]).sum()
    log_norm = 0.5 * log_pdet - 4 * (np.log(scale) + 0.5 * LOG_2_PI)
    expected = gaussian_evidence(y, columns, Q / scale**2, np.zeros(6), 0.7, log_norm)
    assert found.log_evidence == pytest.approx(expected, abs=1e-8)


SIGMAS = {
    "half-normal": (
        bg.HalfNormal(1.5),
        lambda s: np.log(2 / 1.5) - 0.5 * (s / 1.5) ** 2 - 0.5 * LOG_2_PI,
    ),
    "half-t": (bg.HalfStudentT(1.0, df=3), lambda s: np.log(2) + t.logpdf(s, 3)),
    "exponential": (bg.Exponential(2.0), lambda s: -s / 2 - np.log(2)),
    "flat": (bg.Flat(), lambda s: 0.0),
}


@pytest.mark.parametrize("n", [6, 30])
@pytest.mark.parametrize("name", SIGMAS)
def test_a_learned_sigma_is_integrated(name, n):
    prior, log_density = SIGMAS[name]
    y, columns = RESPONSES["gaussian"][:n], X[:n]
    covariance = 0.5**2 * columns @ columns.T

    def log_integrand(sigma):
        of = multivariate_normal(np.zeros(n), covariance + sigma**2 * np.eye(n))
        return of.logpdf(y) + log_density(sigma)

    top = max(log_integrand(s) for s in np.linspace(0.1, 3, 100))
    pieces = [(1e-3, 0.5), (0.5, 1.0), (1.0, 3.0), (3.0, 30.0), (30.0, np.inf)]
    total = sum(quad(lambda s: np.exp(log_integrand(s) - top), *piece)[0] for piece in pieces)
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.5)), intercept=None, dispersion=prior)
    found = evidence(model, {"y": y, "X": columns})
    assert found.log_evidence == pytest.approx(top + np.log(total), abs=1e-6)
    assert (found.error, found.khat) == (0.0, 0.0)
    assert 1e-3 < abs(found.laplace - found.log_evidence) < 0.5


@pytest.mark.parametrize("prior", ["lasso", "elastic net"])
def test_a_learned_sigma_beside_a_kink(prior):
    logs = np.linspace(np.log(0.3), np.log(3.0), 60)
    values = [
        on_a_grid("gaussian", [PRIORS[prior], bg.Normal(2.0)], np.exp(one), reach=4.0, points=241)
        + np.log(2 / 1.5) - 0.5 * (np.exp(one) / 1.5) ** 2 - 0.5 * LOG_2_PI + one
        for one in logs
    ]  # fmt: skip
    terms = [bg.Linear("x", prior=PRIORS[prior]), bg.Linear("z", prior=bg.Normal(2.0))]
    model = glm("gaussian", terms, intercept=None, dispersion=bg.HalfNormal(1.5))
    found = evidence(model, data_of("gaussian"))
    exact = log_sum(np.array(values), logs[1] - logs[0])
    assert abs(found.log_evidence - exact) < max(4.0 * found.error, 2e-3)
    assert found.error < 0.01


@pytest.mark.parametrize("scale", [0.02, 0.3, 5.0])
def test_a_lasso_of_orthogonal_columns_is_a_product_of_integrals(scale):
    rng = np.random.default_rng(1)
    design = np.linalg.qr(rng.normal(size=(80, 12)))[0] * 5.0
    y = design @ np.where(np.arange(12) < 4, 0.8, 0.0) + rng.normal(size=80)
    model = bg.GLM("y", bg.Linear("X", prior=bg.Laplace(scale)), dispersion=1.0, intercept=None)
    found = evidence(model, {"y": y, "X": design})
    best = design.T @ y / 25.0
    rest = -0.5 * (y @ y - 25.0 * best @ best) - 40 * LOG_2_PI
    total = rest
    for one in best:

        def integrand(w, one=one):
            return np.exp(-12.5 * (w - one) ** 2 - abs(w) / scale)

        ends = sorted({0.0, *np.clip([one - 2.0, one, one + 2.0], -9, 9)})
        parts = [quad(integrand, a, b)[0] for a, b in pairwise(ends)]
        total += np.log(sum(parts) / (2 * scale))
    assert found.log_evidence == pytest.approx(total, abs=1e-5)
    assert found.error < 1e-5


def test_learned_scales_of_other_terms_are_integrated():
    logs = np.linspace(-9.0, 5.0, 141)
    half = np.log(2) - 0.5 * np.exp(logs) ** 2 - 0.5 * LOG_2_PI + logs
    values = [
        on_a_grid("poisson", [bg.Normal(0.7), bg.Normal(np.exp(one))], reach=3.0, points=201) + h
        for one, h in zip(logs, half, strict=True)
        if np.exp(one) > 0.02
    ]
    # Where the scale is next to nothing, so is the coefficient.
    side = np.linspace(-3.0, 3.0, 601)
    none = log_likelihood("poisson", side[:, None] * X[:, 0]) + log_prior(bg.Normal(0.7), side)
    none = log_sum(none, side[1] - side[0])
    values += [none + h for one, h in zip(logs, half, strict=True) if np.exp(one) <= 0.02]
    terms = [
        bg.Linear("x", prior=bg.Normal(0.7)),
        bg.Linear("z", prior=bg.Normal(bg.HalfNormal(1.0))),
    ]
    found = evidence(glm("poisson", terms, intercept=None), data_of("poisson"), draws=8000)
    exact = log_sum(np.array(values), logs[1] - logs[0])
    assert abs(found.log_evidence - exact) < max(4.0 * found.error, 5e-3)
    assert np.isnan(found.laplace)


def test_the_same_stream_gives_the_same_numbers():
    model = glm("poisson", bg.Linear("X", prior=bg.Laplace(0.5)))
    one, again, other = (evidence(model, data_of("poisson"), seed=k) for k in (0, 0, 1))
    assert one[:2] == again[:2]
    assert one.log_evidence != other.log_evidence
    assert abs(one.log_evidence - other.log_evidence) < 4 * np.hypot(one.error, other.error)


def test_errors_are_those_of_repeated_runs():
    model = glm("bernoulli", bg.Linear("X", prior=bg.Normal(2.0)))
    found = [evidence(model, data_of("bernoulli"), 400, k) for k in range(40)]
    spread = np.std([one.log_evidence for one in found], ddof=1)
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.4)


def test_improper_posteriors_have_no_evidence():
    data = {"y": np.array([0.0, 1.0, 2.5]), "x": np.array([-1.0, 0.4, 0.5])}
    model = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), dispersion=bg.Flat())
    with pytest.raises(bg.ModelError, match="improper, so there is no evidence; give the disp"):
        evidence(model, data)


KINDS = {
    "poisson": glm("poisson", bg.Linear("X", prior=bg.Normal(0.7))),
    "poisson, lasso": glm("poisson", bg.Linear("X", prior=bg.Laplace(0.3))),
    "bernoulli, elastic net": glm("bernoulli", bg.Linear("X", prior=bg.ElasticNet(0.5))),
    "gaussian": glm("gaussian", bg.Linear("X", prior=bg.Normal(0.7))),
    "gaussian, sigma known": glm("gaussian", bg.Linear("X", prior=bg.Normal(0.7)), dispersion=0.8),
    "gaussian, lasso": glm("gaussian", bg.Linear("X", prior=bg.Laplace(0.3))),
}


def moments_on_a_grid(problem, draws):
    """Mean and sd of every parameter by the density on a grid of points around some draws."""
    flat = draws.reshape(-1, draws.shape[-1])
    mean, sd = flat.mean(0), flat.std(0)
    side = np.linspace(-5.5, 5.5, 31 if flat.shape[1] > 3 else 61)
    points = np.stack(np.meshgrid(*[side] * flat.shape[1], indexing="ij"), axis=-1)
    thetas = mean + sd * points.reshape(-1, flat.shape[1])
    weights = problem.unconstrained.log_density(thetas)
    weights = np.exp(weights - weights.max())
    weights /= weights.sum()
    centre = weights @ thetas
    return centre, np.sqrt(weights @ (thetas - centre) ** 2)


@pytest.mark.parametrize("name", KINDS)
def test_draws_have_the_moments_of_the_posterior(name):
    family = name.partition(",")[0]
    (problem,) = open_problems(KINDS[name], data_of(family))
    draws = importance_draws(problem, 1000, 4, stream())
    assert draws.shape == (4, 1000, problem.natural.size)
    mean, sd = moments_on_a_grid(problem, draws)
    flat = draws.reshape(4000, -1)
    np.testing.assert_allclose(flat.mean(0), mean, atol=float(np.max(0.06 * sd)))
    np.testing.assert_allclose(flat.std(0), sd, rtol=0.08)
    again = importance_draws(problem, 1000, 4, stream())
    np.testing.assert_array_equal(draws, again)


def test_draws_that_are_left_to_others():
    heavy = glm("poisson", bg.Linear("X", prior=bg.StudentT(0.5)))
    curved = glm("gaussian", bg.Linear("X", prior=bg.Normal(1.0)), link="log")
    learned = glm("poisson", bg.Linear("X", prior=bg.Normal(bg.HalfNormal(1.0))))
    for model in (heavy, curved, learned):
        family = model.family
        data = data_of(family) | {"y": np.exp(0.2 * RESPONSES[family])}
        if family == "poisson":
            data["y"] = RESPONSES["poisson"]
        (problem,) = open_problems(model, data)
        assert importance_draws(problem, 100, 4, stream()) is None


def test_weights_that_do_not_stand_give_no_draws():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(30, 25))
    y = rng.choice(["a", "b", "c"], 30)  # of several linear predictors no row has a site
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(30.0)), family="categorical")
    (problem,) = open_problems(model, {"y": y, "X": wide})
    assert importance_draws(problem, 250, 4, stream()) is None
    assert not evidence(model, {"y": y, "X": wide}, 1000).khat < 0.7
