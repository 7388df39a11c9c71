"""Blocks of effects against dense algebra, sums over fine grids, and integrals over levels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

import bayesglm as bg
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.weights import by_blocks
from bayesglm.inference.weights.by_blocks import METHOD, blocks_in
from bayesglm.inference.weights.levels import level_integrals
from bayesglm.numerics.density.blocks.factors import pattern_of
from bayesglm.numerics.density.blocks.integrals import BlockIntegrals, BlockLaplace, shares_of
from bayesglm.numerics.density.levels.top import highest

FAMILIES = ("poisson", "bernoulli", "negative_binomial", "student_t")


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), q=st.integers(1, 12), pairs=st.integers(0, 20))
def test_factors_are_those_of_dense_matrices(seed, q, pairs):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, q, (2, pairs))
    pattern, m = pattern_of(q, a, b), 3
    stored, dense = np.zeros((pattern.size, m)), np.zeros((m, q, q))
    for i, j in {(min(i, j), max(i, j)) for i, j in zip(a, b, strict=True) if i != j}:
        values = rng.standard_normal(m)
        stored[pattern.places(np.array([i]), np.array([j]))[0]] = values
        dense[:, i, j] = dense[:, j, i] = values
    diagonal = 1.0 + np.abs(dense).sum(axis=2).T
    stored[pattern.position] = diagonal
    dense[:, np.arange(q), np.arange(q)] = diagonal.T
    dense = dense[:, pattern.order][:, :, pattern.order]
    factor = pattern.factored(stored.copy())
    np.testing.assert_allclose(pattern.log_det(factor), np.linalg.slogdet(dense)[1], rtol=1e-10)
    right = rng.standard_normal((q, m))
    x = pattern.solve_lower(factor, right.copy()) / factor[:q]
    x = pattern.solve_upper(factor, x[:, None])[:, 0]
    np.testing.assert_allclose(np.einsum("mij,jm->im", dense, x), right, atol=1e-9)


def nested(outer=2, inner=2, each=3, seed=0, family="poisson", scale=1.0):
    """Rows in broods in locations, in an order that mixes them."""
    rng = np.random.default_rng(seed)
    n = outer * inner * each
    brood = np.arange(n) // each
    loc = brood // inner
    x = rng.normal(size=n)
    eta = (
        0.3
        + 0.4 * x
        + scale * (0.6 * rng.normal(size=outer)[loc] + 0.6 * rng.normal(size=outer * inner)[brood])
    )
    noise = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "negative_binomial": lambda: rng.poisson(np.exp(eta)),
        "bernoulli": lambda: rng.random(n) < 1.0 / (1.0 + np.exp(-eta)),
        "student_t": lambda: eta + rng.standard_t(5, size=n),
    }
    data = {"y": noise[family]() * 1.0, "x": x, "loc": loc, "brood": brood, "row": np.arange(n)}
    order = rng.permutation(n)
    return {name: values[order] for name, values in data.items()}


def scale():
    return bg.Normal(bg.HalfNormal(1.0))


def opened(data, *names, family="poisson"):
    terms = [bg.Group(name, prior=scale()) for name in names]
    model = bg.GLM("y", ["x", *terms], family=family)
    return open_posteriors(model, data)[0]


@pytest.fixture
def few(monkeypatch):
    """Let blocks be taken of few effects as well."""
    monkeypatch.setattr(by_blocks, "FEW_EFFECTS", 0)


def guided(blocks, problem):
    top = highest(BlockLaplace(blocks), problem.start(problem.unconstrained)[blocks.top])
    assert top is not None
    return top


def by_grid(problem, blocks, t, n=81, reach=6.5):
    """Sum over grids: of each brood at each effect of its location, and then of the location."""
    theta = blocks.whole(t[None])
    sds = {
        g.where.start: float(prior.at(theta).precision[0, 0, 0]) ** -0.5
        for g, prior in zip(blocks.groupings, blocks.priors, strict=True)
    }
    side = np.linspace(-reach, reach, n)
    log_w = stats.norm.logpdf(side) + np.log(side[1] - side[0])
    inner, outer = blocks.groupings
    a, b = np.meshgrid(side * sds[outer.where.start], side * sds[inner.where.start], indexing="ij")
    thetas = np.repeat(theta, n * n, axis=0)
    thetas[:, outer.where] = a.reshape(-1, 1)
    thetas[:, inner.where] = b.reshape(-1, 1)
    w, phi = problem.unconstrained.w(thetas), problem.unconstrained.phi(thetas)
    rows = problem.unconstrained.rowwise.pointwise(blocks.rows, w, phi).reshape(n, n, -1)
    total = 0.0
    for level in range(outer.n_levels):
        of_outer = log_w.copy()
        for own in np.unique(inner.codes[outer.codes == level]):
            of_outer += logsumexp(rows[:, :, inner.codes == own].sum(axis=2) + log_w, axis=1)
        total += logsumexp(of_outer)
    return total


@pytest.mark.parametrize("family", FAMILIES)
def test_estimates_are_unbiased_and_their_mean_is_the_integral(few, family):
    problem = opened(nested(family=family), "brood", "loc", family=family)
    blocks = blocks_in(problem)
    assert blocks.n_blocks == 2
    rng = np.random.default_rng(1)
    t = problem.start(problem.unconstrained)[blocks.top] + 0.1 * rng.standard_normal(
        len(blocks.top)
    )
    laplace = BlockLaplace(blocks).guided(t, np.full(len(t), 0.05))
    T = np.repeat(t[None], 4000, axis=0)
    logs = BlockIntegrals(laplace, 4, 41).estimates(rng, T).log_density
    exact = by_grid(problem, blocks, t) + blocks.log_priors(t[None])[0]
    ratios = np.exp(logs - exact)
    error = ratios.std() / np.sqrt(len(ratios))
    assert abs(ratios.mean() - 1.0) < 4.0 * error + 1e-4
    assert error < 0.02


def test_values_and_draws_are_those_of_the_joint_density(few):
    problem = opened(nested(4, 2, 3), "row", "brood", "loc")
    blocks = blocks_in(problem)
    assert [g.n_levels for g in blocks.groupings] == [24, 8, 4]
    top = guided(blocks, problem)
    integrals = BlockIntegrals(top.integrals, 4, 9)
    rng = np.random.default_rng(0)
    T = top.mode + 0.1 * rng.standard_normal((20, len(top.mode)))
    made = integrals.draw(rng, T, integrals.estimates(rng, T).x)
    theta = blocks.whole(T)
    theta[:, blocks.places] = made.effects
    joint = problem.unconstrained.log_density(theta)
    np.testing.assert_allclose(made.value + blocks.log_priors(T), joint, rtol=1e-10)
    values, slopes = top.integrals.slopes(T[:3])
    np.testing.assert_allclose(values, top.integrals.log_density(T[:3]))
    for t, own in zip(T[:3], slopes, strict=True):
        for step, slope in zip(1e-4 * np.eye(len(t)), own, strict=True):
            ahead, behind = top.integrals.log_density(np.stack([t + step, t - step]))
            np.testing.assert_allclose(slope, (ahead - behind) / 2e-4, rtol=1e-3, atol=1e-3)


def test_one_grouping_beside_a_constant_one_has_the_integrals_of_its_levels(few):
    data = nested(6, 1, 4)
    own = level_integrals(opened(data, "loc")).with_nodes(41)
    problem = opened(data | {"other": data["loc"]}, "loc", "other")
    # Of the other one next to nothing is left where its scale is tiny.
    blocks = blocks_in(problem)
    rng = np.random.default_rng(0)
    t = np.array([0.2, 0.3, -0.4])
    names = [g.where.start for g in blocks.groupings]
    scales = {p.where.start: p.learned for p in problem.unconstrained.coefficients}
    whole = np.zeros(problem.unconstrained.size)
    whole[:2] = t[:2]
    every = np.arange(problem.unconstrained.size)
    moved = {
        start: [k for k in every[-2:] if scales[start].log_scale(np.eye(len(every))[[k]]) != 0.0]
        for start in names
    }
    (first,), (second,) = moved[names[0]], moved[names[1]]
    whole[first], whole[second] = t[2], -12.0
    T = np.repeat(whole[blocks.top][None], 2000, axis=0)
    laplace = BlockLaplace(blocks).guided(T[0], np.full(T.shape[1], 0.05))
    ratios = BlockIntegrals(laplace, 2, 41).weighed(rng, T).log_ratios
    total = shares_of(ratios).log_mean.sum(axis=0)
    np.testing.assert_allclose(total, own.log_likelihood(t[None])[0], atol=1e-3)


def test_blocks_that_are_large_or_a_single_grouping_are_left_to_others(few):
    data = nested(4, 2, 3)
    assert blocks_in(opened(data, "brood")) is None
    assert blocks_in(opened(data, "brood", "loc")) is not None
    a, b = np.divmod(np.arange(30 * 25), 25)
    crossed = {"y": a % 3 * 1.0, "x": np.sin(a + 2.0 * b), "brood": a, "loc": b}
    assert blocks_in(opened(crossed, "brood", "loc")) is None


@pytest.mark.slow
def test_a_fit_says_what_was_checked_and_is_the_same_again():
    data = nested(40, 2, 3, seed=3)
    model = bg.GLM(
        "y", ["x", *(bg.Group(g, prior=scale()) for g in ("row", "brood", "loc"))], family="poisson"
    )
    problem = open_posteriors(model, data)[0]
    made = sample([problem], 500, 4, 0)[0]
    assert made.method == METHOD
    assert made.checks["khat"] < 0.7
    assert made.checks["block_khat"] < 0.7
    assert 0.0 < made.checks["block_share"] <= 1.0
    assert made.checks["importance_ess"] > 400
    again = sample([problem], 500, 4, 0)[0]
    np.testing.assert_array_equal(made.theta, again.theta)
