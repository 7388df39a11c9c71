"""Transforms: there and back, their derivatives by finite differences, and PyMC's own."""

import numpy as np
import pytensor
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymc.distributions import transforms as pymc_transforms

from bayesglm.numerics.theta.one_sign import ONE_SIGN
from bayesglm.numerics.theta.supports import SUPPORTS
from bayesglm.numerics.theta.transforms import (
    CIRCULAR,
    IDENTITY,
    LOG,
    ORDERED,
    UNIT,
    logit,
)

Q = 4
TRANSFORMS = {
    "identity": IDENTITY,
    "log": LOG,
    "logit": logit(-1.0, 3.0),
    "ordered": ORDERED,
    "circular": CIRCULAR,
    "one sign": ONE_SIGN,
}
IN_PYMC = {
    "log": pymc_transforms.log,
    # As arrays: PyTensor takes a float that float32 can hold for a float32.
    "logit": pymc_transforms.Interval(np.array(-1.0), np.array(3.0)),
    "ordered": pymc_transforms.ordered,
    "circular": pymc_transforms.circular,
}
BOUNDED = {"log": (0.0, np.inf), "logit": (-1.0, 3.0)}
# What densities of natural values are densities of, where it is not these themselves.
MEASURED = {"one sign": lambda w: np.r_[w.mean(), w[:-1] / w.sum()]}
runs = arrays(np.float64, Q, elements=st.floats(-3.0, 3.0))
every = pytest.mark.parametrize("name", TRANSFORMS)


def inside(name, u):
    """Return a run at which a transform has an inverse: steps of one sign that are not all zero."""
    return np.r_[u[0] + np.copysign(0.5, u[0]), u[1:]] if name == "one sign" else u


def differences(function, u, step=1e-5):
    """Return the slopes of a function of u along each entry, stacked first."""
    steps = step * np.eye(len(u))
    return np.array([(function(u + one) - function(u - one)) / (2.0 * step) for one in steps])


@every
@given(u=runs)
def test_there_and_back(name, u):
    transform, u = TRANSFORMS[name], inside(name, u)
    x = transform.natural(u)
    np.testing.assert_allclose(transform.inner(x), u, rtol=1e-9, atol=1e-9)
    if name in BOUNDED:
        low, high = BOUNDED[name]
        assert np.all((low < x) & (x < high))
    if name == "ordered":
        assert np.all(np.diff(x) > 0.0)
    if name == "one sign":
        assert np.all(x * u[0] > 0.0)
        assert x.mean() == pytest.approx(u[0], rel=1e-12)


@every
@given(u=runs, g=runs)
def test_the_chain_rule_by_finite_differences(name, u, g):
    transform, u = TRANSFORMS[name], inside(name, u)
    jacobian = differences(transform.natural, u)  # (u, x)
    np.testing.assert_allclose(transform.pull(u, g), jacobian @ g, rtol=1e-6, atol=1e-6)
    bend = differences(lambda at: transform.pull(at, g), u)
    np.testing.assert_allclose(transform.bend(u, g), bend, rtol=1e-6, atol=1e-6)
    measured = MEASURED.get(name, lambda x: x)
    sign, log_det = np.linalg.slogdet(differences(lambda at: measured(transform.natural(at)), u))
    assert sign == 1.0
    np.testing.assert_allclose(transform.log_jacobian(u), log_det, rtol=1e-6, atol=1e-6)


@every
@given(u=runs)
def test_the_derivatives_of_the_jacobian(name, u):
    transform = TRANSFORMS[name]
    slope = differences(transform.log_jacobian, u)
    np.testing.assert_allclose(transform.jacobian_slope(u), slope, rtol=1e-6, atol=1e-6)
    bend = differences(lambda at: transform.jacobian_slope(at) + np.zeros(Q), u)
    np.testing.assert_allclose(transform.jacobian_bend(u), bend, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["log", "ordered"])
@given(u=arrays(np.float64, Q, elements=st.floats(0.5, 3.0)))
def test_the_logarithms_of_positive_values(name, u):
    transform = TRANSFORMS[name]
    np.testing.assert_allclose(transform.log_natural(u), np.log(transform.natural(u)), rtol=1e-12)
    slopes = np.diagonal(differences(transform.log_natural, u))
    np.testing.assert_allclose(transform.log_slope(u), slopes, rtol=1e-6)


@every
@given(u=runs)
def test_many_runs_at_once_are_each_of_them(name, u):
    transform, u = TRANSFORMS[name], inside(name, u)
    several = np.stack([u, 0.5 * u, -u])
    for function in (
        transform.natural,
        transform.log_jacobian,
        lambda at: transform.jacobian_slope(at) + np.zeros_like(at),
        lambda at: transform.inner(transform.natural(at)),
        lambda at: transform.pull(at, several[0] + np.zeros_like(at)),
    ):
        each = np.array([function(one) for one in several])
        np.testing.assert_allclose(function(several), each, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", IN_PYMC)
def test_they_are_those_of_pymc(name):
    ours, theirs = TRANSFORMS[name], IN_PYMC[name]
    several = np.random.default_rng(0).normal(scale=2.0, size=(50, Q))
    u = pytensor.tensor.matrix("u", dtype="float64")
    asked = [theirs.backward(u), theirs.log_jac_det(u)]
    natural, jacobian = pytensor.function([u], asked, mode="FAST_COMPILE")(several)
    np.testing.assert_allclose(ours.natural(several), natural, rtol=1e-12)
    jacobian = np.reshape(jacobian, (50, -1)).sum(axis=1)
    np.testing.assert_allclose(ours.log_jacobian(several), jacobian, rtol=1e-9, atol=1e-12)


def test_shares_of_one_sign_are_those_of_pymc():
    u = np.random.default_rng(0).normal(scale=2.0, size=(50, Q))
    of_shares = pytensor.tensor.matrix("u", dtype="float64")
    simplex = pymc_transforms.simplex
    asked = [simplex.backward(of_shares), simplex.log_jac_det(of_shares)]
    shares, jacobian = pytensor.function([of_shares], asked, mode="FAST_COMPILE")(u[:, 1:])
    np.testing.assert_allclose(ONE_SIGN.natural(u), Q * u[:, :1] * shares, rtol=1e-12)
    np.testing.assert_allclose(ONE_SIGN.log_jacobian(u), jacobian, rtol=1e-12)


def test_steps_that_are_all_zero_have_equal_shares():
    assert ONE_SIGN.inner(np.zeros(Q)).tolist() == [0.0] * Q
    assert ONE_SIGN.natural(np.zeros(Q)).tolist() == [0.0] * Q
    one = np.array([-1.5])
    assert (ONE_SIGN.natural(one), ONE_SIGN.inner(one), ONE_SIGN.log_jacobian(one)) == (one, one, 0)


def test_values_near_a_bound_keep_their_digits():
    transform = logit(0.0, 1.0)
    u = np.array([-60.0, 60.0])
    assert transform.natural(u)[0] == pytest.approx(np.exp(-60.0), rel=1e-12)
    assert transform.natural(u)[1] == 1.0
    assert transform.log_jacobian(u) == pytest.approx(-120.0, rel=1e-12)


def test_angles_are_told_in_one_turn():
    np.testing.assert_allclose(
        CIRCULAR.natural(np.array([7.0, -7.0])), [7 - 2 * np.pi, 2 * np.pi - 7]
    )


def test_the_transform_of_a_support():
    assert SUPPORTS == {"real": IDENTITY, "positive": LOG, "unit": UNIT, "one sign": ONE_SIGN}
    assert [one.label.format("x") for one in TRANSFORMS.values()] == [
        "x",
        "log x",
        "logit x",
        "ordered x",
        "x",
        "coordinate of x",
    ]
