"""Integrals over levels against sums over fine grids, their slopes, draws, and what fits make."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import bayesglm as bg
from bayesglm.inference.fit import sample
from bayesglm.inference.nuts.by_levels import nuts_by_levels
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.weights.by_levels import certified, integrals_of
from bayesglm.inference.weights.levels import level_integrals, name_of
from bayesglm.numerics.density.levels.nodes import hermite
from bayesglm.numerics.density.levels.quadrature import weighed
from bayesglm.numerics.families.table import FAMILIES
from tests.families import KEYS, model_of, responses_of, trials_of

ONE_CHANNEL = [key for key in KEYS if not FAMILIES[key].shares_columns]
RATED = [key for key in ONE_CHANNEL if FAMILIES[key].exponential_rate is not None]
SCALES = bg.Normal(bg.HalfNormal(0.7))


def examples(key, terms, **others):
    """Six samples in levels of one, two and three, and a fourth level that has none."""
    y = np.resize(responses_of(key), 6)
    g, x = np.array(["b", "c", "c", "a", "a", "a"]), np.array([0.3, -1.0, 0.4, 1.2, 0.1, -0.6])
    model = model_of(key, terms, intercept=bg.Normal(1.0))
    data = {model.response: y, "g": g, "x": x} | others
    if model.trials is not None:
        data[model.trials] = np.full(6, trials_of(key[0]))
    return open_posteriors(model, data)[0]


def grouped(levels=8, each=6, slopes=False, seed=0, family="poisson"):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), each)
    x = rng.normal(size=len(g))
    eta = 0.3 + 0.4 * x + 0.7 * rng.normal(size=levels)[g]
    if slopes:
        eta = eta + 0.5 * x * rng.normal(size=levels)[g]
    noise = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "bernoulli": lambda: rng.random(len(g)) < 1.0 / (1.0 + np.exp(-eta)),
        "gaussian": lambda: eta + rng.normal(size=len(g)),
    }
    return {"y": noise[family]() * 1.0, "x": x, "g": g}


def opened(family="poisson", slopes=False, **data):
    term = bg.Group("g", slopes="x" if slopes else (), correlated=slopes)
    return open_posteriors(bg.GLM("y", ["x", term], family=family), data)[0]


def by_grid(problem, integrals, t, reach=20.0, n=8001):
    """Sum exp(log p(y_j | b) + log p(b)) over a grid of one effect, at one t."""
    theta = integrals.grouped.whole(t[None])
    precision = integrals.grouped.prior.at(theta).precision[0, 0, 0]
    b = np.linspace(-reach, reach, n) / np.sqrt(precision)
    thetas = np.repeat(theta, n, axis=0)
    thetas[:, integrals.place] = b[:, None]
    rows = problem.natural.source.form(slice(0, problem.design.n_rows))
    w = problem.unconstrained.w(thetas)
    own = problem.natural.rowwise.pointwise(rows, w, problem.unconstrained.phi(thetas))
    block = next(one for one in problem.design.predictors.blocks if one.name == "g")
    log_prior = stats.norm.logpdf(b, scale=precision**-0.5)
    found = []
    codes = block.codes[problem.design.predictors.rows]
    for level in range(integrals.shape[1]):
        log_joint = own[:, codes == level].sum(axis=1) + log_prior
        found.append(np.logaddexp.reduce(log_joint) + np.log(b[1] - b[0]))
    return np.array(found)


def tops(integrals, n=3, seed=0):
    return 0.3 * np.random.default_rng(seed).standard_normal((n, integrals.d))


@pytest.mark.parametrize("key", ONE_CHANNEL, ids="-".join)
def test_each_level_has_its_integral_and_the_slopes_are_the_densitys(key):
    problem = examples(key, bg.Group("g", prior=SCALES, levels=("a", "b", "c", "d")))
    integrals = level_integrals(problem).with_nodes(61 if FAMILIES[key].log_concave else 181)
    assert name_of(problem, integrals) == "g"
    T = tops(integrals)
    # Of densities with several modes nodes around one of them are less exact.
    error = 1e-5 if FAMILIES[key].log_concave else 5e-3
    marginals = integrals.log_marginals(T)
    for t, own in zip(T, marginals, strict=True):
        np.testing.assert_allclose(own, by_grid(problem, integrals, t), rtol=1e-5, atol=error)
    assert (marginals[:, 3] == 0.0).all()
    np.testing.assert_allclose(integrals.log_likelihood(T), marginals.sum(axis=1), rtol=1e-12)
    values, gradients = integrals.slopes(T)
    np.testing.assert_allclose(values, integrals.log_density(T), rtol=1e-12)
    h = 1e-5
    for k, step in enumerate(h * np.eye(integrals.d)):
        ahead, behind = integrals.log_density(T + step), integrals.log_density(T - step)
        slope = (ahead - behind) / (2.0 * h)
        np.testing.assert_allclose(gradients[:, k], slope, rtol=2e-4, atol=20.0 * error)


@pytest.mark.parametrize("key", RATED, ids="-".join)
def test_sums_over_a_levels_rows_are_those_of_the_rows(key):
    problem = examples(key, bg.Group("g", prior=SCALES))
    plain = replace(FAMILIES[key], exponential_rate=None)
    natural, unconstrained = (
        replace(one, family=plain) for one in (problem.natural, problem.unconstrained)
    )
    other = level_integrals(replace(problem, natural=natural, unconstrained=unconstrained))
    own = level_integrals(problem)
    T = tops(own)
    for one, same in zip(own.slopes(T), other.slopes(T), strict=True):
        np.testing.assert_allclose(one, same, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
def test_effects_that_correlate(family):
    data = grouped(slopes=True, levels=3, family=family)
    problem = opened(family, True, **data)
    integrals = level_integrals(problem).with_nodes(31)
    t = tops(integrals, 1)
    grouped_ = integrals.grouped
    at = grouped_.prior.at(grouped_.whole(t))
    covariance = np.linalg.inv(at.precision[..., 0])
    side = np.linspace(-7.0, 7.0, 241)
    z = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    b = z @ np.linalg.cholesky(covariance).T
    thetas = np.repeat(grouped_.whole(t), len(b), axis=0)
    thetas[:, integrals.place] = np.repeat(b, 3, axis=1)
    rows = problem.natural.source.form(slice(0, len(data["y"])))
    phi = problem.unconstrained.phi(thetas)
    own = problem.natural.rowwise.pointwise(rows, problem.unconstrained.w(thetas), phi)
    log_z = stats.norm.logpdf(z).sum(axis=1) + 2.0 * np.log(side[1] - side[0])
    exact = [
        np.logaddexp.reduce(own[:, data["g"] == level].sum(axis=1) + log_z) for level in range(3)
    ]
    np.testing.assert_allclose(integrals.log_marginals(t)[0], exact, rtol=1e-6)
    _, gradients = integrals.slopes(t)
    h = 1e-5 * np.eye(integrals.d)
    slope = (integrals.log_density(t + h) - integrals.log_density(t - h)) / 2e-5
    np.testing.assert_allclose(gradients[0], slope, rtol=1e-4, atol=1e-4)


@settings(max_examples=20)
@given(order=st.permutations(range(12)), names=st.permutations(range(4)))
def test_rows_in_any_order_and_levels_of_any_name(order, names):
    data = grouped(levels=4, each=3)
    other = {name: values[list(order)] for name, values in data.items()}
    other["g"] = np.array(names)[other["g"]]
    one, same = level_integrals(opened(**data)), level_integrals(opened(**other))
    T = tops(one)
    expected = one.log_marginals(T)
    np.testing.assert_allclose(same.log_marginals(T)[:, list(names)], expected, rtol=1e-9)


def test_lags_beside_a_grouping_read_the_samples_before_in_time():
    rng = np.random.default_rng(4)
    data = {"y": rng.poisson(1.0, 60), "x": rng.normal(size=60), "g": rng.integers(0, 5, 60)}
    data["time"] = np.arange(60) * 0.1
    problem = open_posteriors(
        bg.GLM("y", [bg.Lagged("x", lags=3), bg.Group("g")], family="poisson"), data
    )[0]
    integrals = level_integrals(problem).with_nodes(31)
    (t,) = tops(integrals, 1)
    exact = by_grid(problem, integrals, t)
    np.testing.assert_allclose(integrals.log_marginals(t[None])[0], exact, rtol=1e-6)


def test_rows_that_count_nothing_leave_the_prior():
    data = grouped(levels=5, each=3) | {"n": np.repeat([1.0, 2.0, 0.0, 1.0, 1.0], 3)}
    term = bg.Group("g", prior=SCALES)
    problem = open_posteriors(bg.GLM("y", ["x", term], family="poisson", weights="n"), data)[0]
    integrals = level_integrals(problem).with_nodes(21)
    T = np.repeat(tops(integrals, 1), 20_000, axis=0)
    np.testing.assert_allclose(integrals.log_marginals(T[:1])[0, 2], 0.0, atol=1e-9)
    effects, accepted = integrals.draw(np.random.default_rng(0), T)
    sd = float(np.exp(T[0, -1]))
    assert stats.kstest(effects[:, 0, 2], stats.norm(0.0, sd).cdf).pvalue > 1e-3
    assert (accepted > 0.8).all()


@pytest.mark.parametrize("family", ["poisson", "bernoulli", "gaussian"])
@pytest.mark.parametrize("slopes", [False, True])
def test_draws_have_the_moments_of_each_level(family, slopes):
    problem = opened(family, slopes, **grouped(slopes=slopes, family=family))
    integrals = level_integrals(problem).with_nodes(25)
    T = np.repeat(tops(integrals, 1), 6_000, axis=0)
    effects, accepted = integrals.draw(np.random.default_rng(1), T)
    points = integrals.grouped.points(T[:1])
    laid = integrals.grouped.laid(np.arange(8))
    posed = integrals.posed(points, laid, slice(0, 1))
    nodes = hermite(25, integrals.shape[0])
    at = weighed(posed.given, integrals.grouped.prior, posed.points.prior, posed.around, nodes)
    shares = at.shares[:, None]
    mean = (shares * at.b).sum(axis=0)
    sd = np.sqrt((shares * (at.b - mean) ** 2).sum(axis=0))
    np.testing.assert_allclose((effects.mean(axis=0) - mean[:, 0]) / sd[:, 0], 0.0, atol=0.055)
    np.testing.assert_allclose(effects.std(axis=0) / sd[:, 0], 1.0, atol=0.055)
    assert (accepted > 0.85).all()
    low, high = integrals.summaries(np.random.default_rng(1), T, (0.25, 0.75))[2]
    np.testing.assert_allclose((high - low) / sd[:, 0], 1.349, atol=0.08)


def test_draws_come_back_and_some_levels_are_those_of_all():
    integrals = level_integrals(opened(**grouped()))
    T = tops(integrals, 50)
    one, same = (integrals.draw(np.random.default_rng(3), T)[0] for _ in range(2))
    assert np.array_equal(one, same)
    some = integrals.log_marginals(T, slice(2, 5))
    np.testing.assert_allclose(some, integrals.log_marginals(T)[:, 2:5], rtol=1e-6)


def test_very_large_counts_beside_none():
    data = grouped(levels=4, each=2)
    data["y"] = np.array([0.0, 0.0, 2e6, 2.1e6, 3.0, 4.0, 0.0, 1.0])
    integrals = level_integrals(opened(**data)).with_nodes(15)
    t = np.array([[1.0, 0.0, np.log(6.0)]])
    exact = integrals.with_nodes(63).log_density(t)[0]
    assert integrals.with_nodes(31).log_density(t)[0] == pytest.approx(exact, abs=1e-3)


def test_a_grouping_is_taken_where_its_effects_are_alike():
    data = grouped()
    taken = {
        "learned": bg.Group("g"),
        "known": bg.Group("g", prior=bg.Normal(0.7)),
        "far": bg.Group("g", prior=bg.Normal(0.7, loc=1.0)),
        "unlike": bg.Group("g", prior=bg.Normal(tuple(np.linspace(0.5, 1.0, 8)))),
        "kinked": bg.Group("g", prior=bg.Laplace(0.7)),
        "walk": bg.Group("g", prior=bg.RandomWalk(0.7)),
    }
    found = {}
    for name, term in taken.items():
        (problem,) = open_posteriors(bg.GLM("y", ["x", term], family="poisson"), data)
        found[name] = level_integrals(problem) is not None
    assert found == {name: name in ("learned", "known") for name in taken}


def test_fit_has_the_posterior_of_a_scale():
    """Of a gaussian response with known sigma, whose scale has a density in closed form."""
    data = grouped(levels=8, each=3, family="gaussian")
    model = bg.GLM(
        "y",
        bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))),
        intercept=bg.Normal(3.0),
        dispersion=1.0,
    )
    fitted = bg.fit(model, data, draws=4000)
    grid, alike = np.linspace(-12.0, 3.0, 1501), np.equal.outer(data["g"], data["g"])
    log_density = stats.halfnorm.logpdf(np.exp(grid)) + grid
    log_density += [
        stats.multivariate_normal(cov=np.eye(24) + 9.0 + np.exp(2.0 * at) * alike).logpdf(data["y"])
        for at in grid
    ]
    below = np.cumsum(np.exp(log_density - log_density.max()))
    chances = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    quantiles = np.exp(np.interp(chances, below / below[-1], grid))
    scale = fitted["posterior"]["g_scale"].values.ravel()
    np.testing.assert_allclose((scale[:, None] < quantiles).mean(axis=0), chances, atol=0.02)
    assert fitted.attrs["khat"] < 0.7
    lp = fitted["sample_stats"]["lp"].values
    (problem,) = open_posteriors(model, data)
    posterior = fitted["posterior"]
    theta = np.concatenate(
        [
            posterior["intercept"].values[..., None],
            posterior["g"].values,
            np.log(posterior["g_scale"].values)[..., None],
        ],
        axis=-1,
    )
    np.testing.assert_allclose(lp[0, :50], problem.unconstrained.log_density(theta[0, :50]))


def test_hundreds_of_levels_are_certified_in_three_dimensions():
    data = grouped(levels=300, each=4)
    model = bg.GLM("y", ["x", bg.Group("g")], family="poisson")
    fitted = bg.fit(model, data, draws=500)
    assert fitted.attrs["method"] == "laplace by levels"
    assert fitted.attrs["top_size"] == 3
    assert fitted.attrs["levels_of"] == "g"
    assert fitted.attrs["quadrature_error"] < 0.01
    assert fitted.attrs["level_acceptance"] > 0.9
    assert fitted.attrs["khat"] < 0.5
    (problem,) = open_posteriors(model, data)
    found = certified(problem, integrals_of(problem))
    T = found.top.mode + 0.03 * np.random.default_rng(0).standard_normal((20, 3))
    away = found.density.log_density(T) - found.integrals.with_nodes(31).log_density(T)
    assert np.ptp(away) < 0.05


def test_columns_that_leave_no_estimate_are_told_as_ever():
    data = grouped()
    data["twice"] = 2.0 * data["x"]
    terms = [bg.Linear(name, prior=bg.Flat()) for name in ("x", "twice")]
    with pytest.raises(bg.DataError, match="linear combinations of other columns"):
        bg.fit(bg.GLM("y", [*terms, bg.Group("g")], family="poisson"), data)


@pytest.mark.slow
def test_nuts_and_weights_agree_on_the_top():
    data = grouped(levels=15, each=4, family="bernoulli")
    (problem,) = open_posteriors(
        bg.GLM("y", ["x", bg.Group("g", prior=SCALES)], family="bernoulli"), data
    )
    (weighted,) = sample([problem], 1000, 4, 0)
    walked = nuts_by_levels(problem, Settings(1000, 4, 0), "to compare")
    one, other = (made.theta.reshape(-1, made.theta.shape[-1]) for made in (weighted, walked))
    sd = one.std(axis=0)
    np.testing.assert_allclose((one.mean(axis=0) - other.mean(axis=0)) / sd, 0.0, atol=0.15)
    np.testing.assert_allclose(other.std(axis=0) / sd, 1.0, atol=0.12)
    assert walked.method == "nuts by levels"
    energy = walked.stats["energy"]
    moved = np.square(np.diff(energy, axis=1)).sum(axis=1)
    assert (moved / energy.var(axis=1) / energy.shape[1] > 0.6).all()
    assert walked.checks["max_rhat"] < 1.02
