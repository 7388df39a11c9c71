"""What moves of eta change, against the cumulants themselves in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.numerics.families.changes import LOG, LOGIT

ROUNDING = float(np.finfo(np.float32).eps) / 2.0  # of one number in single precision
CUMULANT = {
    "logit": (LOGIT, lambda eta: np.logaddexp(0.0, eta), lambda eta: 1.0 / (1.0 + np.exp(-eta))),
    "log": (LOG, np.exp, np.exp),
}


def moved(changes, change, d):
    """Moves as they are given: in the unit, with the start added."""
    start = 0.0 if change.start is None else np.reshape(change.start, (-1,) + (1,) * (d.ndim - 1))
    return (changes.unit * d + start).astype(np.float32)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("name", CUMULANT)
@given(st.integers(1, 33), st.integers(1, 4), st.floats(-15.0, 15.0), st.integers(0, 99))
def test_sums_and_slopes(name, counted, n, k, centre, seed):
    changes, cumulant, mean = CUMULANT[name]
    rng = np.random.default_rng(seed)
    eta = centre / (3.0 if name == "log" else 1.0) + rng.normal(size=n)
    d = 0.3 * rng.normal(size=(n, k))
    trials = rng.integers(0, 9, n).astype(float) if counted and name == "logit" else None
    weights = rng.choice([0.0, 0.5, 2.0], n) if counted else None
    count = (1.0 if trials is None else trials) * (1.0 if weights is None else weights)
    change = changes.at(eta, trials, weights)
    upright = eta[:, None]
    exact = (np.broadcast_to(count, n)[:, None] * (cumulant(upright + d) - cumulant(upright))).sum(
        0
    )
    # A logarithm of numbers near one is lost to their rounding, however small the probability.
    lost = 4.0 * ROUNDING * (1.0 + (count * (1.0 + mean(eta))).sum())
    np.testing.assert_allclose(change.sums(moved(changes, change, d)), exact, atol=lost)
    totals, means = change.slopes(moved(changes, change, d))
    np.testing.assert_allclose(totals, exact, atol=lost)
    by = np.broadcast_to(count, n)[:, None] * (mean(upright + d) - mean(upright))
    np.testing.assert_allclose(means, by, atol=lost)


@pytest.mark.parametrize("eta", [-800.0, -100.0, 100.0, 800.0])
def test_where_a_probability_is_next_to_none(eta):
    """p or q is nothing in single precision; the change is that of log q + log p all the same."""
    change = LOGIT.at(np.full(9, eta), None, None)
    d = np.linspace(-2.0, 2.0, 9)
    exact = np.logaddexp(0.0, eta + d) - np.logaddexp(0.0, eta)
    found = change.sums(moved(LOGIT, change, np.diag(d)))
    np.testing.assert_allclose(found, exact, atol=1e-4 * abs(eta))
    total = change.slopes(moved(LOGIT, change, d[:, None]))[0]
    assert total == pytest.approx([exact.sum()], abs=1e-3)


def test_a_small_change_of_a_large_mean_keeps_its_digits():
    change = LOG.at(np.full(3, np.log(1e6)), None, None)
    d = np.array([[1e-6], [-2e-6], [4e-6]], dtype=np.float32)
    total, means = change.slopes(d.copy())
    np.testing.assert_allclose(means, 1e6 * np.expm1(d.astype(float)), rtol=1e-6)
    assert total == pytest.approx([means.sum()], rel=1e-5)
    assert change.sums(d) == pytest.approx(total, rel=1e-6)
