"""Every prior against SciPy's distributions and against arithmetic of many digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from priors import EXAMPLES, OF_SCALES, RANGES, decimals, exact_terms
from scipy import integrate, special, stats

from bayesglm.numerics.priors.differences import Differences
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.table import PRIORS

KNOWN = [name for name in PRIORS if name in EXAMPLES]
ELEMENTWISE = [name for name in KNOWN if EXAMPLES[name].log_density is not None]
SCIPY = {
    "Normal": lambda scale, loc: stats.norm(loc, scale),
    "Laplace": lambda scale, loc: stats.laplace(loc, scale),
    "StudentT": lambda scale, df, loc: stats.t(df, loc, scale),
    "Horseshoe": lambda scale: stats.norm(scale=scale),
    "SpikeSlab": lambda scale, spike, probability: stats.Mixture(
        [stats.Normal(sigma=scale), stats.Normal(sigma=spike)],
        weights=[probability, 1.0 - probability],
    ),
    "Steps": lambda scale: stats.norm(scale=scale),
    "HalfNormal": lambda scale: stats.halfnorm(scale=scale),
    "HalfStudentT": lambda scale, df: stats.t(df, scale=scale),
    "Cauchy": lambda scale, loc: stats.cauchy(loc, scale),
    "HalfCauchy": lambda scale: stats.halfcauchy(scale=scale),
    "RootGamma": lambda shape, rate: stats.gengamma(shape, 2.0, scale=rate**-0.5),
    "RootInverseGamma": lambda shape, scale: stats.gengamma(shape, -2.0, scale=scale**0.5),
    "Exponential": lambda scale: stats.expon(scale=scale),
    "Gamma": lambda shape, rate: stats.gamma(shape, scale=1.0 / rate),
    "InverseGamma": lambda shape, scale: stats.invgamma(shape, scale=scale),
    "Beta": lambda alpha, beta: stats.beta(alpha, beta),
    "Uniform": lambda lower, upper: stats.uniform(lower, upper - lower),
}
# The ends of each support, and numbers in it over which formulas are compared.
ENDS = {"real": (-np.inf, np.inf), "positive": (0.0, np.inf), "unit": (0.0, 1.0)}
ENDS["interval"] = (0.0, 3.0)  # those of the example
INSIDE = {"real": (-50.0, 50.0), "positive": (0.001, 50.0), "unit": (0.001, 0.999)}
INSIDE["interval"] = (-4.999, 4.999)


@pytest.mark.parametrize("name", ELEMENTWISE)
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_densities_and_derivatives_in_many_digits(name, data):
    prior, example = PRIORS[name], EXAMPLES[name]
    parameters = data.draw(st.fixed_dictionaries({key: RANGES[key] for key in example.numbers}))
    low, high = INSIDE[prior.support]
    end = ENDS[prior.support][0]
    if prior.support == "positive" and is_finite(prior, end, parameters):
        low = end
    x = data.draw(decimals(low, high))
    with mp.workdps(80):
        h = mp.mpf(10) ** -20
        at = mp.mpf(x)
        here, *others = (
            mp.fsum(exact_terms(name, at + k * h, **parameters)) for k in (0, -1, 1, 2)
        )
        low, high, further = others
        gradient, curvature = (high - low) / (2 * h), (high - 2 * here + low) / h**2
        found = prior.log_density(np.array([x]), **parameters)[0]
        # 20 covers the constants, the log-gammas of a large df not being among them.
        assert abs(found - here) <= 1e-13 * (20.0 + abs(here))
        if prior.kink is not None and x == parameters.get("loc", 0.0):
            # The curvature of what is beside the kink, on one side of it.
            gradient, curvature = mp.mpf(0), (here - 2 * high + further) / h**2
        unit = example.unit(x, **parameters)
        z = abs(x - parameters.get("loc", 0.0)) / unit
        atol = 1e-14 * (1.0 + z) / unit
        assert abs(prior.gradient(np.array([x]), **parameters)[0] - gradient) <= (
            1e-13 * abs(gradient) + atol
        )
        assert abs(prior.curvature(np.array([x]), **parameters)[0] - curvature) <= (
            1e-13 * abs(curvature) + 1e-14 / unit**2 + mp.mpf(10) ** -20
        )


def is_finite(prior, x, parameters):
    return bool(np.isfinite(prior.log_density(np.array([x]), **parameters))[0])


@pytest.mark.parametrize("name", SCIPY)
def test_normalised_as_in_scipy(name):
    prior, parameters = PRIORS[name], EXAMPLES[name].numbers
    low, high = np.clip(ENDS[prior.support], -9.0, 9.0)
    x = np.linspace(low, high, 41)
    expected = SCIPY[name](**parameters).logpdf(x)
    if name == "HalfStudentT":
        expected = expected + np.log(2.0)
    np.testing.assert_allclose(prior.log_density(x, **parameters), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_proper_priors_integrate_to_one(name):
    prior, parameters = PRIORS[name], EXAMPLES[name].numbers
    loc = parameters.get("loc", 0.0)

    def density(x):
        return float(np.exp(prior.log_density(np.array([x]), **parameters))[0])

    if not prior.proper:
        assert density(-1e9) == density(1e9) == 1.0
        return
    low, high = ENDS[prior.support]
    below, above = (integrate.quad(density, *ends)[0] for ends in ((low, loc), (loc, high)))
    assert above + below == pytest.approx(1.0, abs=1e-7)
    assert (below == 0.0) == (low == loc)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_log_concave_says_the_sign_of_the_curvature(name):
    prior = PRIORS[name]
    low, high = np.clip(ENDS[prior.support], -9.0, 9.0)
    x = np.linspace(low, high, 182)[1:-1]
    assert np.all(prior.curvature(x, **EXAMPLES[name].numbers) <= 0.0) == prior.log_concave


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_kink_is_where_the_gradient_jumps(name):
    prior, example = PRIORS[name], EXAMPLES[name]
    assert (prior.kink is None) == (example.kink is None)
    parameters, loc = (
        example.numbers,
        example.numbers.get("loc", 0.5 if example.kink is None else 0.0),
    )
    weight = 0.0 if example.kink is None else example.kink(**parameters)
    h = 1e-9
    left, at, right = prior.gradient(np.array([loc - h, loc, loc + h]), **parameters)
    bend = float(np.squeeze(prior.curvature(np.array([loc]), **parameters)))
    assert (left - right) / 2 == pytest.approx(weight - h * bend, rel=1e-8, abs=1e-11)
    if prior.kink is not None:
        assert prior.kink(**parameters) == pytest.approx(weight, rel=1e-15)
        assert at == 0.0


RATIOS = (
    st.floats(min_value=0.0, max_value=1.0, exclude_min=True, exclude_max=True)
    | st.floats(-300.0, -1e-9).map(lambda power: 10.0**power)
    | st.floats(-15.9, -1e-9).map(lambda power: 1.0 - 10.0**power)
    | st.sampled_from([5e-324, 1e-300, 0.5, 1.0 - 2.0**-52, 1.0 - 2.0**-53])
)


@given(
    RATIOS.filter(lambda ratio: 0.0 < ratio < 1.0),
    st.floats(0.0, 8.0).map(lambda power: 10.0**power),
    st.floats(-6.0, 6.0).map(lambda power: 10.0**power),
    st.sampled_from([-1.0, 1.0]),
)
def test_an_elastic_net_near_laplace_and_near_normal_keeps_fourteen_digits(ratio, scale, z, side):
    """With scale >= 1 all terms have one sign, so nothing cancels and the error is relative."""
    prior = PRIORS["ElasticNet"]
    x = side * scale * z
    with mp.workdps(60):
        a, at, s = mp.mpf(ratio), mp.mpf(x), mp.mpf(scale)
        expected = {
            prior.log_density: mp.fsum(
                exact_terms("ElasticNet", at, scale=scale, ratio=ratio, loc=0)
            ),
            prior.gradient: -(a * side + (1 - a) * at / s) / s,
            prior.curvature: -(1 - a) / s**2,
        }
        for function, value in expected.items():
            found = function(np.array([x]), scale=scale, ratio=ratio, loc=0.0)[0]
            assert abs(found - value) <= 1e-14 * abs(value)
        kink = prior.kink(scale=scale, ratio=ratio)
        assert abs(kink - a / s) <= 1e-15 * a / s + mp.mpf(5e-324)


@given(RANGES["scale"], RANGES["ratio"], RANGES["loc"], decimals(-50, 50))
def test_elastic_nets_are_a_scale_family(scale, ratio, loc, x):
    density = PRIORS["ElasticNet"].log_density
    unit = density(np.array([(x - loc) / scale]), scale=1.0, ratio=ratio, loc=0.0)
    found = density(np.array([x]), scale=scale, ratio=ratio, loc=loc)
    np.testing.assert_allclose(found, unit - np.log(scale), rtol=1e-12, atol=1e-12)


def test_an_elastic_net_tends_to_laplace_and_to_normal():
    x = np.linspace(-3.0, 5.0, 33)
    where = {"scale": 0.7, "loc": 0.5}
    for ratio, name in ((1e-17, "Normal"), (1.0 - 2.0**-53, "Laplace")):
        found = PRIORS["ElasticNet"].log_density(x, ratio=ratio, **where)
        np.testing.assert_allclose(found, PRIORS[name].log_density(x, **where), rtol=1e-13)


@pytest.mark.parametrize("name", [name for name in KNOWN if PRIORS[name].support != "real"])
def test_nothing_beyond_the_ends(name):
    low, high = ENDS[PRIORS[name].support]
    x = np.array([low - 1e-12, 0.9, high + 1e-12])
    density = PRIORS[name].log_density(x, **EXAMPLES[name].numbers)
    assert density[0] == density[2] == -np.inf or high == np.inf
    assert density[0] == -np.inf
    assert np.isfinite(density[1])


def test_a_uniform_beta_is_level_up_to_its_ends():
    density = PRIORS["Beta"].log_density(np.array([0.0, 0.3, 1.0]), alpha=1.0, beta=1.0)
    np.testing.assert_array_equal(density, 0.0)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_parameters_and_x_broadcast(name):
    prior = PRIORS[name]
    parameters = {
        key: np.array([value, 2.0 * value]) for key, value in EXAMPLES[name].numbers.items()
    }
    x = (
        np.array([[0.3], [1.1], [2.9]])
        if prior.support != "unit"
        else np.array([[0.1], [0.3], [0.9]])
    )
    for function in (prior.log_density, prior.gradient, prior.curvature):
        found = function(x, **parameters)
        assert found.shape == ((3, 2) if parameters else (3, 1))
        for i, j in np.ndindex(found.shape):
            single = {key: value[j] for key, value in parameters.items()}
            assert found[i, j] == pytest.approx(float(function(x[i], **single)[0]), rel=1e-15)


WALKS = {
    "a line": ((7,), (0,), 1),
    "a parabola": ((6,), (0,), 2),
    "an image": ((3, 4), (0, 1), 1),
    "an image's plane": ((4, 3), (0, 1), 2),
    "rows of an image": ((3, 5), (1,), 1),
    "columns of an image": ((5, 2), (0,), 3),
}


def walk_parameters(case, scales):
    """A random walk with one scale, or with one per slice that it does not smooth."""
    structure = Differences(*WALKS[case])
    rest = [1 if k in structure.axes else n for k, n in enumerate(structure.shape)]
    scale = np.exp(np.random.default_rng(1).normal(size=rest))
    full = np.broadcast_to(scale, structure.shape).ravel()
    return {"scale": full if scales == "many" else 0.6, "structure": structure}


def walk_of(scale, structure):
    where = slice(0, structure.size)
    return PriorPart(where, PRIORS["RandomWalk"], {"scale": scale}, structure=structure)


def walk_in_many_digits(x, scale, structure):
    """The normal density on the range of the precision, eigenvalue by eigenvalue.

    Where each slice has a scale of its own, its density is of the coefficients in its units, and
    their units cost log(scale) for each of the dimensions that the density lives on.
    """
    scale = np.broadcast_to(scale, structure.size)
    with mp.workdps(40):
        Q = mp.matrix(structure.matrix().tolist())
        z = mp.matrix([mp.mpf(a) / mp.mpf(s) for a, s in zip(x, scale, strict=True)])
        values, vectors = mp.eigsy(Q)
        along = vectors.T * z
        total = mp.mpf(0)
        for k, value in enumerate(values):
            if value > mp.mpf(10) ** -20:
                total += (mp.log(value / (2 * mp.pi)) - value * along[k] ** 2) / 2
                # Q does not mix slices, nor do its eigenvectors but for ties between slices.
                share = [vectors[j, k] ** 2 for j in range(structure.size)]
                total -= mp.fsum(w * mp.log(mp.mpf(s)) for w, s in zip(share, scale, strict=True))
        return total


@pytest.mark.parametrize("scales", ["one", "many"])
@pytest.mark.parametrize("case", WALKS)
def test_a_random_walk_is_a_normal_on_the_range_of_its_precision(case, scales):
    parameters = walk_parameters(case, scales)
    walk, size = walk_of(**parameters), parameters["structure"].size
    x = np.random.default_rng(2).normal(size=(3, 2, size))
    found = walk.total(x)
    assert found.shape == (3, 2)
    for row, density in zip(x.reshape(-1, size)[:3], found.ravel(), strict=False):
        assert density == pytest.approx(float(walk_in_many_digits(row, **parameters)), rel=1e-12)


@pytest.mark.parametrize("scales", ["one", "many"])
@pytest.mark.parametrize("case", WALKS)
def test_slopes_of_a_random_walk(case, scales):
    parameters = walk_parameters(case, scales)
    walk, size = walk_of(**parameters), parameters["structure"].size
    x = np.random.default_rng(3).normal(size=size)
    gradient, curvature = walk.gradient(x), -walk.curvature(x, np.arange(size))
    assert curvature.shape == (size, size)
    np.testing.assert_allclose(curvature, curvature.T, rtol=1e-13)
    assert np.linalg.eigvalsh(curvature).max() < 1e-9 * np.abs(curvature).max()
    assert np.linalg.matrix_rank(curvature) == parameters["structure"].rank
    # A quadratic's central differences are exact.
    steps = np.eye(size)
    up, down = (walk.total(x + side * steps) for side in (1, -1))
    np.testing.assert_allclose(gradient, (up - down) / 2, rtol=1e-9, atol=1e-9)
    bend = walk.gradient(x + steps) - gradient
    np.testing.assert_allclose(bend, curvature, rtol=1e-9, atol=1e-9)
    many = np.stack([x, 2.0 * x])
    np.testing.assert_allclose(walk.gradient(many), [gradient, 2.0 * gradient])


@pytest.mark.parametrize("case", WALKS)
def test_what_a_random_walk_leaves_free_costs_nothing(case):
    for scales in ("one", "many"):
        parameters = walk_parameters(case, scales)
        walk, structure = walk_of(**parameters), parameters["structure"]
        x = np.random.default_rng(4).normal(size=structure.size)
        scale = np.broadcast_to(parameters["scale"], structure.size)
        free = structure.null_space.T * 3.0 / scale
        np.testing.assert_allclose(walk.total(x + free), walk.total(x), rtol=1e-12)


def test_a_random_walk_of_one_dim_is_its_steps():
    """Steps are independent normals; the pseudo-determinant of n places is n."""
    x = np.array([0.3, -0.4, 1.1, 0.9, 2.0])
    structure = Differences((5,), (0,), 1)
    steps = stats.norm(0.0, 0.7).logpdf(np.diff(x)).sum()
    found = walk_of(0.7, structure).total(x)
    assert found == pytest.approx(steps + 0.5 * np.log(5), rel=1e-13)


def test_an_inverse_gamma_has_no_mass_at_zero_itself():
    density = PRIORS["InverseGamma"].log_density(np.zeros(1), shape=2.0, scale=8.0)
    assert density == -np.inf


def test_a_random_walk_leaves_something_free():
    assert not PRIORS["RandomWalk"].proper
    assert PRIORS["RandomWalk"].log_concave


@pytest.mark.parametrize(("name", "power"), [("InverseGamma", 1.0), ("RootInverseGamma", 0.5)])
def test_draws_whose_precisions_are_below_the_floats(name, power):
    """Of 20,000 gamma numbers of shape 0.01, 17 are below the least float."""
    shape, scale = 0.01, 2.0
    drawn = PRIORS[name].draw(np.random.default_rng(5), (20_000,), shape=shape, scale=scale)
    assert np.isfinite(drawn).all()
    shares = special.gammaincc(shape, scale * drawn ** (-1.0 / power))
    assert stats.kstest(shares[shares < 0.99], stats.uniform(0.0, 0.99).cdf).pvalue > 1e-4
    assert np.mean(shares < 0.99) == pytest.approx(0.99, abs=0.004)


@pytest.mark.parametrize("prior", OF_SCALES, ids=repr)
def test_totals_of_scales_are_sums_of_log_densities(prior):
    """Also of those whose density grows without bound towards zero, of one x and of many."""
    distribution = distribution_of(prior)
    x = np.random.default_rng(0).uniform(0.01, 2.9, (4, 3))
    each = distribution.prior.log_density(x, **distribution.parameters)
    np.testing.assert_allclose(distribution.total(x), each.sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(distribution.total(x[0]), each[0].sum(), rtol=1e-12)
