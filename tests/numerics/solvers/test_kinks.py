"""Kinks: what they take from an objective, its slopes and bends, and what they hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesglm.numerics.solvers.kinks import Kinks

# Single kinks at 0 and 1, a bare bound, a bound with a slope, smooth, and two groups.
WEIGHT = np.array([2.0, 0.5, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0])
AT = np.array([0.0, -0.3, 0.1, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0])
SIDED = np.array([False, False, True, True, False, False, False, False, False])
GROUPS = (np.array([8, 5]), np.array([6, 7]))
KINKS = Kinks(WEIGHT, AT, SIDED, GROUPS, np.array([1.5, 0.7]))
SMOOTH = 4


def points(n=4, seed=0):
    """Return points within the bounds, off every kink."""
    return KINKS.at + np.abs(np.random.default_rng(seed).normal(size=(n, len(AT)))) + 0.01


def test_the_penalty_by_hand():
    x = points(1)[0]
    away = x - AT
    by_hand = 2.0 * abs(away[0]) + 0.5 * abs(away[1]) + 3.0 * away[3]
    by_hand += 1.5 * np.hypot(away[8], away[5]) + 0.7 * np.hypot(away[6], away[7])
    assert KINKS.penalty(x) == pytest.approx(by_hand, rel=1e-14)
    assert KINKS.penalty(AT) == 0.0
    beyond = x.copy()
    beyond[2] = 0.1 - 1e-12
    assert KINKS.penalty(beyond) == np.inf
    np.testing.assert_allclose(KINKS.penalties(np.stack([x, beyond])), [by_hand, np.inf])


def test_slopes_and_bends_are_those_of_the_penalty():
    step = 1e-6 * np.eye(len(AT))
    for x in points():
        slopes = [(KINKS.penalty(x + s) - KINKS.penalty(x - s)) / 2e-6 for s in step]
        np.testing.assert_allclose(KINKS.slope(x), slopes, atol=1e-8)
        gradient = np.ones(len(AT))
        assert KINKS.take_off(x, gradient) == pytest.approx(KINKS.penalty(x), rel=1e-14)
        np.testing.assert_allclose(1.0 - gradient, KINKS.slope(x), rtol=1e-13)
        bends = np.array([(KINKS.slope(x + s) - KINKS.slope(x - s)) / 2e-6 for s in step])
        np.testing.assert_allclose(KINKS.bends(x, np.arange(len(AT))), bends, atol=1e-7)
        some = np.array([8, 0, 5, 6])  # one group whole, of the other a member alone
        inside = np.ix_(some[[0, 2]], some[[0, 2]])
        np.testing.assert_allclose(KINKS.bends(x, some)[np.ix_([0, 2], [0, 2])], bends[inside])
        assert not KINKS.bends(x, some)[[1, 3]].any()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_residual_is_left_where_no_step_is_any_better(seed):
    """KKT: the residual is what the steepest ascent of the penalised slope would gain."""
    rng = np.random.default_rng(seed)
    offset = np.where(rng.random(len(AT)) < 0.5, 0.0, np.abs(rng.normal(size=len(AT))))
    if rng.random() < 0.7:
        offset[GROUPS[0]] = 0.0
    gradient = 2.0 * rng.normal(size=len(AT))
    residual = KINKS.residual(gradient, offset)
    x, step = AT + offset, 1e-7

    def gain(direction):
        moved = KINKS.penalty(x + step * direction) - KINKS.penalty(x)
        return float(gradient @ direction) - moved / step

    size = float(np.linalg.norm(residual))
    assert gain(residual) >= 0.999 * size**2 - 1e-5
    for _ in range(30):
        direction = rng.normal(size=len(AT))
        direction[SIDED & (offset == 0.0)] = np.abs(direction[SIDED & (offset == 0.0)])
        assert gain(direction) <= size * np.linalg.norm(direction) + 1e-5


def test_what_is_held_and_what_presses():
    offset = np.zeros(len(AT))
    offset[[0, 5]] = 1.0
    assert np.flatnonzero(KINKS.held(offset)).tolist() == [1, 2, 3, 6, 7]
    push = KINKS.push(-np.ones(len(AT)))
    assert push[[0, 1]].tolist() == [1.0, 1.0]
    assert push[[2, 3]].tolist() == [-1.0, -1.0]
    assert KINKS.pressing(np.ones(len(AT)))[:4].tolist() == [0.5, 2.0, np.inf, 1.0 / 3.0]
    assert KINKS.pressing(-np.ones(len(AT)))[2] == 0.0
    assert KINKS.inside(AT - 1.0).tolist() == np.where(SIDED, AT, AT - 1.0).tolist()
    start = KINKS.start(np.full(len(AT), 9.0))
    assert start[SMOOTH] == 9.0
    np.testing.assert_array_equal(np.delete(start, SMOOTH), np.delete(AT, SMOOTH))


def test_parts_units_and_more_coordinates():
    x = points(1)[0]
    some = np.array([8, 3, 5, 0])
    part = KINKS.take(some)
    whole = KINKS.penalty(np.where(np.isin(np.arange(len(AT)), some), x, AT))
    assert part.penalty(x[some]) == pytest.approx(whole, rel=1e-14)
    assert KINKS.take(np.array([8, 3])).groups == ()
    assert KINKS.around(2.0, 0.5).penalty((x - AT) / 2.0) == pytest.approx(0.5 * KINKS.penalty(x))
    assert KINKS.pad(11).penalty(np.r_[x, 5.0, -5.0]) == KINKS.penalty(x)
    assert KINKS.pad(len(AT)) is KINKS
    several = Kinks(np.array([[1.0, 0.0], [2.0, 3.0]]), np.zeros(2))
    assert several.of(1).penalty(np.array([1.0, 1.0])) == 5.0
    found = several.of(np.array([1, 0])).penalties(np.ones((2, 2)))
    assert found.tolist() == [5.0, 1.0]


def test_precisions_are_those_of_densities_of_the_kinks_alone():
    """Of r = |w| with density r^(q - 1) exp(-k r), E r^2 / q is (q + 1) / k^2."""
    k, q = 1.5, 2
    r = np.random.default_rng(0).gamma(q, 1.0 / k, 200_000)
    assert KINKS.precision()[8] == pytest.approx(q / np.mean(r**2), rel=0.02)
    assert KINKS.precision()[0] == 2.0
    assert KINKS.precision()[SMOOTH] == 0.0


def test_smooth_functions_have_none():
    none = Kinks.none(3)
    assert not none.any
    assert none.penalty(np.ones(3)) == 0.0
    assert none.bends(np.ones(3), np.arange(3)) is None
    assert KINKS.any
