"""Differences along axes, against Kronecker sums written out."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesglm.numerics.priors.differences import Differences

CASES = [
    ((5,), (0,), 1),
    ((6,), (0,), 2),
    ((7,), (0,), 3),
    ((6,), (0,), 4),
    ((3, 4), (0,), 1),
    ((3, 4), (1,), 2),
    ((4, 5), (0, 1), 1),
    ((4, 5), (0, 1), 2),
    ((4, 3, 5), (0, 2), 2),
    ((2, 3, 2), (0, 1, 2), 1),
]
parametrize = pytest.mark.parametrize("case", CASES, ids=str)


def kronecker_sum(shape, axes, order):
    """The sum over axes of I x ... x D'D x ... x I."""
    total = 0.0
    for axis in axes:
        D = np.eye(shape[axis])
        for _ in range(order):
            D = D[1:] - D[:-1]
        factors = [D.T @ D if k == axis else np.eye(n) for k, n in enumerate(shape)]
        total = total + reduce(np.kron, factors)
    return total


@parametrize
def test_the_matrix_is_the_kronecker_sum(case):
    walk, Q = Differences(*case), kronecker_sum(*case)
    np.testing.assert_allclose(walk.matrix(), Q, atol=1e-12)
    assert walk.size == len(Q)
    assert walk.rank == np.linalg.matrix_rank(Q)


@parametrize
def test_the_eigenbasis(case):
    walk, Q = Differences(*case), kronecker_sum(*case)
    V = walk.rotate(np.eye(walk.size))
    np.testing.assert_allclose(V.T @ V, np.eye(walk.size), atol=1e-12)
    np.testing.assert_allclose(V.T @ Q @ V, np.diag(walk.eigenvalues), atol=1e-11)
    np.testing.assert_allclose(np.sort(walk.eigenvalues), np.linalg.eigvalsh(Q), atol=1e-11)
    assert np.count_nonzero(walk.eigenvalues) == walk.rank
    assert np.all(walk.eigenvalues >= 0.0)
    x = np.random.default_rng(0).normal(size=(2, 3, walk.size))
    np.testing.assert_allclose(walk.rotate(x), x @ V, atol=1e-12)
    np.testing.assert_allclose(walk.rotate(x, back=True), x @ V.T, atol=1e-12)


@parametrize
def test_the_pseudo_determinant(case):
    walk, Q = Differences(*case), kronecker_sum(*case)
    values = np.linalg.eigvalsh(Q)[walk.size - walk.rank :]
    assert walk.log_pdet == pytest.approx(np.log(values).sum(), rel=1e-10, abs=1e-10)


def test_the_pseudo_determinant_of_a_long_walk_is_its_length():
    # D'D of order 1 is the Laplacian of a path, whose spanning trees are one: pdet = n.
    for n in (2, 50, 400):
        assert Differences((n,), (0,), 1).log_pdet == pytest.approx(np.log(n), abs=1e-9)


@parametrize
def test_the_null_space(case):
    walk = Differences(*case)
    null = walk.null_space
    assert null.shape == (walk.size, walk.size - walk.rank)
    np.testing.assert_allclose(kronecker_sum(*case) @ null, 0.0, atol=1e-10)
    np.testing.assert_allclose(null.T @ null, np.eye(null.shape[1]), atol=1e-12)


@parametrize
def test_products_and_squares(case):
    walk, Q = Differences(*case), kronecker_sum(*case)
    x = np.random.default_rng(1).normal(size=(3, 2, walk.size))
    np.testing.assert_allclose(walk.apply(x), x @ Q, rtol=1e-12, atol=1e-12)
    expected = np.einsum("abi,ij,abj->ab", x, Q, x)
    np.testing.assert_allclose(walk.squares(x), expected, rtol=1e-12)
    np.testing.assert_allclose(walk.squares(x[0, 0]), expected[0, 0], rtol=1e-12)
    np.testing.assert_allclose(walk.squares(x, 2.0), expected / 4.0, rtol=1e-12)


def test_squares_divide_by_a_scale_per_slice():
    walk, Q = Differences((3, 4), (1,), 1), kronecker_sum((3, 4), (1,), 1)
    scale = np.repeat([0.5, 1.0, 4.0], 4)
    x = np.random.default_rng(2).normal(size=(2, 12))
    expected = np.einsum("ai,ij,aj->a", x / scale, Q, x / scale)
    np.testing.assert_allclose(walk.squares(x, scale), expected, rtol=1e-12)


def test_squares_far_from_zero_keep_their_digits():
    walk = Differences((6,), (0,), 1)
    x = 2.0**40 + np.arange(6.0)
    assert walk.squares(x) == 5.0
    np.testing.assert_array_equal(walk.apply(x), [-1, 0, 0, 0, 0, 1])


@given(
    st.integers(2, 4).flatmap(lambda order: st.tuples(st.just(order), st.integers(order + 1, 9))),
    st.lists(st.integers(-9, 9), min_size=4, max_size=4),
)
def test_polynomials_of_lower_degree_cost_nothing(case, powers):
    order, n = case
    walk = Differences((n,), (0,), order)
    t = np.arange(n, dtype=float)
    assert walk.squares(sum(a * t**k for k, a in enumerate(powers[:order]))) == 0.0
    assert walk.squares(t**order) > 0.0


def test_what_changes_along_a_smoothed_axis():
    walk = Differences((2, 3), (1,), 1)
    per_slice, along = np.array([[1.0], [2.0]]), np.array([1.0, 2.0, 3.0])
    assert not walk.varies_along(np.array(3.0))
    assert not walk.varies_along(per_slice)
    assert not walk.varies_along(np.broadcast_to(per_slice, (2, 3)))
    assert walk.varies_along(along)
    assert walk.varies_along(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.5]]))
    assert not Differences((2, 3), (0,), 1).varies_along(along)
    assert Differences((2, 3), (0, 1), 1).varies_along(per_slice)
