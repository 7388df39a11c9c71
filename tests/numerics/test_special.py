"""The special functions against arithmetic of many digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesglm.numerics.special import (
    exp_excess,
    half_step_excess,
    inverse_less_trigamma,
    log_choose,
    log_gamma_half_step,
    log_less_digamma,
    stirling_remainder,
)


def exact_log_choose(n, k):
    with mp.workdps(60):
        return float(mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1))


def exact_half_step(a):
    with mp.workdps(400):
        return float(mp.loggamma(mp.mpf(a) + 0.5) - mp.loggamma(mp.mpf(a)))


@pytest.mark.parametrize(
    ("n", "k"),
    [
        (2, 1),
        (15, 7),
        (16, 1),
        (17, 1),
        (17, 8),
        (33, 16),
        (10**9, 1),
        (10**15, 3),
        (10**15, 10**14),
    ],
)
def test_log_choose_where_its_formulas_change(n, k):
    assert log_choose(float(n), float(k)) == pytest.approx(
        exact_log_choose(n, k), rel=2e-15, abs=0.0
    )
    assert log_choose(float(n), float(n - k)) == pytest.approx(
        exact_log_choose(n, k), rel=2e-15, abs=0.0
    )


@given(n=st.integers(1, 10**12), share=st.floats(0.0, 1.0))
def test_log_choose_of_any_counts(n, share):
    k = round(n * share)
    found = log_choose(np.array([float(n)]), np.array([float(k)]))[0]
    assert found == pytest.approx(exact_log_choose(n, k), rel=1e-14, abs=1e-14)


def test_log_choose_of_none_and_all_is_exactly_zero():
    n = np.array([0.0, 1.0, 7.0, 1e9])
    assert log_choose(n, 0.0).tolist() == [0.0] * 4
    assert log_choose(n, n).tolist() == [0.0] * 4


@pytest.mark.parametrize("a", [1e-6, 0.5, 1.0, 1.4616, 19.99, 20.0, 20.01, 35.0, 1e3, 1e9, 1e300])
def test_half_step_where_its_formulas_change(a):
    assert log_gamma_half_step(a) == pytest.approx(exact_half_step(a), rel=2e-15, abs=2e-15)


EXACT = {
    "log_less_digamma": (log_less_digamma, lambda a: mp.log(a) - mp.psi(0, a), 1e-14),
    "inverse_less_trigamma": (inverse_less_trigamma, lambda a: 1 / a - mp.psi(1, a), 2e-15),
    "stirling_remainder": (
        stirling_remainder,
        lambda a: mp.loggamma(a) - (a - 0.5) * mp.log(a) + a - mp.log(2 * mp.pi) / 2,
        5e-12,  # next to 16 it is 0.005, and right to 1e-14
    ),
    "half_step_excess": (
        lambda a: half_step_excess(a, 2)[0],
        lambda a: mp.loggamma(a + 0.5) - mp.loggamma(a) - mp.log(a) / 2,
        2e-15,
    ),
    "its slope": (
        lambda a: half_step_excess(a, 2)[1],
        lambda a: mp.psi(0, a + 0.5) - mp.psi(0, a) - 1 / (2 * a),
        2e-15,
    ),
    "its bend": (
        lambda a: half_step_excess(a, 2)[2],
        lambda a: mp.psi(1, a + 0.5) - mp.psi(1, a) + 1 / (2 * a * a),
        5e-15,
    ),
}


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=30)
@given(st.floats(1e-8, 1e8))
def test_what_plain_differences_would_lose(name, a):
    function, exact, tolerance = EXACT[name]
    for x in (a, *(1e-8, 0.3, 3.0, 15.9, 16.0, 29.9, 30.0, 1e8)):
        with mp.workdps(60):
            number = exact(mp.mpf(x))
        assert abs(float(function(x)) / number - 1.0) < tolerance, x


@given(st.floats(-40.0, 40.0))
def test_the_excess_of_the_exponential(x):
    for at in (x, 1e-3 * x, -0.5, 0.5, 0.0):
        with mp.workdps(120):
            number = float(mp.exp(mp.mpf(at)) - 1 - mp.mpf(at))
        assert float(exp_excess(at)) == pytest.approx(number, rel=1e-15, abs=1e-80)
