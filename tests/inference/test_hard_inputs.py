"""Hard inputs end at the optimum or at a clear error, by every route to it.

The optimum is that of `exact`, with sixty digits. Coefficients are held to 1e-6 of their posterior
standard deviations (1e-5 by solvers that go by passes over the data and stop 1e-4 before their
last step), and the log posterior to 1e-10, beside what the rounding of a linear predictor does to
it.
"""

import numpy as np
import pytest
from exact import Posterior
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr

import bayesglm as bg
from bayesglm.inference.modes import matrix_free, router, solve
from bayesglm.inference.problem.problem import open_problems

BINARY = [(f, link) for f in ("bernoulli", "binomial") for link in ("logit", "probit", "cloglog")]
COUNTS = [("poisson", "log"), ("poisson", "softplus")]
LINKS = [*BINARY, *COUNTS, ("gaussian", "identity"), ("gaussian", "log")]
PROBABILITIES = {"logit": expit, "probit": ndtr, "cloglog": lambda eta: -np.expm1(-np.exp(eta))}
MEANS = {"log": np.exp, "softplus": lambda eta: np.logaddexp(0, eta), "identity": lambda eta: eta}
PRIORS = {
    "flat": bg.Flat(),
    "tiny ridge": bg.ridge(1e-6),
    "normal": bg.Normal(1.0),
    "wide": bg.Normal(1e3),
    "very wide": bg.Normal(1e6),
    "lasso": bg.lasso(1.0),
    "elastic net": bg.elastic_net(0.5, 0.1),
}


def draw(family, link, n=40, p=3, seed=1):
    """Return predictors, responses, and the trials or the sigma that go with them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    eta = X @ rng.normal(size=p) * 0.5 + 0.2
    if family == "gaussian":
        return X, MEANS[link](eta) + 0.7 * rng.normal(size=n), {"sigma": 0.7}
    if family == "poisson":
        return X, rng.poisson(MEANS[link](eta)) * 1.0, {}
    if family == "bernoulli":
        return X, (rng.random(n) < PROBABILITIES[link](eta)) * 1.0, {}
    trials = rng.integers(1, 9, n)
    return X, rng.binomial(trials, PROBABILITIES[link](eta)) * 1.0, {"trials": trials * 1.0}


def routes(family, link, prior, sigma, n):
    """Name every route that can take such a model."""
    names = ["newton"]
    if (family, link) == ("gaussian", "identity"):
        names.append("moments")
    if family == "gaussian" and (link != "identity" or not isinstance(sigma, float)):
        return names  # where there may be several modes, Newton's method alone is asked
    if isinstance(prior, (bg.Laplace, bg.ElasticNet)):
        return [*names, "sparse path", "active"]
    return [*names, "matrix-free"] if n < 100 else ["sample", "matrix-free"]


def columns_priors(prior, p):
    """Return a prior for each column; a walk is one of all, and stands apart."""
    if isinstance(prior, (bg.Flat, bg.RandomWalk)):
        return [bg.Flat()] * p
    scales = np.broadcast_to(prior.scale, p)
    rest = {"ratio": prior.ratio} if isinstance(prior, bg.ElasticNet) else {}
    return [type(prior)(float(scale), **rest) for scale in scales]


def fit_by(route, model, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solve, "_route", lambda *_: solve.ROUTES[route])
        patch.setattr(router, "LEAST_SAMPLE", 50)
        return bg.fit_map(model, data)


def check(family, link, X, y, prior, intercept=None, sigma=None, error=None, slack=0.0, **rows):
    """Fit by every route; hold what comes against the reference, or against an error's message."""
    intercept = bg.Flat() if intercept is None else intercept
    rows = {name: values for name, values in rows.items() if values is not None}
    options = {name: name for name in rows} | ({"dispersion": sigma} if sigma is not None else {})
    terms = bg.Linear("X", prior=prior)
    model = bg.GLM("y", terms, family, link, intercept=intercept, **options)
    data, (n, p) = {"y": y, "X": X, **rows}, np.shape(X)
    walk = prior if isinstance(prior, bg.RandomWalk) else None
    posterior = Posterior(
        family,
        link,
        np.column_stack([np.ones(n), X]),
        y,
        [intercept, *columns_priors(prior, p)],
        sigma,
        walk=walk,
        **rows,
    )
    known, ended = None, []
    for route in routes(family, link, prior, sigma, n):
        try:
            fit = fit_by(route, model, data)
        except bg.BayesGLMError as failure:
            if error is None or not any(words in str(failure) for words in error):
                raise
            ended.append(type(failure))
            continue
        found = fit["map"]
        theta = np.r_[found["intercept"], found["X"].values.ravel()]
        theta = np.r_[theta, np.log(found["sigma"])] if posterior.free else theta
        near = 1e-6 if route in ("newton", "moments") else 1e-5
        known = hold_against(posterior, theta, fit.attrs["log_posterior"], known, slack, near)
        ended.append(None)
    return ended


def hold_against(posterior, theta, log_posterior, known, slack, near=1e-6):
    """Assert that theta is the optimum; return the optimum on each face that was seen.

    ``slack`` times what rounding the gradient does to the optimum is no error: columns that differ
    in their last digits only are columns of their own under a prior that is wide enough.
    """
    assert posterior.residual(theta) <= near
    of_value, of_gradient = posterior.rounding(theta)
    known = {} if known is None else known
    face = tuple(theta == 0.0)
    if face not in known:
        try:
            known[face] = posterior.optimum(theta)
        except ZeroDivisionError:  # equal columns share a penalty: any share is an optimum
            known[face] = None
    if known[face] is None:
        value = posterior.smooth(theta)[0] - posterior.kink.dot(np.abs(theta))
    else:
        optimum, value, covariance = known[face]
        away, unsure = abs(optimum - theta), slack * abs(covariance).dot(of_gradient)
        for moved, more, variance in zip(away, unsure, np.diagonal(covariance), strict=True):
            assert moved <= near * variance**0.5 + more
            of_value += more**2 / variance if variance else 0
        # On the plateau of separated data sd are so large that every place is near the end.
        if posterior.family != "gaussian" and isinstance(posterior.priors[-1], bg.Flat):
            step = posterior.X.dot(optimum - theta)
            assert max(abs(step)) <= 1e-3
    assert abs(log_posterior - value) <= 1e-10 * (1 + abs(value)) + of_value
    return known


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize(("family", "link"), BINARY)
def test_separated_data(family, link, prior):
    X, y, rows = draw(family, link)
    trials = rows.get("trials", np.ones(len(y)))
    y = np.where(X[:, 0] > 0, trials, 0.0)
    message = ["the data are separated"] if prior == "flat" else None
    ended = check(family, link, X, y, PRIORS[prior], error=message, **rows)
    assert all((end is bg.DataError) == (prior == "flat") for end in ended)
    # One row on the wrong side, in one column; and two neighbours that have changed sides.
    order = np.argsort(X[:, 0])
    near = y.copy()
    near[order[-3]] = 0.0
    check(family, link, X[:, :1], near, PRIORS[prior], **rows)
    edge = np.searchsorted(X[order, 0], 0.0)
    low, high = order[edge - 1], order[edge]
    y[low], y[high] = trials[low], 0.0
    check(family, link, X[:, :1], y, PRIORS[prior], **rows)


@pytest.mark.parametrize("held", [bg.lasso(1.0), bg.ridge(1.0)])
@pytest.mark.parametrize(("family", "link"), BINARY)
def test_a_flat_term_separates_beside_one_that_is_held(family, link, held):
    X, y, rows = draw(family, link, 400)
    y = np.where(X[:, 0] > 0, rows.get("trials", 1.0), 0.0)
    terms = [bg.Linear("a", prior=bg.Flat()), bg.Linear("X", prior=held)]
    model = bg.GLM("y", terms, family, link, **{name: name for name in rows})
    for route in routes(family, link, held, None, 400):
        with pytest.raises(bg.DataError, match=r"keeps rising as the coefficients of .*'a'"):
            fit_by(route, model, {"y": y, "a": X[:, 0], "X": X[:, 1:], **rows})


@pytest.mark.parametrize(("family", "link"), LINKS)
@pytest.mark.parametrize("n", [40, 400])
def test_columns_of_any_scale(family, link, n):
    X, y, rows = draw(family, link, n)
    c = 10.0 ** np.random.default_rng(5).uniform(-8, 8, 3)
    priors = [bg.Flat(), bg.Normal(1.0), bg.Normal(1 / c), bg.Laplace(0.3 / c), bg.lasso(1.0)]
    for prior in priors if n == 40 else priors[:3]:
        check(family, link, X * c, y, prior, **rows)
    if family == "gaussian" and n == 40:
        for prior, sigma in ((bg.Flat(), bg.Flat()), (bg.Laplace(0.3 / c), bg.HalfNormal(1.0))):
            check(family, link, X * c, y, prior, sigma=sigma)


@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-6])
@pytest.mark.parametrize(("family", "link"), LINKS)
def test_collinear_columns(family, link, apart):
    X, y, rows = draw(family, link)
    Z = np.column_stack([X, X[:, 0] + apart * np.random.default_rng(2).normal(size=len(y))])
    for name, prior in PRIORS.items():
        error = None
        if name == "flat" and apart < 1e-6:
            error = ["the columns 'X[X_dim_0=3]'" if apart == 0 else "floating point cannot tell"]
        ended = check(family, link, Z, y, prior, error=error, **rows)
        assert all((end is bg.DataError) == (name == "flat" and apart == 0) for end in ended)
    if family == "gaussian":
        check(family, link, Z, y, bg.Normal(1e3), sigma=bg.Flat())


def test_matrix_free_calls_nothing_converged_that_it_cannot_certify(monkeypatch):
    X, y, _ = draw("bernoulli", "logit")
    Z = np.column_stack([X, X[:, 0] + 1e-9 * np.random.default_rng(2).normal(size=len(y))])
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(1e6)), "bernoulli")
    monkeypatch.setattr(matrix_free, "MOST_KEPT", 0)
    problem = open_problems(model, {"y": y, "X": Z})[0]
    with pytest.raises(bg.ConvergenceError, match="nearly dependent columns"):
        matrix_free.matrix_free([problem], [problem.natural])
    again = bg.GLM("y", bg.Linear("X", prior=bg.Normal(1.0)), "bernoulli")
    problem = open_problems(again, {"y": y, "X": Z})[0]
    found = matrix_free.matrix_free([problem], [problem.natural])[0]
    assert found.solver == "quasi-newton, matrix-free"


@pytest.mark.parametrize("distance", [1e3, 1e6])
@pytest.mark.parametrize(("family", "link"), LINKS)
def test_columns_far_from_zero(family, link, distance):
    X, y, rows = draw(family, link)
    Z = (X + distance * np.array([1, 1, 0])) * [1.0, 1e5, 1.0]
    for prior in ("flat", "normal", "wide", "lasso", "elastic net"):
        check(family, link, Z, y, PRIORS[prior], **rows)
    if family == "gaussian":
        check(family, link, Z, y, bg.Flat(), sigma=bg.Flat())


@pytest.mark.parametrize("prior", ["flat", "normal", "lasso"])
@pytest.mark.parametrize(("family", "link"), LINKS)
def test_extreme_weights_and_offsets(family, link, prior):
    X, y, rows = draw(family, link)
    rng = np.random.default_rng(5)
    weights, offset = 10.0 ** rng.uniform(-6, 6, len(y)), rng.choice([-20.0, 20.0], len(y))
    some = weights * (rng.random(len(y)) < 0.7)
    for own in (
        {"weights": weights},
        {"weights": some},
        {"offset": offset},
        {"weights": weights, "offset": offset},
    ):
        check(family, link, X, y, PRIORS[prior], **rows, **own)


@pytest.mark.parametrize(("family", "link"), [("bernoulli", "cloglog"), *COUNTS])
def test_samples_of_rows_of_extreme_weight(family, link):
    X, y, rows = draw(family, link, 400)
    rng = np.random.default_rng(5)
    weights, offset = 10.0 ** rng.uniform(-6, 6, len(y)), rng.choice([-20.0, 20.0], len(y))
    check(family, link, X, y, bg.Normal(1.0), weights=weights, offset=offset, **rows)
    near = np.where(X[:, 0] > 0, 1.0, 0.0)
    near[np.argsort(X[:, 0])[-3]] = 0.0
    check("bernoulli", "cloglog", X[:, :1], near, bg.ridge(1e-6))


@pytest.mark.parametrize("size", [1e6, 1e9, 1e12])
@pytest.mark.parametrize("prior", ["flat", "normal", "lasso", "elastic net"])
def test_huge_counts(prior, size):
    rng = np.random.default_rng(3)
    X, _, _ = draw("poisson", "log", seed=2)
    eta = 0.3 * X[:, 0] - 0.2 * X[:, 1]
    exactly = size * np.exp(eta) * (1 + rng.normal(size=len(eta)) / np.sqrt(size))
    for y in (exactly, exactly * np.exp(0.5 * rng.normal(size=len(eta)))):
        check("poisson", "log", X, np.rint(y), PRIORS[prior])
    check("poisson", "softplus", X, np.rint(size * (1 + 0.1 * eta)), PRIORS[prior])
    trials = np.full(len(eta), size)
    rare = rng.integers(0, 4, len(eta)) * 1.0
    for link, probability in PROBABILITIES.items():
        often = rng.binomial(int(size), probability(0.3 * eta - 1.0)) * 1.0
        for y in (often, rare):
            check("binomial", link, X, y, PRIORS[prior], trials=trials)


def test_huge_counts_by_a_sample():
    X, _, _ = draw("poisson", "log", 400, seed=2)
    y = np.rint(1e12 * np.exp(0.3 * X[:, 0] + 0.5 * np.random.default_rng(3).normal(size=400)))
    check("poisson", "log", X, y, bg.Flat())


@pytest.mark.parametrize("link", ["log", "softplus"])
def test_silent_neurons(link):
    X, y, _ = draw("poisson", link)
    y[:] = 0.0
    for prior in ("flat", "normal", "lasso"):
        ended = check("poisson", link, X, y, PRIORS[prior], error=["does not vary"])
        assert set(ended) == {bg.DataError}
        if prior == "flat":
            continue
        for scale in (1.0, 1e3):
            check("poisson", link, X, y, PRIORS[prior], intercept=bg.Normal(scale))
    y[7] = 1.0
    for prior in ("normal", "lasso"):
        check("poisson", link, X, y, PRIORS[prior])


@pytest.mark.parametrize("link", PROBABILITIES)
def test_nothing_but_ones(link):
    X, y, _ = draw("bernoulli", link)
    y[:] = 1.0
    for prior in ("normal", "lasso"):
        ended = check("bernoulli", link, X, y, PRIORS[prior], error=["does not vary"])
        assert set(ended) == {bg.DataError}
        for scale in (1.0, 1e3):
            check("bernoulli", link, X, y, PRIORS[prior], intercept=bg.Normal(scale))


@pytest.mark.parametrize("lam", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("family", "link"), LINKS)
def test_more_columns_than_rows(family, link, lam):
    X, y, rows = draw(family, link, 10, 25, seed=3)
    for prior in (bg.ridge(lam), bg.lasso(lam), bg.elastic_net(lam, lam)):
        check(family, link, X, y, prior, **rows)


@pytest.mark.parametrize("lam", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("family", "link"), LINKS)
def test_random_walks_over_more_columns_than_rows(family, link, lam):
    X, y, rows = draw(family, link, 10, 14, seed=3)
    check(family, link, X, y, bg.smooth(lam), **rows)


@pytest.mark.parametrize("size", [1e-9, 1e9, 1e12])
@pytest.mark.parametrize("prior", ["flat", "wide", "lasso"])
@pytest.mark.parametrize("n", [40, 400])
def test_gaussian_responses_of_any_size(prior, size, n):
    X, y, _ = draw("gaussian", "identity", n)
    for sigma in (size, size * 1e-6):
        check("gaussian", "identity", X, size * y, PRIORS[prior], sigma=sigma)
    if n == 40:
        check("gaussian", "identity", X, size * y, PRIORS[prior], sigma=bg.Flat())


@settings(max_examples=60)
@given(
    which=st.sampled_from(LINKS),
    prior=st.sampled_from(list(PRIORS)),
    seed=st.integers(0, 10_000),
    n=st.integers(20, 50),
    p=st.integers(2, 5),
    intercept=st.sampled_from([bg.Flat(), bg.Normal(1.0)]),
    traits=st.sets(
        st.sampled_from(["scaled", "far", "twin", "nearly", "sorted", "weights", "offset", "zeros"])
    ),
)
def test_any_mixture_of_hard_traits(which, prior, seed, n, p, intercept, traits):
    (family, link), rng = which, np.random.default_rng(seed)
    X, y, rows = draw(family, link, n, p, seed)
    if "far" in traits:
        X[:, 0] += 1e4
    if "twin" in traits:
        X[:, -1] = X[:, 0]
    if "nearly" in traits:
        X[:, 1] = X[:, 0] + 1e-7 * rng.normal(size=n)
    if "sorted" in traits and family in ("bernoulli", "binomial"):
        y = np.where(X[:, -1] > np.median(X[:, -1]), rows.get("trials", 1.0), 0.0)
    if "zeros" in traits and family != "gaussian":
        y = np.zeros(n)
    if "scaled" in traits:
        X = X * 10.0 ** rng.uniform(-8, 8, p)
    if "weights" in traits:
        rows["weights"] = 10.0 ** rng.uniform(-6, 6, n)
    if "offset" in traits:
        rows["offset"] = rng.choice([-20.0, 20.0], n)
    check(family, link, X, y, PRIORS[prior], intercept=intercept, error=[""], slack=4.0, **rows)
