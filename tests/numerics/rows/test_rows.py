"""Blocks of rows: products with factors are products with the matrix that they stand for."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm.design.past as past_module
import bayesglm.numerics.rows.lagged as lagged_module
from bayesglm.design.blocks import Block
from bayesglm.numerics.rows.coded import Coded
from bayesglm.numerics.rows.columns import weighted_gram
from bayesglm.numerics.rows.dense import Dense, Ones
from bayesglm.numerics.rows.lagged import Shifted, Windows
from bayesglm.numerics.rows.rows import Rows, unpacked

RNG = np.random.default_rng(5)


def make_block(lengths, n_features, lags, dtype=np.float64):
    """Return a lagged block of trials of those lengths, and its signal."""
    n = sum(lengths)
    starts = np.cumsum([0, *lengths])
    clock = SimpleNamespace(
        start=np.repeat(starts[:-1], lengths), stop=np.repeat(starts[1:], lengths), step=None
    )
    signal = np.random.default_rng(n).normal(size=(n, n_features)).astype(dtype)
    lags = np.array(lags)
    shape, dims = (len(lags), n_features), ("k_lag", "feature")
    block = Block("k", signal, shape, dims, {}, lags=lags, clock=clock)
    return block, signal


def lagged_by_hand(signal, lengths, lags, rows):
    """The matrix of lagged copies, one number after another; zero outside the row's own trial."""
    trial = np.repeat(np.arange(len(lengths)), lengths)
    found = np.zeros((len(rows), len(lags), signal.shape[1]))
    for i, t in enumerate(rows):
        for j, lag in enumerate(lags):
            if 0 <= t - lag < len(signal) and trial[t - lag] == trial[t]:
                found[i, j] = signal[t - lag]
    return found.reshape(len(rows), -1)


@st.composite
def lagged_rows(draw):
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    first = draw(st.integers(-4, 4))
    lags = range(first, first + draw(st.integers(1, 5)))
    seen = draw(st.lists(st.booleans(), min_size=sum(lengths), max_size=sum(lengths)))
    rows = np.flatnonzero(seen)
    if draw(st.booleans()):
        # As edges="drop" would have it.
        trial = np.repeat(np.arange(len(lengths)), lengths)
        full = [
            all(0 <= t - lag < len(trial) and trial[t - lag] == trial[t] for lag in lags)
            for t in rows
        ]
        rows = rows[np.array(full, dtype=bool)]
    if not len(rows):
        rows = np.array([draw(st.integers(0, sum(lengths) - 1))])
    return lengths, draw(st.integers(1, 3)), lags, rows


def assert_stands_for(columns, X, n_models=3):
    """Assert that every product is that with X."""
    W = RNG.normal(size=(n_models, X.shape[1]))
    S = RNG.normal(size=(n_models, X.shape[0]))
    for k in range(n_models + 1):
        np.testing.assert_allclose(columns.times(W[:k]), W[:k] @ X.T, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(columns.adjoint(S[:k]), S[:k] @ X, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Shifted, Windows, Dense])
@given(lagged_rows(), st.sampled_from([np.float64, np.float32]))
def test_lags_are_the_lagged_matrix(kind, case, dtype):
    lengths, n_features, lags, rows = case
    block, signal = make_block(lengths, n_features, lags, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past_module, "SHIFTED_FEATURES", 1 if kind is Shifted else 100)
        patch.setattr(lagged_module, "LEAST", 0 if kind is Windows else 100)
        shifted = block.on(rows)
    # Rows of one run are always windows.
    assert isinstance(shifted, kind) or (kind is Dense and isinstance(shifted, Windows))
    expected = lagged_by_hand(signal.astype(np.float64), lengths, lags, rows)
    np.testing.assert_array_equal(block.columns(rows), expected)
    np.testing.assert_array_equal(shifted.dense(), expected)
    assert shifted.dense().dtype == np.float64
    assert_stands_for(shifted, expected)


@pytest.mark.parametrize("rows", [[0, 1, 2, 4], [3, 5, 6, 7], [0, 1, 3, 4, 6, 7]], ids=str)
def test_gaps_at_the_ends_of_the_data(rows):
    # Reads before the first sample and after the last must not shadow those of the rows there.
    lags, rows = range(-2, 3), np.array(rows)
    block, signal = make_block([8], past_module.SHIFTED_FEATURES, lags)
    shifted = block.on(rows)
    assert isinstance(shifted, Shifted)
    assert_stands_for(shifted, lagged_by_hand(signal, [8], lags, rows))


def test_few_features_are_windows():
    block, signal = make_block([6], past_module.SHIFTED_FEATURES - 1, range(2))
    columns = block.on(np.arange(6))
    assert isinstance(columns, Windows)
    np.testing.assert_array_equal(columns.dense(), lagged_by_hand(signal, [6], range(2), range(6)))


def test_the_shifts_of_one_row():
    block, signal = make_block([20], past_module.SHIFTED_FEATURES, range(-3, 3))
    for t in range(20):
        expected = lagged_by_hand(signal, [20], range(-3, 3), [t])
        assert_stands_for(block.on(np.array([t])), expected, n_models=1)


def several_parts():
    """Rows of an intercept, two dense parts and a shifted one, and their matrix."""
    block, signal = make_block([7, 5], past_module.SHIFTED_FEATURES, range(-1, 2))
    rows = np.array([0, 1, 2, 4, 5, 8, 9, 11])
    shifted = lagged_by_hand(signal, [7, 5], range(-1, 2), rows)
    first, last = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 1))
    X = np.column_stack([np.ones(8), first, shifted, last])
    w = X.shape[1]
    parts = [
        (slice(0, 1), Ones(8)),
        (slice(1, 3), Dense(first)),
        (slice(3, w - 1), block.on(rows)),
        (slice(w - 1, w), Dense(last)),
    ]
    return Rows(lambda: parts, w, responses=np.zeros(8)), X


def test_rows_of_several_parts():
    rows, X = several_parts()
    np.testing.assert_array_equal(rows.X, X)
    assert_stands_for(rows, X)


def intercept_and(X):
    """Rows of an intercept beside one matrix, and the two laid side by side."""
    parts = [(slice(0, 1), Ones(len(X))), (slice(1, 1 + X.shape[1]), Dense(X))]
    rows = Rows(lambda: parts, 1 + X.shape[1], responses=np.zeros(len(X)))
    return rows, np.column_stack([np.ones(len(X)), X])


@pytest.mark.parametrize("members", [None, [0, 1, 3], [1, 2], [0], [3], []], ids=str)
@pytest.mark.parametrize("low", [None, 0.1, -2.0], ids=str)
def test_grams_of_some_columns(low, members):
    members = None if members is None else np.array(members, dtype=int)
    some = slice(None) if members is None else members
    cases = [
        several_parts(),
        intercept_and(RNG.normal(size=(9, 3))),
        (Rows.of(X := RNG.normal(size=(9, 4)), np.zeros(9)), X),
    ]
    for rows, X in cases:
        weights = None if low is None else np.linspace(low, 2.0, len(X))
        full = X.T @ (X if weights is None else weights[:, None] * X)
        found = rows.gram(weights, members)
        np.testing.assert_allclose(found, full[some][:, some], rtol=1e-12, atol=1e-12)
    nothing = Rows(lambda: [], 0, responses=np.zeros(5))
    assert nothing.gram(None if low is None else np.ones(5)).shape == (0, 0)


def one_hot(codes, values, n_levels):
    """The matrix of a factor's effects, one number after another: effect-major."""
    found = np.zeros((len(codes), values.shape[1], n_levels))
    for row, level in enumerate(codes):
        for effect, value in enumerate(values[row]):
            found[row, effect, level] = value
    return found.reshape(len(codes), -1)


@st.composite
def factors_and_columns(draw):
    """Rows whose parts are several factors among other columns, in any order; and their matrix."""
    n = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    parts, matrices, stop = [], [], 0
    kinds = draw(st.lists(st.sampled_from("ond"), max_size=3))
    for kind in draw(st.permutations([*kinds, "f", *draw(st.lists(st.just("f"), max_size=2))])):
        if kind == "f":
            n_levels, n_effects = draw(st.integers(1, 5)), draw(st.integers(1, 3))
            codes = rng.integers(0, n_levels, n)
            values = rng.normal(size=(n, n_effects))
            values[:, 0] = 1.0
            part, X = Coded(codes, values, n_levels), one_hot(codes, values, n_levels)
        elif kind == "o":
            part, X = Ones(n), np.ones((n, 1))
        elif kind == "d":
            X = rng.normal(size=(n, draw(st.integers(1, 3))))
            part = Dense(X)
        else:
            block, signal = make_block([n], past_module.SHIFTED_FEATURES, range(2))
            X = lagged_by_hand(signal, [n], range(2), range(n))
            part = block.on(np.arange(n))
        parts.append((slice(stop, stop + X.shape[1]), part))
        matrices.append(X)
        stop += X.shape[1]
    return Rows(lambda: parts, stop, responses=np.zeros(n)), np.hstack(matrices)


@given(factors_and_columns())
def test_factors_are_the_matrix_of_their_levels(case):
    rows, X = case
    np.testing.assert_array_equal(rows.X, X)
    assert_stands_for(rows, X)
    for where, part in rows.columns:
        if isinstance(part, Coded):
            np.testing.assert_array_equal(part.dense(), X[:, where])
            assert_stands_for(part, X[:, where])


@given(factors_and_columns(), st.sampled_from([None, 0.1, 0.0, -2.0]), st.data())
def test_grams_of_factors(case, low, data):
    rows, X = case
    rng, p = np.random.default_rng(len(X)), X.shape[1]
    weights = None if low is None else rng.permutation(np.linspace(low, 3.0, len(X)))
    expected = X.T @ (X if weights is None else weights[:, None] * X)
    found = rows.gram(weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found, found.T, rtol=1e-14, atol=1e-14)
    members = np.array(data.draw(st.lists(st.integers(0, p - 1), unique=True)), dtype=int)
    some = rows.gram(weights, members)
    np.testing.assert_allclose(some, expected[np.ix_(members, members)], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(rows.gram(weights, single=True), expected, rtol=1e-5, atol=1e-5)


@given(factors_and_columns())
def test_factors_in_packed_grams(case):
    rows, X = case
    weights = np.random.default_rng(0).uniform(size=(2, len(X)))
    found = unpacked(rows.packed_grams(weights), X.shape[1])
    np.testing.assert_allclose(found, [X.T @ (w[:, None] * X) for w in weights], atol=1e-4)


def test_a_level_without_rows_has_no_weight():
    part = Coded(np.array([0, 2, 2]), np.ones((3, 1)), 4)
    rows = Rows(lambda: [(slice(0, 4), part)], 4, responses=np.zeros(3))
    np.testing.assert_array_equal(rows.gram(None), np.diag([1.0, 0.0, 2.0, 0.0]))
    np.testing.assert_array_equal(rows.adjoint(np.ones((1, 3))), [[1.0, 0.0, 2.0, 0.0]])
    empty = Coded(np.zeros(0, int), np.ones((0, 2)), 3)
    np.testing.assert_array_equal(empty.adjoint(np.zeros((2, 0))), np.zeros((2, 6)))
    assert empty.times(np.ones((2, 6))).shape == (2, 0)


def test_rows_of_one_part_and_of_none():
    X = RNG.normal(size=(5, 3))
    assert_stands_for(Rows.of(X, np.zeros(5)), X)
    np.testing.assert_array_equal(Rows.of(X, np.zeros(5)).X, X)
    alone = Rows(lambda: [(slice(0, 1), Ones(4))], 1, responses=np.zeros(4))
    assert_stands_for(alone, np.ones((4, 1)))
    nothing = Rows(lambda: [], 0, responses=np.zeros(5))
    assert nothing.X.shape == (5, 0)
    assert_stands_for(nothing, np.zeros((5, 0)))


def test_parts_are_made_once_and_only_when_needed():
    made = []

    def parts():
        made.append(1)
        return [(slice(0, 1), Ones(2))]

    rows = Rows(parts, 1, responses=np.zeros(2))
    assert not made
    rows.times(np.ones((1, 1)))
    rows.adjoint(np.ones((1, 2)))
    assert len(made) == 1


@pytest.mark.parametrize("low", [0.0, 1e-300, -3.0], ids=str)
def test_weighted_gram(low):
    X = RNG.normal(size=(40, 5))
    weights = RNG.uniform(size=40) * 10
    weights[3] = low
    expected = sum(w * np.outer(x, x) for w, x in zip(weights, X, strict=True))
    found = weighted_gram(X, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found, found.T, rtol=1e-13)
    np.testing.assert_array_equal(weighted_gram(X[:0], weights[:0]), np.zeros((5, 5)))
    assert weighted_gram(X[:, :0], weights).shape == (0, 0)


def test_lines_pick_some_of_many_responses():
    y = RNG.normal(size=(4, 5))
    rows = Rows(lambda: [], 0, responses=y, lines=[2, 0])
    assert len(rows) == 5
    np.testing.assert_array_equal(rows.y, y[[2, 0]])


def test_numbers_beyond_single_precision_are_infinite_and_no_warning():
    rows = Rows.of(np.array([[1e30, 1.0], [1.0, 2.0]]), np.zeros(2))
    found = unpacked(rows.packed_grams(np.ones((1, 2))), 2)[0]
    assert np.isinf(found[0, 0])
    assert found[1, 1] == 5.0
