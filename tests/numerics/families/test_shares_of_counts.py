"""Chances of many negative binomial counts are added up, those of few are beta functions."""

import mpmath
import numpy as np
import pytest

from bayesglm.numerics.families.negative_binomial import FEWEST_ADDED, MOST_ADDED, share_below


@pytest.mark.parametrize("above", [False, True])
def test_chances_added_up_are_those_of_exact_arithmetic(above):
    rng = np.random.default_rng(1)
    n = FEWEST_ADDED
    mu, alpha = np.exp(rng.uniform(-8, 8, n)), np.exp(rng.uniform(-4, 8, n))
    y = rng.negative_binomial(alpha, alpha / (alpha + mu)).astype(float)
    y[:3] = -1.0, 0.0, MOST_ADDED
    many = share_below(y, mu, alpha, above)
    few = np.concatenate([share_below(y[k::2], mu[k::2], alpha[k::2], above) for k in range(2)])
    order = np.concatenate([np.arange(n)[k::2] for k in range(2)])
    np.testing.assert_allclose(many[order], few, rtol=1e-11, atol=1e-300)
    with mpmath.workdps(50):
        for k in [*range(1, 3), *rng.integers(0, n, 30)]:
            a, m = mpmath.mpf(float(alpha[k])), mpmath.mpf(float(mu[k]))
            ends = (a / (a + m), 1) if above else (0, a / (a + m))
            exact = mpmath.betainc(a, int(y[k]) + 1, *ends, regularized=True)
            assert abs(many[k] - exact) <= 1e-12 * exact
    assert many[0] == float(above)
