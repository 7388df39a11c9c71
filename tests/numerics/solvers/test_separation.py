"""Separation and dependence: known cases, the linear program's own certificate, any blocks."""

import numpy as np
import pytest
from families import EVERY_KEY, LOG_DENSITIES, OneChannel, phi_of, trials_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.solvers.separation import dependent_columns, separating_direction

PUSHES = {
    "binomial": FAMILIES["binomial", "logit"].push,
    "positive mean": FAMILIES["poisson", "log"].push,
}


def find(X, y, kind="binomial", trials=None, n_blocks=3):
    push = PUSHES[kind](y, trials)
    return separating_direction(lambda: np.array_split(X, n_blocks), push)


def check_direction(X, y, d, kind="binomial", trials=None):
    """Along d the likelihood never falls and somewhere rises: the definition, row by row."""
    push = PUSHES[kind](y, trials)
    moves = X @ d
    size = np.abs(X) @ np.abs(d)
    assert np.all(push * moves >= -1e-8 * size)
    assert np.all(np.abs(moves[push == 0.0]) <= 1e-8 * size[push == 0.0])
    assert np.any(push * moves > 1e-6 * size)


def make_data(n=300, p=4, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack((np.ones(n), rng.normal(size=(n, p))))
    eta = X @ np.linspace(-1.0, 1.0, p + 1)
    return X, eta, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


def test_overlapping_data_are_not_separated():
    X, _, y = make_data()
    assert find(X, y) is None


def test_complete_separation():
    X, eta, _ = make_data()
    y = (eta > 0.2).astype(float)
    d = find(X, y)
    check_direction(X, y, d)
    assert np.all((2 * y - 1) * (X @ d) > 0)


def test_one_wrong_row_is_overlap():
    X, eta, _ = make_data()
    y = (eta > 0.2).astype(float)
    furthest = np.argmax(eta)
    y[furthest] = 0.0
    assert find(X, y) is None


def test_quasi_complete_separation_names_the_column():
    X, _, y = make_data()
    rare = (y == 1) & (np.arange(len(y)) % 20 == 0)
    X = np.column_stack((X, rare))
    d = find(X, y)
    check_direction(X, y, d)
    assert np.flatnonzero(d).tolist() == [5]
    assert d[5] > 0
    y[np.flatnonzero(rare)[0]] = 0.0
    assert find(X, y) is None


def test_every_diverging_column_is_named():
    X, _, y = make_data(n=2000)
    k = np.arange(len(y))
    X = np.column_stack((X, (y == 1) & (k % 20 == 0), (y == 0) & (k % 30 == 1)))
    d = find(X, y)
    check_direction(X, y, d)
    assert np.flatnonzero(d).tolist() == [5, 6]
    assert d[5] > 0 > d[6]


def test_one_response_only():
    X, _, y = make_data()
    for constant, sign in ((0.0, -1), (1.0, 1)):
        d = find(X, np.full_like(y, constant))
        assert np.all(sign * (X @ d) > 0)


def test_binomial_counts_between_hold_eta():
    X, eta, _ = make_data()
    y = np.where(eta > 0.2, 5.0, 0.0)
    check_direction(X, y, find(X, y, trials=5.0), trials=5.0)
    assert find(X, np.where(np.abs(eta) < 0.5, 2.0, y), trials=5.0) is None
    column = np.zeros(len(y))
    column[:3] = [1.0, 2.0, 3.0]
    y = np.where(np.arange(len(y)) < 3, 5.0, 3.0)
    X = np.column_stack((X, column))
    d = find(X, y, trials=5.0)
    check_direction(X, y, d, trials=5.0)
    assert np.flatnonzero(d).tolist() == [5]


def test_poisson_columns_without_counts():
    X, eta, _ = make_data()
    y = np.random.default_rng(1).poisson(np.exp(0.3 * eta)).astype(float)
    assert find(X, y, "positive mean") is None
    k = np.arange(len(y))
    X = np.column_stack((X, (y == 0) & (k % 3 == 0), (y == 0) & (k % 4 == 0)))
    d = find(X, y, "positive mean")
    check_direction(X, y, d, "positive mean")
    assert np.flatnonzero(d).tolist() == [5, 6]
    assert np.all(d[5:] < 0)


def test_a_column_of_both_signs_where_no_counts_are_is_held_in_place():
    X, eta, _ = make_data()
    rng = np.random.default_rng(1)
    y = rng.poisson(np.exp(0.3 * eta)).astype(float)
    column = np.where(y > 0, 0.0, rng.normal(size=len(y)))
    assert find(np.column_stack((X, column)), y, "positive mean") is None
    assert find(np.column_stack((X, np.abs(column))), y, "positive mean") is not None


def test_all_counts_zero():
    X, _, y = make_data()
    assert np.all(X @ find(X, 0.0 * y, "positive mean") < 0)


def test_collinear_columns_alone_are_no_separation():
    X, _, y = make_data()
    X = np.column_stack((X, X[:, 1] - 2.0 * X[:, 2]))
    assert find(X, y) is None
    check_direction(X, (X[:, 1] > 0).astype(float), find(X, (X[:, 1] > 0).astype(float)))


def test_neither_scale_nor_offset_of_the_columns_matters():
    X, _, y = make_data()
    rare = (y == 1) & (np.arange(len(y)) % 20 == 0)
    scale = 10.0 ** np.array([0, -8, 8, 3, -5, 6])
    offset = np.array([0.0, 1e-3, 1e12, 0.0, 1.0, 0.0])
    far = np.column_stack((X, rare)) * scale + offset
    assert np.flatnonzero(find(far, y)).tolist() == [5]
    assert find(far[:, :5], y) is None


def test_rows_marked_nan_are_left_out():
    X, eta, _ = make_data()
    y = (eta > 0.2).astype(float)
    wrong = np.argmax(eta)
    y[wrong] = 0.0
    push = PUSHES["binomial"](y, None)
    push[wrong] = np.nan
    d = separating_direction(lambda: [X], push)
    others = np.arange(len(y)) != wrong
    check_direction(X[others], y[others], d)


def test_blocks_do_not_matter():
    X, _, y = make_data()
    X = np.column_stack((X, (y == 1) & (np.arange(len(y)) % 20 == 0)))
    whole = find(X, y, n_blocks=1)
    for n_blocks in (2, 7, 150, 300):
        np.testing.assert_allclose(find(X, y, n_blocks=n_blocks), whole, rtol=1e-6)


def test_many_rows_need_few_in_the_linear_program():
    """Data separated but for one row, which the first linear program hardly ever sees."""
    X, eta, _ = make_data(n=20_000)
    y = (eta > 0).astype(float)
    check_direction(X, y, find(X, y))
    y[np.argsort(eta)[-10]] = 0.0
    assert find(X, y) is None


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 25),
    p=st.integers(1, 4),
    kind=st.sampled_from(["binomial", "positive mean"]),
)
def test_agrees_with_one_plain_linear_program(seed, n, p, kind):
    """Small whole numbers, so that ties, duplicates and dependent columns are common."""
    rng = np.random.default_rng(seed)
    X = np.column_stack((np.ones(n), rng.integers(-2, 3, size=(n, p)))).astype(float)
    y = rng.integers(0, 2 if kind == "binomial" else 3, size=n).astype(float)
    push = PUSHES[kind](y, None)
    free = push != 0.0
    program = linprog(
        -(push @ X),
        A_ub=-push[free, None] * X[free],
        b_ub=np.zeros(free.sum()),
        A_eq=X[~free],
        b_eq=np.zeros((~free).sum()),
        bounds=(-1.0, 1.0),
    )
    d = find(X, y, kind, n_blocks=1)
    assert (d is not None) == (-program.fun > 1e-6)
    if d is not None:
        check_direction(X, y, d, kind)


@pytest.mark.parametrize("key", EVERY_KEY, ids="-".join)
def test_the_push_is_the_slope_of_the_likelihood(key):
    """push = +-1 exactly where the likelihood still rises at |eta| = 30 in that direction.

    Where a domain ends before that, nothing goes on without end.
    """
    family = OneChannel(key)
    if family.push is None:
        return
    trials = trials_of(key[0], 3.0)
    y = {"bernoulli": np.arange(2.0), "gaussian": np.arange(-2.0, 3.0)}.get(key[0], np.arange(4.0))
    # At 30 some slopes are below the smallest float.
    vanish = key[1] == "cloglog" or LOG_DENSITIES[key[0]].exponent is not None
    domain, phi = family.domain, phi_of(key, 1.0)
    limits = [-30.0, (3.0 if domain.is_real_line else 9.0) if vanish else 30.0]
    low, high = (
        family.derivatives(y, np.array([eta]), phi, trials).eta
        if domain.holds(eta)
        else -np.sign(eta) * np.ones(len(y))
        for eta in limits
    )
    if not domain.is_real_line:
        says_nothing = family.derivatives(y, np.array([domain.place(0.3)]), phi, trials).eta == 0.0
        low, high = (np.where(says_nothing, 0.0, one) for one in (low, high))
    push = np.where(low <= 0, -1.0, 0.0) + np.where(high >= 0, 1.0, 0.0)
    push[(low == 0) & (high == 0)] = np.nan  # such responses say nothing
    np.testing.assert_array_equal(family.push(y, trials), push)


def blocks_of(X, n_blocks=4):
    return lambda: np.array_split(X, n_blocks)


def test_dependent_columns_are_those_after_what_they_depend_on():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8))
    assert dependent_columns(blocks_of(X)) == []
    X[:, 3] = 2.0 * X[:, 0] - X[:, 1]
    X[:, 6] = X[:, 2] + X[:, 5] + X[:, 4]
    assert dependent_columns(blocks_of(X)) == [3, 6]
    assert dependent_columns(blocks_of(X, 100)) == [3, 6]
    np.testing.assert_array_equal(
        dependent_columns(blocks_of(X * 10.0 ** np.arange(-16, 16, 4))), [3, 6]
    )


def test_a_dependent_column_does_not_hide_the_next_one():
    """On the triangular factor alone the column after a dependent one is measured from noise."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    X = np.column_stack((a, a, a, b, a + b, b + 1e-6 * rng.normal(size=50)))
    assert dependent_columns(blocks_of(X)) == [1, 2, 4]


def test_dependence_on_columns_that_are_nearly_dependent():
    """One pass of Gram-Schmidt leaves too much of the last column, two leave nothing."""
    a, b, c = np.random.default_rng(0).normal(size=(3, 50))
    close = c + 1e-9 * b
    X = np.column_stack((a, a, c, close, 3.0 * c - close))
    assert dependent_columns(blocks_of(X)) == [1, 4]


def test_constant_and_empty_columns():
    X = np.column_stack((np.ones(10), np.arange(10.0), np.full(10, 7.0), np.zeros(10)))
    assert dependent_columns(blocks_of(X)) == [2, 3]


def test_more_columns_than_rows():
    X = np.random.default_rng(0).normal(size=(5, 8))
    assert dependent_columns(blocks_of(X, 2)) == [5, 6, 7]


def test_near_dependence_beyond_the_gram_matrix_is_told_from_dependence():
    rng = np.random.default_rng(0)
    X, apart = rng.normal(size=(1000, 3)), rng.normal(size=1000)
    X[:, 2] = X[:, 0] + 1e-9 * apart
    assert dependent_columns(blocks_of(X)) == []
    X[:, 2] = X[:, 0] + 1e-13 * apart
    assert dependent_columns(blocks_of(X)) == [2]


def test_a_column_far_from_zero_is_not_the_intercept():
    when = 1.7e9 + np.arange(1000.0)
    assert dependent_columns(blocks_of(np.column_stack((np.ones(1000), when)))) == []


@pytest.mark.parametrize("away", [1.0, 1e-2, 1e-4, 1e-8, 1e-9])
def test_columns_that_are_apart_by_however_little_are_told_from_dependent_ones(away):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 3)) * [1.0, 1e30, 1e-30]
    near = X[:, 0] + away * rng.normal(size=500)
    blocks = np.column_stack([X, near, X[:, 1] * 3.0])
    assert dependent_columns(lambda: np.array_split(blocks, 3)) == [4]
    assert dependent_columns(lambda: np.array_split(blocks[:, :4], 3)) == []
