"""The two special functions against arithmetic of many digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.numerics.special import log_choose, log_gamma_half_step


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
