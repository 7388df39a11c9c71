"""Priors as objects: densities, penalties, proxes and draws, each against the others and SciPy."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from priors import EXAMPLES, RANGES, decimals, known, prior_of, with_learned_scale
from scipy import integrate, optimize, special, stats

import bayesglm as bg
from bayesglm.numerics.priors.laws import LAWS
from bayesglm.numerics.priors.table import PRIORS
from bayesglm.spec.priors import COEFFICIENT_PRIORS, DISPERSION_PRIORS

KINDS = known(tuple(dict.fromkeys([*COEFFICIENT_PRIORS, *DISPERSION_PRIORS])))
SINGLE = {kind.__name__: kind for kind in KINDS if kind.__name__ not in LAWS}
ABOVE = bg.HalfStudentT(0.8, df=3.0)
LEARNED = [
    kind
    for kind in known(COEFFICIENT_PRIORS)
    if kind.__name__ in SINGLE and with_learned_scale(kind, ABOVE) is not None
]
ENDS = {"real": (-60.0, 60.0), "positive": (0.0, 60.0), "unit": (0.0, 1.0), "interval": (-4.9, 4.9)}


def drawn(data, kind):
    """Return a prior of a kind whose numbers hypothesis chose, and an x."""
    name = kind.__name__
    numbers = {key: data.draw(RANGES[key]) for key in EXAMPLES[name].numbers}
    for key in ("shape", "alpha", "beta"):
        if key in numbers:
            numbers[key] += 1.0  # densities with a highest value
    return kind(**numbers), data.draw(decimals(-60, 60))


def record_of(kind):
    return PRIORS[prior_of(kind).in_numbers[0]]


PROXES = [name for name, kind in SINGLE.items() if record_of(kind).prox is not None]


def lowest(prior):
    """Return where the penalty of a positive number is least."""
    found = optimize.minimize_scalar(
        lambda u: prior.penalty(np.exp(u)), bracket=(-1.0, 1.0), options={"xtol": 1e-10}
    )
    return np.exp(found.x)


def inside(name, n):
    """Return points of a support, its ends left out."""
    low, high = ENDS[record_of(SINGLE[name]).support]
    return np.linspace(low, high, n + 2)[1:-1]


@pytest.mark.parametrize("name", SINGLE)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_penalty_is_minus_the_log_density_and_zero_where_it_is_least(name, data):
    prior, x = drawn(data, SINGLE[name])
    z = np.append(inside(name, 40), x)
    penalty, density = prior.penalty(z), prior.logpdf(z)
    assert np.all(penalty >= 0.0)
    possible = np.isfinite(penalty)
    np.testing.assert_array_equal(possible, np.isfinite(density))
    least = prior.prox(z[0], 1e30) if name in PROXES else lowest(prior)
    assert prior.penalty(least) <= 1e-12
    total = penalty[possible] + density[possible]
    assert np.all(np.abs(total - prior.logpdf(least)) <= 1e-12 * (50.0 + penalty[possible]))


@pytest.mark.parametrize("name", PROXES)
@settings(max_examples=30, deadline=None)
@given(data=st.data(), power=st.floats(-3.0, 3.0))
def test_a_prox_is_where_penalty_and_distance_are_least(name, data, power):
    prior, x = drawn(data, SINGLE[name])
    step = 10.0**power

    def objective(z):
        return step * prior.penalty(z) + 0.5 * np.square(z - x)

    found = float(prior.prox(x, step))
    best, width = 0.0, 60.0
    for _ in range(6):
        others = best + np.linspace(-width, width, 2001)
        others = np.append(others, np.clip(others, *ENDS[record_of(SINGLE[name]).support]))
        best, width = others[np.argmin(objective(others))], width / 500.0
    least = float(objective(best))
    assert objective(found) <= least + 1e-11 * (1.0 + abs(least))


def test_a_prox_under_heavy_tails_takes_the_better_of_two_minima():
    """Between them, at x = 10 of Cauchy(1), the least jumps from next to zero to next to x."""
    prior = bg.StudentT(1.0, df=1.0)
    steps = np.linspace(1.0, 40.0, 40)
    found = np.array([float(prior.prox(10.0, step)) for step in steps])
    assert np.all(np.diff(found) < 0.0)
    jump = np.argmin(np.diff(found))
    assert found[jump] > 5.0 > 1.0 > found[jump + 1]
    assert prior.prox(1e200, 1.0) == pytest.approx(1e200, rel=1e-15)
    # Next to zero the penalty is (df + 1)/(2 df) x^2, whose prox is x / (1 + step (df + 1)/df).
    tiny = np.array([1e-5, 1e-150, 1e-300, 5e-320])
    np.testing.assert_allclose(prior.prox(tiny, 1.0), tiny / 3.0, rtol=1e-3)


WALK = bg.RandomWalk(0.7, order=2)
GROUP = bg.GroupLasso(0.7)


@pytest.mark.parametrize("prior", [WALK, GROUP], ids=repr)
@pytest.mark.parametrize("step", [0.01, 1.0, 30.0])
def test_a_prox_of_a_vector_is_where_penalty_and_distance_are_least(prior, step):
    x = np.random.default_rng(0).normal(size=5)
    found = prior.prox(x, step)

    def objective(z):
        return step * prior.penalty(z) + 0.5 * np.square(z - x).sum()

    near = optimize.minimize(
        objective, x, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxfev": 9000}
    )
    assert objective(found) <= near.fun + 1e-12
    np.testing.assert_allclose(found, near.x, atol=1e-4)
    rows = np.array([x, 2.0 * x])
    np.testing.assert_allclose(prior.prox(rows, step)[0], found, rtol=1e-12, atol=1e-14)
    both = prior.penalty(rows) + prior.logpdf(rows)
    assert both[0] == pytest.approx(both[1], rel=1e-13)


@pytest.mark.parametrize("kind", SINGLE.values(), ids=SINGLE)
def test_draws_follow_the_density(kind):
    """A cdf that is 0.006 beside the true one is noticed at p < 1e-6."""
    prior = prior_of(kind)
    if not record_of(kind).proper:
        with pytest.raises(bg.ModelError, match="improper"):
            prior.sample(3)
        return
    x = np.sort(prior.sample(100_000, seed=3))
    np.testing.assert_array_equal(x, np.sort(prior.sample(100_000, seed=3)))
    assert np.all(np.isfinite(prior.logpdf(x)))
    middle = np.quantile(x, np.linspace(0.0005, 0.9995, 1200))
    density = np.exp(prior.logpdf(middle))
    at = integrate.cumulative_simpson(density, x=middle, initial=0.0)
    shares = np.linspace(0.0, 0.999, len(middle))
    assert np.abs(at - shares).max() < 0.006


def test_draws_of_vectors_have_the_size_asked_for():
    drawn = GROUP.sample(50_000, seed=1, size=(2, 3))
    assert drawn.shape == (50_000, 2, 3)
    k = np.sqrt(3.0) / 0.7
    lengths = np.linalg.norm(drawn, axis=-1).reshape(-1)
    assert stats.kstest(lengths, stats.gamma(3.0, scale=1.0 / k).cdf).pvalue > 1e-4
    cosine = drawn[:, 0, 0] / np.linalg.norm(drawn[:, 0], axis=-1)
    assert stats.kstest(cosine, stats.uniform(-1.0, 2.0).cdf).pvalue > 1e-4
    arrays = bg.Normal((0.1, 10.0), loc=((0.0,), (5.0,))).sample(20_000)
    assert arrays.shape == (20_000, 2, 2)
    np.testing.assert_allclose(arrays.std(axis=0) / [0.1, 10.0], 1.0, atol=0.03)


@pytest.mark.parametrize("kind", LEARNED, ids=lambda kind: kind.__name__)
def test_learned_scales_are_integrated_out(kind):
    prior = with_learned_scale(kind, ABOVE)
    for x in (0.01, 1.0, -3.0):

        def joint(u, at=x):
            s = np.exp(u)
            return np.exp(prior_of(kind, scale=s).logpdf(at) + ABOVE.logpdf(s) + u)

        value, _ = integrate.quad(joint, -25, 25, points=[-5, -2, 0, 1], epsabs=1e-13, limit=400)
        assert prior.logpdf(x) == pytest.approx(np.log(value), abs=1e-8)
    drawn = prior.sample(40_000, seed=2)
    loc = EXAMPLES[kind.__name__].numbers.get("loc", 0.0)
    edges = loc + np.array([0.05, 0.3, 1.0, 3.0])
    for low, high in pairwise(edges):
        share = integrate.quad(lambda x: np.exp(prior.logpdf(x)), low, high, epsabs=1e-6)[0]
        assert np.mean((drawn > low) & (drawn < high)) == pytest.approx(share, abs=0.01)
    with pytest.raises(bg.ModelError, match=r"no prox: its scales are learned.*Normal\(1.0\)"):
        prior.prox(1.0, 1.0)
    with pytest.raises(bg.ModelError, match=r"no penalty.*grows without bound at the centre"):
        prior.penalty(1.0)


def test_a_normal_under_an_exponential_variance_has_its_closed_form():
    """Under s ~ HalfNormal(1) the density of w is K_0(|w|)/pi, Bessel's."""
    x = np.array([[1e-9, 0.1, -2.0], [20.0, 300.0, 0.7]])
    found = bg.Normal(bg.HalfNormal(1.0)).logpdf(x)
    size = np.abs(x)
    expected = np.log(special.k0e(size)) - size - np.log(np.pi)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
    assert bg.Normal(bg.HalfNormal(1.0)).logpdf(0.0) == np.inf


def test_gammas_of_precisions_and_variances_have_closed_marginals():
    """Student t's, and Laplaces (Park & Casella 2008)."""
    x = np.array([0.0, 0.2, -3.0, 1e4])
    gamma, student = bg.Gamma(1.5, 2.0), bg.StudentT((2.0 / 1.5) ** 0.5, df=3.0, loc=0.5)
    for above in (bg.Precision(gamma), bg.Variance(bg.InverseGamma(1.5, 2.0))):
        prior = bg.Normal(above, loc=0.5)
        np.testing.assert_allclose(prior.logpdf(x), student.logpdf(x), rtol=1e-11)
        np.testing.assert_allclose(prior.penalty(x), student.penalty(x), rtol=1e-9, atol=1e-10)
    few = bg.Normal(bg.Precision(bg.Gamma(0.001, 0.001)))
    expected = bg.StudentT(1.0, df=0.002).logpdf(x)
    np.testing.assert_allclose(few.logpdf(x), expected, rtol=1e-10)
    laplace = bg.Laplace(4.0**-0.5).logpdf(x)
    np.testing.assert_allclose(
        bg.Normal(bg.Variance(bg.Gamma(1.0, 2.0))).logpdf(x), laplace, rtol=1e-11, atol=1e-14
    )
    uniform = bg.Normal(bg.Uniform(0.0, 2.0)).logpdf(0.7)
    exact = integrate.quad(lambda s: stats.norm.pdf(0.7, scale=s) / 2.0, 0.0, 2.0)[0]
    assert uniform == pytest.approx(np.log(exact), abs=1e-10)


@pytest.mark.parametrize("size", [1e-150, 1e-5, 1e5, 1e140])
def test_marginals_of_any_size_are_those_of_the_unit(size):
    x = np.array([1e-3, 1.0, 5.0])
    for above in (bg.HalfNormal, bg.HalfCauchy, bg.Exponential):
        found = bg.Normal(above(size)).logpdf(size * x) + np.log(size)
        np.testing.assert_allclose(found, bg.Normal(above(1.0)).logpdf(x), rtol=1e-10)


def test_a_scale_that_is_nearly_known_leaves_the_density_under_it():
    x = np.array([0.0, 1.0, -4.0])
    for above in (bg.Gamma(1e10, 1e10), bg.InverseGamma(3e9, 3e9), bg.Uniform(1.0, 1.0 + 1e-9)):
        found = bg.Normal(above).logpdf(x)
        np.testing.assert_allclose(found, bg.Normal(1.0).logpdf(x), rtol=0, atol=3e-5)


def test_vectors_share_the_scale_that_is_integrated_out():
    x = np.array([[0.5, -1.0, 2.0, 0.3], [4.0, 1.0, 0.0, 3.0]])
    for kind in (bg.RandomWalk, bg.GroupLasso):
        found = kind(bg.Exponential(1.0)).logpdf(x)
        for row, value in zip(x, found, strict=True):
            expected = integrate.quad(
                lambda s, w=row, kind=kind: np.exp(kind(s).logpdf(w) - s), 0.0, np.inf
            )[0]
            assert value == pytest.approx(np.log(expected), abs=1e-7)


def test_the_horseshoe_integrates_all_its_scales_out():
    prior = bg.Horseshoe(0.2, slab_scale=1.5, slab_df=5.0)
    u = np.arange(-40.0, 25.0, 0.1)
    density = np.exp(prior.logpdf(np.exp(u)) + u)
    assert 2.0 * 0.1 * density.sum() == pytest.approx(1.0, abs=1e-8)
    drawn = np.abs(prior.sample(60_000, seed=1, size=2))
    assert drawn.shape == (60_000, 2)
    for column in drawn.T:
        shares = np.cumsum(2.0 * 0.1 * density) - 0.1 * density
        got = np.searchsorted(np.sort(column), np.exp(u)) / len(column)
        assert np.abs(got - shares).max() < 0.006
    # By three nested integrals: PyMC's half-Cauchys and inverse gamma.
    rng = np.random.default_rng(0)
    tau, local = np.abs(rng.standard_cauchy((2, 400_000)))
    slab = 2.5 * 1.5**2 / rng.gamma(2.5, size=len(tau))
    wide = np.square(0.2 * tau * local)
    scale = np.sqrt(slab * wide / (slab + wide))
    for x in (0.05, 0.5, 2.0):
        each = stats.norm.pdf(x, scale=scale)
        error = each.std() / np.sqrt(len(each))
        assert np.exp(prior.logpdf(x)) == pytest.approx(each.mean(), abs=5.0 * error)
    assert prior.logpdf(0.0) == np.inf


def test_correlation_matrices_have_their_density_and_draws():
    prior = bg.LKJ(2.5)
    drawn = prior.sample(20_000, seed=0, size=(3, 3))
    b = 2.5 + 0.5
    for row, column in ((1, 0), (2, 0), (2, 1)):
        shares = stats.beta(b, b, loc=-1.0, scale=2.0).cdf
        assert stats.kstest(drawn[:, row, column], shares).pvalue > 1e-4
    total = prior.penalty(drawn) + prior.logpdf(drawn)
    np.testing.assert_allclose(total, prior.logpdf(np.eye(3)), rtol=1e-12)
    r = np.linspace(-0.999999, 0.999999, 20_001)
    pairs = np.array([[np.ones_like(r), r], [r, np.ones_like(r)]]).transpose(2, 0, 1)
    assert integrate.simpson(np.exp(prior.logpdf(pairs)), x=r) == pytest.approx(1.0, abs=1e-9)
    assert prior.logpdf([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]) == -np.inf


def test_arrays_of_any_length_are_taken_in_parts():
    prior = bg.Normal(bg.HalfNormal((1.0, 2.0)))
    x = np.random.default_rng(0).normal(size=(900, 2))
    whole = prior.logpdf(x)
    np.testing.assert_allclose(whole[[0, 899]], prior.logpdf(x[[0, 899]]), rtol=1e-12)
    one = bg.Normal(bg.HalfNormal(2.0)).logpdf(x[3, 1])
    assert whole[3, 1] == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ("one", "x must be numbers, or an array of them, got 'one'"),
        (["1", "2"], "x must be numbers"),
        (None, "x must be numbers"),
        (True, "x must be numbers"),
        (1j, "x must be numbers"),
        ([[1.0], [1.0, 2.0]], "x must be numbers"),
        ([1.0, np.nan], r"x must be finite numbers, and x\[1\] is nan"),
        ([[1.0, 2.0], [-np.inf, 0.0]], r"x\[1\]\[0\] is -inf"),
        (np.nan, "and x is nan"),
        (np.ma.masked_array([1.0, 2.0], [True, False]), "x must be numbers"),
    ],
)
def test_no_x(x, message):
    for ask in (bg.Normal(1.0).logpdf, bg.Horseshoe(1.0).penalty, bg.lasso(1.0).prox):
        with pytest.raises(bg.DataError, match=message):
            ask(x, 1.0) if ask.__name__ == "prox" else ask(x)


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf, "1", None, True, [1.0]])
def test_no_step(step):
    with pytest.raises(bg.DataError, match="step must be a positive, finite number, got"):
        bg.Normal(1.0).prox(1.0, step)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n": 0}, "n must be a whole number of at least 1, got 0"),
        ({"n": 2.0}, "n must be a whole number"),
        ({"n": True}, "n must be a whole number"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": "a"}, "seed must be a whole number"),
        ({"seed": 2**63}, "seed must be below"),
        ({"n": 10**13}, r"n=10000000000000 draws of 1 numbers need .* GB .*ask for fewer"),
        ({"size": 0}, "size must be a whole number of at least 1, got 0"),
        ({"size": "3"}, "size must be a whole number, or several in a tuple"),
        ({"size": (2, 1.5)}, "size must be a whole number, or several in a tuple"),
    ],
)
def test_no_draws(asked, message):
    with pytest.raises(bg.DataError, match=message):
        bg.Normal(1.0).sample(**{"n": 2} | asked)


def test_what_a_prior_has_not_is_said():
    with pytest.raises(bg.ModelError, match=r"RandomWalk\(0.7, order=2\) is improper"):
        WALK.sample(3, size=5)
    with pytest.raises(bg.ModelError, match=r"several coefficients together.*sample\(n, size=5\)"):
        GROUP.sample(3)
    with pytest.raises(bg.DataError, match="GroupLasso is a prior of several coefficients"):
        GROUP.logpdf(1.0)
    with pytest.raises(bg.DataError, match="x is empty along its last axis"):
        GROUP.prox(np.zeros((2, 0)), 1.0)
    with pytest.raises(bg.DataError, match="differences of order 2, and x has only 2 entries"):
        WALK.logpdf([1.0, 2.0])
    with pytest.raises(bg.ModelError, match="scale that changes along the last axis"):
        bg.RandomWalk((1.0, 2.0, 3.0)).penalty([1.0, 2.0, 3.0])
    with pytest.raises(bg.ModelError, match="prior of a Spline's curve"):
        bg.RandomWalk(1.0, order=2, free=bg.Normal(1.0)).logpdf([1.0, 2.0, 3.0])
    with pytest.raises(bg.ModelError, match="no penalty: its density grows without bound"):
        bg.Gamma(0.5, 1.0).penalty(1.0)
    with pytest.raises(bg.ModelError, match="no penalty: its density grows without bound"):
        bg.Beta(0.5, 1.0).prox(0.3, 1.0)
    with pytest.raises(bg.ModelError, match=r"shape \(2,\), which does not fit x of shape \(3,\)"):
        bg.Normal((1.0, 2.0)).logpdf([1.0, 2.0, 3.0])
    with pytest.raises(bg.ModelError, match=r"shape \(2,\), which does not fit size of shape \(\)"):
        bg.Normal((1.0, 2.0)).sample(3, size=())
    with pytest.raises(bg.ModelError, match=r"Precision.* has no prox: no formula gives one"):
        bg.Precision(bg.Gamma(1.0, 1.0)).prox(1.0, 1.0)
    with pytest.raises(bg.ModelError, match=r"Variance.* is no penalty"):
        bg.Variance(bg.Gamma(0.4, 1.0)).penalty(1.0)
    with pytest.raises(bg.ModelError, match="no prox: no formula gives one of matrices"):
        bg.LKJ(1.0).prox(np.eye(2), 1.0)
    with pytest.raises(bg.DataError, match="symmetric with ones on the diagonal"):
        bg.LKJ(1.0).logpdf([[1.0, 0.5], [0.4, 1.0]])
    with pytest.raises(bg.DataError, match=r"x has the shape \(2,\)"):
        bg.LKJ(1.0).penalty([1.0, 0.5])
    with pytest.raises(bg.ModelError, match=r"sample\(n, size=\(3, 3\)\)"):
        bg.LKJ(1.0).sample(3)
    with pytest.raises(bg.ModelError, match="eta of at least 1"):
        bg.LKJ(0.5).penalty(np.eye(2))
