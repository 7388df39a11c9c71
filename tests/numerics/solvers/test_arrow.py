"""Matrices of groupings and a border: what elimination says is what dense algebra says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bayesglm.numerics.density.layout import Grouping, laid_out
from bayesglm.numerics.solvers.arrow import Arrow, factored

N = 40


def arrow_of(rng, effects, levels, m, nested):
    """Return the arrow of weighted rows, something added to what levels and border have."""
    codes, ones = [], np.ones((N, 1))
    if nested:
        codes = [np.arange(N)]
        for n in sorted(levels, reverse=True):
            parents = rng.integers(0, n, codes[-1].max() + 1)
            codes.append(parents[codes[-1]])
        levels, effects = [N, *sorted(levels, reverse=True)], [1, *effects]
    else:
        codes = [rng.integers(0, n, N) for n in levels]
    groupings, start = [], m
    for k, n, code in zip(effects, levels, codes, strict=True):
        values = np.hstack([ones, rng.normal(size=(N, k - 1))])
        groupings.append(Grouping(slice(start, start + k * n), code, values, n))
        start += k * n
    layout = laid_out(groupings, start)
    X, weights = np.zeros((N, start)), rng.random(N) + 0.1
    X[:, :m] = rng.normal(size=(N, m))
    for one in groupings:
        for k, values in enumerate(one.values.T):
            X[np.arange(N), one.where.start + k * one.n_levels + one.codes] += values
    Z = X[:, layout.beside]
    border = tuple((Z.T * weights) @ X[:, one.where] for one in layout.groupings)
    own = []
    for blocks in layout.own(weights):
        half = rng.normal(size=(len(blocks), len(blocks) + 1))
        own.append(blocks + (0.5 * np.eye(len(blocks)) + half @ half.T)[..., None])
    corner = (Z.T * weights) @ Z + 0.5 * np.eye(m)
    arrow = Arrow(tuple(own), layout.across(weights), border, corner, layout.n_apart)
    return arrow, ((X.T * weights) @ X)[np.ix_(layout.order, layout.order)]


SHAPES = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 9)), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(0, 3), st.booleans(), st.integers(0, 999))
def test_elimination_says_what_dense_algebra_says(shapes, m, nested, seed):
    rng = np.random.default_rng(seed)
    arrow, gram = arrow_of(rng, [k for k, _ in shapes], [n for _, n in shapes], m, nested)
    whole, factor = arrow.dense(), factored(arrow)
    added = whole - gram
    for k, start in enumerate(arrow.ends[:-1]):
        added[start : arrow.ends[k + 1], start : arrow.ends[k + 1]] = 0.0
    added[arrow.ends[-1] :, arrow.ends[-1] :] = 0.0
    np.testing.assert_allclose(added, 0.0, atol=1e-10)  # between groupings the rows' products
    size = len(whole)
    X, eye = rng.normal(size=(size, 3)), np.eye(size)
    np.testing.assert_allclose(arrow.times(X), whole @ X, atol=1e-9)
    np.testing.assert_allclose(arrow.diagonal(), np.diagonal(whole))
    np.testing.assert_allclose(factor.solve(X), np.linalg.solve(whole, X), atol=1e-8)
    np.testing.assert_allclose(factor.log_det, np.linalg.slogdet(whole)[1], atol=1e-9)
    noise, drawn = factor.noise(eye), factor.draw(eye)
    np.testing.assert_allclose(noise @ noise.T, whole, atol=1e-9)
    np.testing.assert_allclose(drawn @ drawn.T, np.linalg.inv(whole), atol=1e-8)
    other = replace(
        arrow,
        own=tuple(one**2 for one in arrow.own),
        border=tuple(0.5 * one for one in arrow.border),
        across={pair: 2.0 * one for pair, one in arrow.across.items()},
    )
    expected = np.trace(np.linalg.solve(whole, other.dense()))
    np.testing.assert_allclose(factor.trace(other), expected, rtol=1e-8)


def test_nested_groupings_are_eliminated_one_after_another():
    rng = np.random.default_rng(0)
    arrow, _ = arrow_of(rng, [1, 2], [7, 3], 2, nested=True)
    assert arrow.n_apart == 3
    assert factored(arrow).rest.rest.rest.lower.shape == (2, 2)


def test_what_is_not_positive_definite_has_no_factor():
    eye, border = np.ones((1, 1, 2)), (np.ones((1, 2)),)
    assert factored(Arrow((eye,), {}, border, np.array([[2.0]]))) is None
    assert factored(Arrow((-eye,), {}, border, np.array([[9.0]]))) is None
    pair = np.array([[1.0, 1.0], [1.0, 1.0]])[..., None]
    assert factored(Arrow((pair,), {}, (np.zeros((1, 2)),), np.eye(1))) is None


@pytest.mark.parametrize("density", [0.02, 0.9])
def test_sparse_and_full_crosses_are_taken_alike(density):
    rng = np.random.default_rng(1)
    cross = rng.normal(size=(15, 60)) * (rng.random((15, 60)) < density)
    own = (np.full((1, 1, 60), 30.0), np.full((1, 1, 15), 90.0))
    none = (np.zeros((0, 60)), np.zeros((0, 15)))
    arrow = Arrow(own, {(1, 0): csr_array(cross)}, none, np.zeros((0, 0)))
    expected = np.linalg.slogdet(arrow.dense())[1]
    np.testing.assert_allclose(factored(arrow).log_det, expected)
