"""Rising factorials and Stirling's remainder against arithmetic of many digits."""

import mpmath as mp
import numpy as np
import pytest

from bayesglm.numerics.families.rising import (
    at_counts,
    cubic,
    log1p_less,
    remainder,
    rising,
    rising_of,
)

# Around where one formula takes over from another, and far out.
NUMBERS = [1e-10, 1e-4, 0.01, 0.7, 1.0, 3.3, 7.9, 8.0, 8.1, 16.3, 100.0, 1e4, 1e8, 1e12]
COUNTS = [0, 1, 2, 5, 8, 9, 10, 40, 300]
PARTS = ("log", "held", "left", "bend", "square")


def close(number, exact, tolerance):
    return abs(mp.mpf(float(number)) - exact) <= tolerance * abs(exact)


@pytest.mark.parametrize("part", PARTS)
def test_every_sum_has_its_digits(part):
    terms = {
        "log": lambda a, j: mp.log1p(j / a),
        "held": lambda a, j: a / (a + j),
        "left": lambda a, j: j / (a + j),
        "bend": lambda a, j: a * j / (a + j) ** 2,
        "square": lambda a, j: j**2 / (a + j) ** 2,
    }
    a, n = np.array(NUMBERS)[:, None], np.array(COUNTS, dtype=float)
    sums = getattr(rising(a, n, 1), part)
    with mp.workdps(40):
        for i, k in np.ndindex(sums.shape):
            number = mp.mpf(NUMBERS[i])
            exact = mp.fsum(terms[part](number, mp.mpf(j)) for j in range(COUNTS[k]))
            assert close(sums[i, k], exact, 1e-14), (NUMBERS[i], COUNTS[k])


def test_without_derivatives_only_the_logarithm_is_taken():
    sums = rising(np.array([0.5, 30.0]), np.array([3.0, 12.0]), 0)
    full = rising(np.array([0.5, 30.0]), np.array([3.0, 12.0]), 1)
    np.testing.assert_array_equal(sums.log, full.log)
    assert not any(np.any(part) for part in sums[1:])


def test_beyond_the_floats_the_logarithm_goes_on():
    log_a = np.array([-1e5, -700.0, -2.0])
    with np.errstate(under="ignore"):
        sums = rising_of(np.exp(log_a), log_a, np.array([3.0, 3.0, 3.0]), 1)
    expected = np.array([log_a[0], log_a[1]]) + np.log(2.0)  # a (a + 1) (a + 2)
    np.testing.assert_allclose(sums.log[:2], expected, rtol=1e-15)
    a = np.exp(-2.0)
    assert sums.log[2] == pytest.approx(np.log(a * (a + 1.0) * (a + 2.0)), rel=1e-14)
    np.testing.assert_allclose(sums.held[:2], 1.0)
    assert np.all(sums.bend[:2] < 1e-300)
    none = rising_of(np.zeros(1), np.array([-np.inf]), np.zeros(1), 1)
    assert none.log[0] == none.held[0] == 0.0


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.19, 0.2, 0.21, 1.0, 1e3, 1e9])
def test_differences_of_logarithms(x):
    with mp.workdps(60):
        exact = mp.mpf(x)
        for sign in (1, -1) if x < 1.0 else (1,):
            of_sign = mp.log1p(sign * exact) - sign * exact
            assert close(log1p_less(sign * x), of_sign, 1e-14)
        assert close(cubic(x), exact + exact / (1 + exact) - 2 * mp.log1p(exact), 3e-14)


@pytest.mark.parametrize("x", [1e-40, 1e-4, 0.3, 1.0, 2.5, 7.99, 8.0, 20.0, 1e8])
def test_stirlings_remainder(x):
    with mp.workdps(60):
        at = mp.mpf(x)
        exact = (
            mp.loggamma(at) - ((at - mp.mpf("0.5")) * mp.log(at) - at + mp.log(2 * mp.pi) / 2),
            mp.psi(0, at) - mp.log(at) + 1 / (2 * at),
            mp.psi(1, at) - 1 / at - 1 / (2 * at**2),
        )
        for part, of in zip(remainder(x, 2), exact, strict=True):
            assert close(part, of, 2e-13)


@pytest.mark.parametrize("a", [np.float64(2.5), np.array([[0.5], [3.0]]), np.full(6, 1.5)])
def test_counts_that_repeat_are_read_from_a_table(a):
    y = np.array([0.0, 3.0, 3.0, 1.0, 0.0, 5.0])
    calls = []

    def function(a, n):
        calls.append(np.shape(n))
        return tuple(rising(a, n, 1))

    for part, of in zip(at_counts(function, a, y), rising(a, y, 1), strict=True):
        np.testing.assert_array_equal(part, of)
    assert calls == [(6,)]
    calls.clear()
    at_counts(function, a, 100.0 * y)
    assert calls == [y.shape]
