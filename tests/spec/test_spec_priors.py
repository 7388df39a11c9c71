"""Priors as they are said: numbers kept, penalties bridged, everything else refused."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg

SCALED = [bg.Normal, bg.Laplace, bg.HalfNormal, bg.HalfStudentT, bg.Exponential]
LAMBDAS = st.floats(1e-100, 1e100)


@given(LAMBDAS)
def test_ridge_is_a_normal(lam):
    prior = bg.ridge(lam)
    assert isinstance(prior, bg.Normal)
    assert prior.loc == 0.0
    assert math.isclose(prior.scale**-2, lam, rel_tol=1e-12)


@given(LAMBDAS)
def test_lasso_is_a_laplace(lam):
    prior = bg.lasso(lam)
    assert isinstance(prior, bg.Laplace)
    assert prior.loc == 0.0
    assert math.isclose(1 / prior.scale, lam, rel_tol=1e-12)


@given(LAMBDAS, st.floats(-10, 10), st.floats(-10, 10))
def test_penalties_are_differences_of_log_density(lam, v, w):
    from bayesglm.numerics.priors import PRIORS

    w, v = np.float64(w), np.float64(v)
    for prior, penalty in [
        (bg.ridge(lam), lambda x: lam / 2 * x**2),
        (bg.lasso(lam), lambda x: lam * abs(x)),
    ]:
        density = PRIORS[type(prior).__name__].log_density
        fall = density(v, scale=prior.scale) - density(w, scale=prior.scale)
        size = penalty(w) + penalty(v) + abs(density(np.float64(0.0), scale=prior.scale))
        assert abs(fall - (penalty(w) - penalty(v))) <= 1e-12 * size


def test_no_penalty_is_flat():
    assert bg.ridge(0) == bg.lasso(0.0) == bg.ridge(-0.0) == bg.Flat()


@pytest.mark.parametrize("penalty", [bg.ridge, bg.lasso])
@pytest.mark.parametrize(
    ("lam", "message"),
    [
        (-1, "at least 0, got -1.0"),
        (np.inf, "finite"),
        (np.nan, "finite"),
        (True, "must be a number"),
        ("1", "must be a number"),
        (None, "must be a number"),
        ([1.0], "one number; use a prior with an array scale"),
        (bg.HalfNormal(1.0), "must be a number"),
    ],
)
def test_no_penalty(penalty, lam, message):
    with pytest.raises(bg.ModelError, match=rf"{penalty.__name__}\(lam\): lam .*{message}"):
        penalty(lam)


@pytest.mark.parametrize("prior", SCALED)
@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), Fraction(2)],
    ids=lambda value: type(value).__name__,
)
def test_any_kind_of_number_is_kept_as_a_float(prior, value):
    made = prior(value)
    assert type(made.scale) is float
    assert made == prior(2.0)
    assert repr(made) == f"{prior.__name__}(2.0)"


@pytest.mark.parametrize("prior", SCALED)
def test_arrays_are_kept_as_nested_tuples(prior):
    made = prior(np.array([[1, 2], [3, 4]]))
    assert made.scale == ((1.0, 2.0), (3.0, 4.0))
    assert made == prior([[1.0, 2.0], (3, 4)])
    assert hash(made) == hash(prior([[1.0, 2.0], (3, 4)]))
    assert repr(made) == f"{prior.__name__}(((1.0, 2.0), (3.0, 4.0)))"


@pytest.mark.parametrize("prior", SCALED)
@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (0, r"must be a positive, finite number \(or an array of them\), got 0.0"),
        (-1.0, "positive, finite number .*got -1.0"),
        (np.nan, "positive, finite number .*got nan"),
        (np.inf, "positive, finite number .*got inf"),
        (10**400, "finite number; 10+ is too large"),
        (True, "must be a number or an array of numbers, got True"),
        (np.array([True]), "got True"),
        ("wide", "got 'wide'"),
        (None, "got None"),
        (1j, "got 1j"),
        (Decimal(1), "must be a number"),
        ([], "empty array"),
        (np.empty((2, 0)), "empty array"),
        ([[1.0], [1.0, 2.0]], "ragged"),
        ([1.0, [2.0]], "ragged"),
        ([1.0, -2.0], "got -2.0"),
        ([1.0, "2"], "got '2'"),
        (bg.HalfNormal(1.0), r"itself a prior \(HalfNormal\(1.0\)\); learned scales .*Give a num"),
        (bg.Exponential(1.0), "learned scales are not available yet"),
        (bg.Normal(1.0), "learned scales are not available yet"),
    ],
)
def test_no_scale(prior, scale, message):
    with pytest.raises(bg.ModelError, match=rf"{prior.__name__} scale.*{message}"):
        prior(scale)


@pytest.mark.parametrize("prior", [bg.Normal, bg.Laplace])
@pytest.mark.parametrize("loc", [np.nan, -np.inf, "left", None, True, [[1.0], []]])
def test_no_loc(prior, loc):
    with pytest.raises(bg.ModelError, match=f"{prior.__name__} loc"):
        prior(1.0, loc)


@pytest.mark.parametrize("df", [0, -1, np.nan, np.inf, "four", False])
def test_no_degrees_of_freedom(df):
    with pytest.raises(bg.ModelError, match="HalfStudentT df"):
        bg.HalfStudentT(1.0, df=df)


def test_priors_compare_by_kind_and_number():
    assert bg.Normal(1.0) != bg.Laplace(1.0)
    assert bg.Normal(1.0) != bg.Normal(2.0)
    assert bg.Normal(1.0, loc=0) == bg.Normal(1)
    assert len({bg.Normal(1.0), bg.Normal(1.0), bg.Laplace(1.0), bg.HalfNormal(1.0)}) == 3
    assert bg.HalfStudentT(1.0) == bg.HalfStudentT(1.0, df=4)
