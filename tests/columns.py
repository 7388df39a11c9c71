"""Columns of every class at random, each with the matrix that it stands for.

`EXAMPLES` has one entry a class: a new class is covered by the tests of all by one more.
"""

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bayesglm.numerics.rows.coded import Coded
from bayesglm.numerics.rows.composed import Deviations, Products, Waved
from bayesglm.numerics.rows.dense import Dense, Ones
from bayesglm.numerics.rows.lagged import Shifted, Windows
from bayesglm.numerics.rows.projected import Projected
from bayesglm.numerics.rows.sparse import Sparse
from bayesglm.numerics.theta.waves import Waves


def _dense(draw, n, rng):
    X = rng.normal(size=(n, draw(st.integers(1, 4))))
    return Dense(X), X


def _ones(draw, n, rng):
    return Ones(n), np.ones((n, 1))


def _sparse(draw, n, rng):
    X = rng.normal(size=(n, draw(st.integers(1, 5))))
    X[rng.random(X.shape) < 0.6] = 0.0
    return Sparse(csr_array(X)), X


def _coded(draw, n, rng):
    n_levels, n_effects = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    codes, values = rng.integers(0, n_levels, n), rng.normal(size=(n, n_effects))
    X = np.zeros((n, n_effects, n_levels))
    for row, level in enumerate(codes):
        X[row, :, level] = values[row]
    return Coded(codes, values, n_levels), X.reshape(n, -1)


def _windows(draw, n, rng):
    n_lags, n_features = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    lengths = [n] if n < 2 or draw(st.booleans()) else [n // 2, n - n // 2]
    beside = draw(st.sampled_from([0, 3]))  # rows of each run that are not meant
    runs = [rng.normal(size=(length + beside + n_lags - 1, n_features)) for length in lengths]
    X = [run[row : row + n_lags][::-1] for run in runs for row in range(len(run) - n_lags + 1)]
    picked, first = [], 0
    for length in lengths:
        picked.append(first + np.sort(rng.permutation(length + beside)[:length]))
        first += length + beside
    picked = np.concatenate(picked)
    X = np.reshape(X, (first, -1))[picked]
    return Windows(runs, n_lags, picked if beside else None), X


def _shifted(draw, n, rng):
    n_lags, n_features = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    signal = rng.normal(size=(n + 5, n_features))
    at = [np.sort(rng.permutation(n + 5)[:n]) for _ in range(n_lags)]
    inside = rng.random((n_lags, n)) < 0.7 if draw(st.booleans()) else None
    seen = np.ones((n_lags, n), bool) if inside is None else inside
    X = [[signal[at[lag][row]] * seen[lag, row] for lag in range(n_lags)] for row in range(n)]
    return Shifted(signal, at, inside), np.reshape(X, (n, -1))


def _in_a_row(draw, n, rng):
    n_lags, n_features = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    signal = rng.normal(size=(n + n_lags + 1, n_features))
    at = [slice(n_lags - lag, n_lags - lag + n) for lag in range(n_lags)]
    return Shifted(signal, at, None), np.hstack([signal[place] for place in at])


def _projected(draw, n, rng):
    inner, lags = draw(st.sampled_from([_windows, _shifted, _in_a_row]))(draw, n, rng)
    n_lags = inner.n_lags if isinstance(inner, Windows) else len(inner.at)
    if isinstance(inner, Windows) and draw(st.booleans()):  # a signal that is mostly zeros
        for run in inner.runs:
            run[rng.random(run.shape) < 0.98] = 0.0
        lags = inner.dense()
    functions = rng.normal(size=(n_lags, draw(st.integers(1, 3))))
    by_lag = lags.reshape(n, n_lags, -1)
    X = np.einsum("tlq,lj->tjq", by_lag, functions).reshape(n, -1)
    return Projected(inner, functions, by_lag.shape[2]), X


def _products(draw, n, rng):
    (one, X), (other, Z) = (draw(st.sampled_from(SIMPLE))(draw, n, rng) for _ in range(2))
    both = [np.outer(x, z).ravel() for x, z in zip(X, Z, strict=True)]
    return Products(one, other), np.array(both)


def _deviations(draw, n, rng):
    lead, n_levels = draw(st.integers(1, 2)), draw(st.integers(2, 4))
    X = rng.normal(size=(n, lead * n_levels))
    inner, codes = Dense(X), rng.integers(0, n_levels, n)
    if draw(st.booleans()):
        values = rng.normal(size=(n, lead))
        inner, X = Coded(codes, values, n_levels), np.zeros((n, lead, n_levels))
        X[np.arange(n), :, codes] = values
    # The basis by Householder's reflection, formed.
    v = np.eye(n_levels)[-1] + np.full(n_levels, n_levels**-0.5)
    reflection = np.eye(n_levels) - 2.0 * np.outer(v, v) / (v @ v)
    basis = np.kron(np.eye(lead), reflection[:, :-1])
    return Deviations(inner, (lead, n_levels), (1,)), X.reshape(n, -1) @ basis


def _waved(draw, n, rng):
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), 2)
    axes = draw(st.sampled_from([(0,), (1,), (0, 1), (2, 0)]))
    matrices = tuple(rng.normal(size=(shape[axis], 2)) for axis in axes)
    every = [np.eye(size) for size in shape]
    for axis, matrix in zip(axes, matrices, strict=True):
        every[axis] = matrix
    basis = np.kron(np.kron(every[0], every[1]), every[2])
    kept = np.sort(rng.permutation(basis.shape[1])[: draw(st.integers(1, basis.shape[1]))])
    X = rng.normal(size=(n, len(basis)))
    return Waved(Dense(X), Waves(shape, axes, matrices, kept)), X @ basis[:, kept]


SIMPLE = [_dense, _ones, _sparse, _coded, _windows]
EXAMPLES = {
    "dense": _dense,
    "ones": _ones,
    "sparse": _sparse,
    "coded": _coded,
    "windows": _windows,
    "shifted": _shifted,
    "projected": _projected,
    "products": _products,
    "deviations": _deviations,
    "waved": _waved,
}


@st.composite
def columns(draw, names=tuple(EXAMPLES), count=1):
    """Return columns of the same rows, ``count`` of them, and the matrix of each."""
    n = draw(st.integers(1, 14) | st.integers(60, 90))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return [EXAMPLES[draw(st.sampled_from(names))](draw, n, rng) for _ in range(count)]
