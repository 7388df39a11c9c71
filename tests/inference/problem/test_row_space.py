"""Problems in the directions that rows span have the same posterior, whatever the columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.problem.row_space import in_row_space

RNG = np.random.default_rng(5)
N, P = 8, 14
X, Z = RNG.normal(size=(N, P)), RNG.normal(size=(N, 2))
DATA = {
    "y": RNG.integers(0, 2, N).astype(float),
    "X": X,
    "Z": Z,
    "B": X[:, ::-1] + 1.0,
    "o": RNG.normal(size=N),
    "w": RNG.integers(1, 4, N).astype(float),
}
SCALES = tuple(RNG.uniform(0.2, 2.0, P))
LOCS = tuple(RNG.normal(size=P))
PLAIN = bg.Linear("X", prior=bg.Normal(0.8))
# Terms, of which in the end so many coefficients stand in theta.
CASES = {
    "one term": ([PLAIN], {}, N + 1),
    "its own scales and centres": ([bg.Linear("X", prior=bg.Normal(SCALES, loc=LOCS))], {}, N + 1),
    "weights and an offset": ([PLAIN], {"weights": "w", "offset": "o"}, N + 1),
    "no intercept": ([PLAIN], {"intercept": None}, N),
    "an intercept that is held": ([PLAIN], {"intercept": bg.Normal(2.0, loc=0.3)}, N + 1),
    "two terms together": ([PLAIN, bg.Linear("B", prior=bg.ridge(3.0))], {}, N + 1),
    "beside columns apart": (
        [bg.Linear("Z", prior=bg.StudentT(1.0)), PLAIN, bg.Linear("B", prior=bg.lasso(1.0))],
        {},
        1 + 2 + N + P,
    ),
    "a random walk": ([bg.Linear("X", prior=bg.RandomWalk(0.5))], {}, 1 + N + 1),
    "a walk of second order": ([bg.Linear("X", prior=bg.RandomWalk(0.5, order=2))], {}, 1 + N + 2),
    "a learned scale": ([bg.Linear("X", prior=bg.Normal(bg.HalfNormal(1.0)))], {}, N + 2),
    "a walk with a learned scale": (
        [bg.Linear("X", prior=bg.RandomWalk(bg.HalfNormal(1.0)))],
        {},
        1 + N + 1 + 1,
    ),
    "two learned scales": (
        [bg.Linear(name, prior=bg.Normal(bg.HalfNormal(1.0))) for name in "XB"],
        {},
        1 + 2 * N + 2,
    ),
}


def opened(name, **options):
    terms, others, size = CASES[name]
    model = bg.GLM("y", terms, family="bernoulli", **others, **options)
    problem = open_problems(model, DATA)[0]
    space = in_row_space(problem)
    assert space.problem.natural.size == size
    return problem, space


def linear_predictors(problem, theta):
    rows = problem.natural.source.form(slice(0, problem.natural.source.n_rows))
    return rows.times(theta[:, : problem.natural.n_coefficients]) + rows.offset


@pytest.mark.parametrize("name", CASES)
def test_densities_and_linear_predictors_are_the_same(name):
    problem, space = opened(name)
    inner = RNG.normal(size=(50, space.problem.natural.size))
    outer = space.completed(inner, np.random.default_rng(0))
    etas = linear_predictors(problem, outer), linear_predictors(space.problem, inner)
    np.testing.assert_allclose(*etas, rtol=1e-9, atol=1e-9)
    theirs = space.problem.unconstrained.log_density(inner) + space.log_rest(inner, outer)
    np.testing.assert_allclose(problem.unconstrained.log_density(outer), theirs, rtol=1e-11)


@pytest.mark.parametrize("name", [name for name in CASES if "apart" not in name])
def test_draws_of_the_inner_prior_are_draws_of_the_prior(name):
    """Their covariance is that of a mean, and of what rows do not span, and the prior's own."""
    problem, space = opened(name)
    theta = np.zeros(space.problem.natural.size)
    theta[space.problem.natural.n_coefficients :] = np.log(0.7)
    fixed = space.problem.unconstrained.given(theta)
    members = np.arange(fixed.n_coefficients)
    held = fixed.prior_curvature(theta, members)
    inner = np.zeros((len(theta), len(theta)))
    inner[: len(members), : len(members)] = np.linalg.pinv(held)
    outer = space.mean(theta)
    of_outer = problem.unconstrained.given(outer)
    every = np.arange(of_outer.n_coefficients)
    expected = np.linalg.pinv(of_outer.prior_curvature(outer, every))
    found = space.covariance(inner, theta)[: len(every), : len(every)]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)
    draws = space.completed(np.tile(theta, (5_000, 1)), np.random.default_rng(1))
    rest = space.covariance(np.zeros_like(inner), theta)
    error = np.sqrt(np.outer(np.diagonal(rest), np.diagonal(rest)) / 5_000)
    assert np.all(np.abs(np.cov(draws.T) - rest) <= 6.0 * error + 1e-12)


@pytest.mark.parametrize("family", ["gaussian", "categorical"])
def test_what_is_left_as_it_is(family):
    y = DATA["y"] if family == "gaussian" else np.array(list("abcabcab"))
    problem = open_problems(bg.GLM("y", PLAIN, family=family), DATA | {"y": y})[0]
    assert in_row_space(problem).problem is problem


def test_directions_do_not_depend_on_the_scale():
    model = bg.GLM("y", [PLAIN, bg.Linear("B", prior=bg.ridge(3.0))], family="bernoulli")
    first, space = open_problems(model, DATA)[0], opened("two terms together")[1]
    other = bg.GLM(
        "y",
        [bg.Linear("X", prior=bg.Normal(1.6)), bg.Linear("B", prior=bg.ridge(0.75))],
        family="bernoulli",
    )
    problem = open_problems(other, DATA)[0]
    again = in_row_space(problem, space)
    assert again.spans[0].factors.basis is space.spans[0].factors.basis
    inner = RNG.normal(size=(5, first.natural.size - 2 * P + N))
    outer = again.completed(inner, np.random.default_rng(0))
    theirs = again.problem.unconstrained.log_density(inner) + again.log_rest(inner, outer)
    np.testing.assert_allclose(problem.unconstrained.log_density(outer), theirs, rtol=1e-11)


@settings(max_examples=20, deadline=None)
@given(
    n=st.integers(1, 6),
    p=st.integers(2, 20),
    rank=st.integers(1, 6),
    copies=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_any_rank(n, p, rank, copies, seed):
    """Rows may be copies, or of a lower rank than they are many, or zero."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p)) * (seed % 7 > 0)
    rows = np.repeat(rows, copies, axis=0)
    data = {"y": rng.integers(0, 4, len(rows)).astype(float), "X": rows}
    terms, free = bg.Linear("X", prior=bg.Normal(0.5)), bg.Normal(1.0)
    model = bg.GLM("y", terms, family="poisson", intercept=free)
    problem = open_problems(model, data)[0]
    space = in_row_space(problem)
    if space.spans:
        spanned = np.linalg.matrix_rank(rows)
        assert space.problem.natural.size == 1 + spanned
    inner = rng.normal(size=(4, space.problem.natural.size))
    outer = space.completed(inner, rng)
    theirs = space.problem.unconstrained.log_density(inner) + space.log_rest(inner, outer)
    np.testing.assert_allclose(problem.unconstrained.log_density(outer), theirs, rtol=1e-9)


def test_two_rows_by_quadrature():
    """The posterior mean and covariance of five coefficients, from an integral over two etas."""
    rng = np.random.default_rng(2)
    A, y, sd = rng.normal(size=(2, 5)), np.array([3.0, 1.0]), 0.9
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(sd)), family="poisson", intercept=None)
    fitted = bg.fit(model, {"y": y, "X": A}, draws=5000)
    assert fitted.attrs["method"] == "expectation propagation"
    w = fitted["posterior"]["X"].values.reshape(-1, 5)
    root = np.linalg.cholesky(sd**2 * A @ A.T)
    nodes = np.linspace(-8.0, 8.0, 401)
    u = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    eta = u @ root.T
    log_p = norm.logpdf(u).sum(1) + (y * eta - np.exp(eta)).sum(1)
    share = np.exp(log_p - log_p.max())
    share /= share.sum()
    gain = sd**2 * A.T @ np.linalg.inv(root @ root.T)
    mean = share @ eta
    spread = (eta - mean).T @ (share[:, None] * (eta - mean))
    covariance = sd**2 * np.eye(5) + gain @ (spread - root @ root.T) @ gain.T
    sds = np.sqrt(np.diagonal(covariance))
    assert np.abs(w.mean(0) - gain @ mean).max() < 5.0 * sds.max() / np.sqrt(len(w))
    error = np.outer(sds, sds) * np.sqrt(2.0 / len(w))
    assert np.all(np.abs(np.cov(w.T) - covariance) < 5.0 * error)
