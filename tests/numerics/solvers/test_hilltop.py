"""The maximum of functions known by their values alone, narrow and wide, skewed and turned."""

import numpy as np
import pytest

from bayesglm.numerics.solvers.hilltop import hilltop


def exponentials(count, turn):
    """A log density as of `count` events: count (u - exp(u)) along each axis, and its mode."""
    at = np.array([1.3, -2.1])

    def value(x):
        u = turn.T @ (x - at)
        return float(count @ (u - np.exp(u)))

    return value, at


@pytest.mark.parametrize("count", [30.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("ratio", [1.0, 300.0])
@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_skewed_modes_are_found_however_narrow(count, ratio, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    turn, counts = np.array([[cos, -sin], [sin, cos]]), np.array([count, count / ratio])
    value, at = exponentials(counts, turn)
    top = hilltop(value, np.array([3.0, 3.0]))
    precision = (turn * counts) @ turn.T
    away = top.x - at
    assert np.sqrt(away @ precision @ away) < 0.1
    assert top.value == value(top.x)
    np.testing.assert_allclose(np.linalg.det(top.precision / count), 1.0 / ratio, rtol=0.2)


def test_steps_avoid_where_there_is_no_value():
    top = hilltop(lambda x: float(np.log(x[0]) - x[0]) if x[0] > 0.0 else -np.inf, np.array([0.05]))
    assert top.x[0] == pytest.approx(1.0, abs=0.1)


def test_a_slope_has_no_top():
    assert hilltop(lambda x: float(-np.exp(-x[0])), np.zeros(1)) is None
    assert hilltop(lambda x: -np.inf, np.zeros(1)) is None
