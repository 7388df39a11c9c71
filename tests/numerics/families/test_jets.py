"""Forward differentiation against mpmath, function by function and of a whole."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import bayesglm as bg
from bayesglm.numerics.families.jets import PARTIALS, composed, seeded

EXACT = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.divide: lambda a, b: a / b,
    np.power: lambda a, b: a**b,
    np.logaddexp: lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
    np.maximum: max,
    np.minimum: min,
    special.xlogy: lambda a, b: a * mp.log(b),
    special.xlog1py: lambda a, b: a * mp.log1p(b),
    special.betaln: lambda a, b: mp.log(mp.beta(a, b)),
    np.negative: lambda x: -x,
    np.positive: lambda x: x,
    np.absolute: abs,
    np.square: lambda x: x * x,
    np.reciprocal: lambda x: 1 / x,
    np.sqrt: mp.sqrt,
    np.exp: mp.exp,
    np.expm1: mp.expm1,
    np.log: mp.log,
    np.log1p: mp.log1p,
    np.sin: mp.sin,
    np.cos: mp.cos,
    np.tan: mp.tan,
    np.sinh: mp.sinh,
    np.cosh: mp.cosh,
    np.tanh: mp.tanh,
    np.arctan: mp.atan,
    np.arcsinh: mp.asinh,
    special.gammaln: mp.loggamma,
    special.digamma: mp.digamma,
    special.expit: lambda x: 1 / (1 + mp.exp(-x)),
    special.log_expit: lambda x: -mp.log1p(mp.exp(-x)),
    special.ndtr: mp.ncdf,
    special.log_ndtr: lambda x: mp.log(mp.ncdf(x)),
    special.erf: mp.erf,
    special.erfc: mp.erfc,
    special.i0e: lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
}


def differences(function, at):
    """Return value, gradient and Hessian by central differences in 120 digits."""
    n, h = len(at), mp.mpf(10) ** -30

    def moved(*steps):
        place = list(map(mp.mpf, at))
        for k, size in steps:
            place[k] += size * h
        return function(*place)

    first = [(moved((i, 1)) - moved((i, -1))) / (2 * h) for i in range(n)]
    second = [
        [
            sum(s * t * moved((i, s), (j, t)) for s in (1, -1) for t in (1, -1)) / (4 * h * h)
            for j in range(n)
        ]
        for i in range(n)
    ]
    return function(*map(mp.mpf, at)), first, second


def check(function, exact, at, rtol=2e-13):
    variables = seeded(at, 2)
    jet = function(*variables)
    with mp.workdps(120):
        value, first, second = differences(exact, at)
    found = [jet.value, *jet.first, *(one for row in jet.second for one in row)]
    expected = [value, *first, *(one for row in second for one in row)]
    for one, other in zip(found, expected, strict=True):
        assert float(one or 0.0) == pytest.approx(float(other), rel=rtol, abs=1e-13)


@pytest.mark.parametrize("function", PARTIALS, ids=lambda one: one.__name__)
@settings(max_examples=30)
@given(a=st.floats(0.1, 4.0), b=st.floats(4.5, 6.0))
def test_every_function_has_its_derivatives(function, a, b):
    check(function, EXACT[function], (a, b)[: function.nin])


@given(mu=st.floats(0.2, 5.0), alpha=st.floats(0.2, 5.0), y=st.integers(0, 9))
def test_a_whole_density_has_the_derivatives_of_its_parts(mu, alpha, y):
    def log_density(mu, alpha):
        gammas = special.gammaln(y + alpha) - special.gammaln(alpha)
        return np.where(mu > 0.0, gammas + special.xlogy(y, mu) + alpha * np.log(alpha), 0.0) - (
            y + alpha
        ) * np.log(mu + alpha)

    def exact(mu, alpha):
        gammas = mp.loggamma(y + alpha) - mp.loggamma(alpha)
        return gammas + y * mp.log(mu) + alpha * mp.log(alpha) - (y + alpha) * mp.log(mu + alpha)

    check(log_density, exact, (mu, alpha), rtol=1e-11)


def test_a_variable_may_be_a_function_of_another():
    (x,) = seeded((np.array([0.5, 2.0]),), 2)
    inner = np.exp(x.value)
    jet = np.log1p(composed((inner, inner, inner), x))
    share = special.expit(x.value)
    np.testing.assert_allclose(jet.first[0], share, rtol=1e-14)
    np.testing.assert_allclose(jet.second[0][0], share * (1.0 - share), rtol=1e-13)


def test_chosen_parts_keep_their_own_slopes():
    (x,) = seeded((np.array([-1.0, 3.0]),), 2)
    jet = np.clip(np.where(x > 0.0, x * x, 2.0), 0.0, 8.0)
    assert jet.value.tolist() == [2.0, 8.0]
    assert jet.first[0].tolist() == [0.0, 0.0]
    assert np.where(x > 0.0, x * x, 2.0).second[0][0].tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (special.betainc, "betainc"),
        (lambda a, b, x: np.add.reduce(x), "add"),
        (lambda a, b, x: np.cumsum(x), "cumsum"),
        (lambda a, b, x: np.asarray(x), "array, asarray or float"),
        (lambda a, b, x: float(x), "array, asarray or float"),
    ],
)
def test_what_has_no_derivatives_here_is_refused_in_words(function, name):
    (x,) = seeded((0.5,), 2)
    with pytest.raises((bg.ModelError, TypeError), match=f"{name} has no derivatives here|float"):
        function(2.0, 3.0, x)
