"""Every class of columns is the matrix that it stands for, in every product."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from columns import EXAMPLES, columns
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bayesglm.numerics.rows.coded import Coded
from bayesglm.numerics.rows.columns import cross_gram
from bayesglm.numerics.rows.composed import Products
from bayesglm.numerics.rows.dense import Dense, Ones
from bayesglm.numerics.rows.lagged import Shifted, Windows
from bayesglm.numerics.rows.panel import Panel
from bayesglm.numerics.rows.projected import Projected
from bayesglm.numerics.rows.rows import Rows
from bayesglm.numerics.rows.sparse import Sparse

CLOSE = {"rtol": 1e-11, "atol": 1e-11}
NAMES = pytest.mark.parametrize("name", EXAMPLES)
SOME = settings(max_examples=50)  # of each class: shapes are few, and numbers are drawn
WEIGHTS = st.sampled_from([None, 0.0, 0.1, -2.0])


def weights_of(low, n):
    """Positive weights from ``low`` on, negative ones among them if it is; None if it is."""
    return None if low is None else np.random.default_rng(n).permutation(np.linspace(low, 3.0, n))


def weighted(X, weights):
    return X if weights is None else weights[:, None] * X


@NAMES
@SOME
@given(data=st.data(), k=st.integers(1, 4))
def test_products(name, data, k):
    ((made, X),) = data.draw(columns([name]))
    rng = np.random.default_rng(k)
    W, S = rng.normal(size=(k, X.shape[1])), rng.normal(size=(k, len(X)))
    times = np.broadcast_to(made.times(W), (k, len(X)))
    np.testing.assert_allclose(times, W @ X.T, **CLOSE)
    np.testing.assert_allclose(made.adjoint(S), S @ X, **CLOSE)
    # Each is the other's adjoint.
    assert (times * S).sum() == pytest.approx((W * made.adjoint(S)).sum(), rel=1e-9, abs=1e-9)


@NAMES
@SOME
@given(data=st.data(), order=st.sampled_from("CF"))
def test_the_matrix(name, data, order):
    ((made, X),) = data.draw(columns([name]))
    np.testing.assert_allclose(made.dense(), X, **CLOSE)
    assert made.dense().dtype == np.float64
    assert made.n_columns == X.shape[1]
    beside = np.full((len(X), X.shape[1] + 2), np.nan, order=order)
    made.dense(beside[:, 1:-1])
    np.testing.assert_allclose(beside[:, 1:-1], X, **CLOSE)
    assert np.isnan(beside[:, [0, -1]]).all()


def test_widths_are_what_a_product_reads_of_each_row():
    dense, coded = Dense(np.ones((4, 3))), Coded(np.zeros(4, int), np.ones((4, 2)), 50)
    lags = Windows((np.ones((9, 2)),), 6)
    made = [
        (dense, 3),
        (Ones(4), 1),
        (coded, 2),
        (Sparse(csr_array(np.eye(4)[:, :2])), 1),
        (lags, 12),
        (Shifted(np.ones((9, 2)), [slice(5 - lag, 9 - lag) for lag in range(6)], None), 12),
        (Projected(lags, np.ones((6, 2)), 2), 12),
        (Products(coded, dense), 6),
    ]
    for one, width in made:
        assert one.width == width, one


@NAMES
@SOME
@given(data=st.data(), low=WEIGHTS)
def test_grams(name, data, low):
    ((made, X),) = data.draw(columns([name]))
    weights = weights_of(low, len(X))
    gram = made.gram(weights)
    np.testing.assert_allclose(gram, X.T @ weighted(X, weights), **CLOSE)
    np.testing.assert_allclose(gram, gram.T, **CLOSE)
    rough = made.gram(weights, single=True)
    np.testing.assert_allclose(rough, gram, rtol=1e-4, atol=1e-4)


@NAMES
@SOME
@given(data=st.data(), low=st.sampled_from([0.1, -2.0]))
def test_two_of_them(name, data, low):
    other = data.draw(st.sampled_from(sorted(EXAMPLES)))
    n, seed = data.draw(st.integers(1, 14) | st.integers(60, 90)), data.draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    (one, X), (two, Z) = (EXAMPLES[which](data.draw, n, rng) for which in (name, other))
    weights = weights_of(low, n)
    expected = X.T @ weighted(Z, weights)
    np.testing.assert_allclose(one.cross(two, weights), expected, **CLOSE)
    np.testing.assert_allclose(cross_gram(one, two, weights), expected, **CLOSE)
    np.testing.assert_allclose(cross_gram(two, one, weights), expected.T, **CLOSE)


@NAMES
@SOME
@given(data=st.data(), n_codes=st.integers(1, 4))
def test_sums_by_code(name, data, n_codes):
    ((made, X),) = data.draw(columns([name]))
    rng = np.random.default_rng(n_codes)
    codes, s = rng.integers(0, n_codes, len(X)), rng.normal(size=len(X))
    expected = [(s * (codes == code)) @ X for code in range(n_codes)]
    np.testing.assert_allclose(made.sums(codes, n_codes, s), expected, **CLOSE)


@NAMES
@SOME
@given(data=st.data(), k=st.integers(1, 3))
def test_single_precision(name, data, k):
    ((made, X),) = data.draw(columns([name]))
    W = np.random.default_rng(k).normal(size=(X.shape[1], k)).astype(np.float32)
    for one in (made, made.for_single()):
        product = one.single(W)
        assert product.dtype == np.float32
        np.testing.assert_allclose(product, X @ W, rtol=1e-4, atol=1e-4)
        product += 1.0  # it is new, and may be overwritten
    lines = np.ones((k, len(X)), dtype=np.float32)
    adjoint = made.for_single().adjoint(lines)
    np.testing.assert_allclose(adjoint, lines @ X, rtol=1e-4, atol=1e-4)


@given(columns(count=3), WEIGHTS, st.data())
def test_rows_of_any_columns(parts, low, data):
    stops = np.cumsum([0, *(X.shape[1] for _, X in parts)])
    places = [slice(int(a), int(b)) for a, b in pairwise(stops)]
    made = [(place, one) for place, (one, _) in zip(places, parts, strict=True)]
    X = np.hstack([each for _, each in parts])
    n, p = X.shape
    rows, rng = Rows(lambda: made, p, responses=np.zeros(n)), np.random.default_rng(p)
    W, S, weights = rng.normal(size=(2, p)), rng.normal(size=(2, n)), weights_of(low, n)
    np.testing.assert_allclose(rows.X, X, **CLOSE)
    np.testing.assert_allclose(rows.times(W), W @ X.T, **CLOSE)
    np.testing.assert_allclose(rows.adjoint(S), S @ X, **CLOSE)
    expected = X.T @ weighted(X, weights)
    np.testing.assert_allclose(rows.gram(weights), expected, **CLOSE)
    some = np.array(data.draw(st.lists(st.integers(0, p - 1), unique=True)), dtype=int)
    np.testing.assert_allclose(rows.gram(weights, some), expected[np.ix_(some, some)], **CLOSE)


@given(columns(["windows"]), st.integers(2, 4), st.booleans(), st.data())
def test_a_panel_is_what_each_member_reads(first, n_sources, others, data):
    """Of members that read their own source, or all others (as a coupled population does)."""
    ((one, X),) = first
    sources = [replace(one, runs=[run + k for run in one.runs]) for k in range(n_sources)]
    matrices = [X + k for k in range(n_sources)]
    reads = np.eye(n_sources, dtype=bool) ^ others
    some = np.array(data.draw(st.lists(st.integers(0, n_sources - 1), min_size=1, unique=True)))
    panel = Panel(sources, reads[some])
    own = [np.hstack([matrices[k] for k in np.flatnonzero(line)]) for line in reads[some]]
    shared = np.random.default_rng(1).normal(size=(len(X), 2))
    p, rng = 2 + own[0].shape[1], np.random.default_rng(2)
    rows = replace(Rows.of(shared, np.zeros(len(X))), n_coefficients=p)
    rows = replace(rows, panels=lambda: [(slice(2, p), panel)])
    W, S = rng.normal(size=(len(some), p)), rng.normal(size=(len(some), len(X)))
    weights = rng.uniform(size=len(X))
    times, adjoint = rows.times(W), rows.adjoint(S)
    for k, matrix in enumerate(own):
        whole = np.hstack([shared, matrix])
        np.testing.assert_allclose(times[k], whole @ W[k], **CLOSE)
        np.testing.assert_allclose(adjoint[k], S[k] @ whole, **CLOSE)
        np.testing.assert_array_equal(rows.member(k).X, whole)
        gram = rows.member(k).gram(weights)
        np.testing.assert_allclose(gram, whole.T @ weighted(whole, weights), **CLOSE)
