"""Quadratics with kinks: faces against fresh inverses, and the KKT conditions of every answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import LinAlgError

from bayesglm.numerics.solvers.kinked import (
    Curved,
    Face,
    climb,
    maximise_kinked,
    pivot,
)
from bayesglm.numerics.solvers.kinks import Kinks


def gram(seed, n, p, ridge=0.0, correlation=0.0):
    """X'X / n + ridge I of correlated columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    return X.T @ X / n + ridge * np.eye(p)


def at_zero(kink):
    return Kinks(kink, np.zeros(len(kink)))


def assert_kkt(matrix, linear, kink, z, tolerance=1e-9):
    """0 is in the superdifferential at z, relative to the pulls that balance there."""
    pull = linear - matrix @ z
    away = z != 0.0
    assert np.all(np.abs(pull[away] - kink[away] * np.sign(z[away])) <= tolerance * size(linear))
    assert np.all(np.abs(pull[~away]) <= kink[~away] + tolerance * size(linear))
    np.testing.assert_allclose(at_zero(kink).residual(pull, z), 0.0, atol=tolerance * size(linear))


def size(linear):
    return max(float(np.abs(linear).max()), 1e-300)


@given(
    st.integers(0, 1000),
    st.lists(
        st.tuples(st.sampled_from(["add", "drop"]), st.sets(st.integers(0, 8), min_size=1)),
        max_size=12,
    ),
)
def test_a_face_that_changes_is_a_fresh_one(seed, changes):
    rng = np.random.default_rng(seed)
    matrix = gram(seed, 30, 9, ridge=0.1)
    kink = np.where(np.arange(9) < 2, 0.0, 1.0)
    face = Face(matrix, at_zero(kink), rng.normal(size=9) * (rng.random(9) < 0.5))
    for what, which in changes:
        chosen = np.array(sorted(which))
        on = np.isin(face.members, chosen)
        if what == "add":
            new = np.setdiff1d(chosen, face.members)
            signs = rng.choice([-1.0, 1.0], len(new))
            face.add(new, signs)
            np.testing.assert_array_equal(face.signs[new], signs)
        else:
            face.drop(on)
        members = face.members
        assert len(set(members)) == len(members)
        assert np.isin(chosen, members).all() == (what == "add")
        expected = np.linalg.inv(matrix[np.ix_(members, members)])
        np.testing.assert_allclose(face.inverse, expected, rtol=1e-8, atol=1e-10)
        off = np.setdiff1d(np.arange(9), members)
        assert not face.signs[off].any()
        linear = rng.normal(size=9)
        z = face.solve(linear, kink)
        assert not z[off].any()
        residual = linear - matrix @ z - kink * face.signs
        np.testing.assert_allclose(residual[members], 0.0, atol=1e-12)


def test_a_face_starts_with_what_has_no_kink_and_what_is_not_zero():
    face = Face(np.eye(4), at_zero(np.array([0.0, 1.0, 1.0, 1.0])), np.array([0.0, 0.0, -2.0, 3.0]))
    np.testing.assert_array_equal(face.members, [0, 2, 3])
    np.testing.assert_array_equal(face.signs, [0.0, 0.0, -1.0, 1.0])
    empty = Face(np.eye(2), at_zero(np.ones(2)), np.zeros(2))
    np.testing.assert_array_equal(empty.solve(np.ones(2), np.ones(2)), np.zeros(2))


def test_a_coordinate_that_repeats_one_of_the_face_is_refused():
    matrix = np.ones((2, 2))
    face = Face(matrix, at_zero(np.ones(2)), np.array([1.0, 0.0]))
    with pytest.raises(LinAlgError):
        face.add(np.array([1]), np.ones(1))


CASES = {
    "well conditioned": lambda seed: gram(seed, 60, 20),
    "correlated": lambda seed: gram(seed, 60, 20, correlation=0.95),
    "more columns than rows": lambda seed: gram(seed, 15, 40, ridge=1e-8),
    "duplicates": lambda seed: np.kron(gram(seed, 30, 8), np.ones((2, 2))) + 1e-8 * np.eye(16),
    "scales": lambda seed: gram(seed, 60, 12) * np.outer(*[np.geomspace(1e-3, 1e3, 12)] * 2),
}


@pytest.mark.parametrize("share", [1.5, 0.7, 0.3, 0.05, 0.0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("case", CASES)
def test_answers_satisfy_kkt(case, seed, share):
    matrix = CASES[case](seed)
    p = len(matrix)
    rng = np.random.default_rng(seed + 100)
    # In the range of the matrix, as a gradient is, and with coordinates without a kink.
    linear = matrix @ (rng.normal(size=p) / np.sqrt(np.diag(matrix)))
    kink = share * np.sqrt(np.diag(matrix)) * np.abs(linear / np.sqrt(np.diag(matrix))).max()
    kink[rng.random(p) < 0.1] = 0.0
    answers = [
        maximise_kinked(matrix, linear, at_zero(kink), start)
        for start in (np.zeros(p), np.ones(p), rng.normal(size=p), -10.0 * linear)
    ]
    for z in answers:
        assert_kkt(matrix, linear, kink, z)
        # By KKT the maximum is the only one as far as the matrix tells; so are its values.
        best = linear @ z - 0.5 * z @ matrix @ z - kink @ np.abs(z)
        first = answers[0]
        other = linear @ first - 0.5 * first @ matrix @ first - kink @ np.abs(first)
        assert best == pytest.approx(other, rel=1e-9, abs=1e-9 * size(linear))
    if share > 1.0:
        assert not answers[0][kink > 0].any()


@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(0.0, 1.2), st.floats(0.0, 1.0))
def test_a_climb_from_anywhere_ends_at_the_maximum(seed, p, share, zeros):
    """Rank-deficient quadratics too, with coordinates without a kink, and some held at first."""
    rng = np.random.default_rng(seed)
    matrix = gram(seed, 10, p, ridge=rng.choice([0.0, 0.01, 1.0]))
    linear = matrix @ rng.normal(size=p)
    kink = share * np.abs(linear).max() * rng.uniform(0.5, 1.0, p)
    kink[rng.random(p) < 0.1] = 0.0
    z = rng.normal(size=p) * (rng.random(p) >= zeros)

    def objective(x):
        return linear @ x - 0.5 * x @ matrix @ x - kink @ np.abs(x)

    for _ in range(3):  # the second corrects what is added to a matrix that is singular
        pull, before = linear - matrix @ z, objective(z)
        signs = np.where(z != 0.0, np.sign(z), np.sign(pull) * (np.abs(pull) > kink))
        z = climb(Curved(matrix), pull, at_zero(kink), z, signs * (kink > 0.0))
        assert objective(z) >= before - 1e-9 * (1.0 + abs(before))
    assert_kkt(matrix, linear, kink, z, tolerance=1e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kink", [1e-8, 1e-5, 1e-2])
def test_no_round_of_a_climb_loses(seed, kink):
    """Few rows leave directions next to no curvature, in which signs change far from zero."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(9, 25)) * 10.0 ** rng.uniform(-3, 0, (9, 1))
    matrix = X.T @ X
    scale = np.diagonal(matrix) ** -0.5
    matrix = matrix * np.outer(scale, scale) + 6e-15 * np.eye(25)
    linear, z = matrix @ (30.0 * rng.normal(size=25)), 300.0 * rng.normal(size=25)
    kinks = np.full(25, kink)

    def objective(z):
        return linear @ z - 0.5 * z @ matrix @ z - kinks @ np.abs(z)

    curved = Curved(matrix)
    for _ in range(5):
        before = objective(z)
        z = climb(curved, linear - matrix @ z, at_zero(kinks), z, np.sign(z))
        assert objective(z) > before - 1e-8 * abs(before)
    z = maximise_kinked(matrix, linear, at_zero(kinks), 300.0 * rng.normal(size=25))
    residual = at_zero(kinks).residual(linear - matrix @ z, z)
    assert np.abs(residual).max() < 1e-9 * np.abs(linear).max()


@pytest.mark.parametrize("dependent", [False, True])
def test_a_factor_that_grows_is_a_fresh_one(dependent):
    matrix, v = gram(5, 40, 12), np.random.default_rng(5).normal(size=12)
    if dependent:
        matrix = np.kron(matrix[:6, :6], np.ones((2, 2)))
        v = matrix @ v
    curved = Curved(matrix[:5, :5])
    for old, new in ((5, 6), (6, 12)):
        curved.grow(matrix[:old, old:new], matrix[old:new, old:new])
    fresh = Curved(matrix)
    np.testing.assert_allclose(curved.matrix, matrix, rtol=1e-9)
    np.testing.assert_allclose(matrix @ curved.solve(v), matrix @ fresh.solve(v), rtol=1e-6)
    assert curved.length(v) == pytest.approx(np.sqrt(v @ matrix @ v), rel=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 25), st.floats(0.0, 1.2))
def test_any_start_leads_to_the_same_answer(seed, p, share):
    rng = np.random.default_rng(seed)
    matrix = gram(seed, 2 * p + 5, p, ridge=0.01)
    linear = rng.normal(size=p)
    kink = share * np.abs(linear).max() * rng.uniform(0.5, 1.0, p)
    cold = maximise_kinked(matrix, linear, at_zero(kink), np.zeros(p))
    assert_kkt(matrix, linear, kink, cold)
    for start in (rng.normal(size=p), -cold, cold, 1e6 * rng.normal(size=p)):
        warm = maximise_kinked(matrix, linear, at_zero(kink), start)
        np.testing.assert_allclose(warm, cold, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_path_of_pivots_on_one_face(seed):
    p = 40
    matrix = gram(seed, 80, p, correlation=0.5)
    linear = matrix @ np.random.default_rng(seed).normal(size=p)
    top = np.abs(linear).max()
    face = Face(matrix, at_zero(np.full(p, top)), np.zeros(p))
    path = [*np.geomspace(1.0, 1e-3, 15), 0.5, 0.001, 2.0]
    for share in path:
        kink = np.full(p, share * top)
        z = pivot(face, linear, at_zero(kink))
        assert z is not None
        assert_kkt(matrix, linear, kink, z)
        np.testing.assert_array_equal(np.sign(z), face.signs)
        np.testing.assert_array_equal(np.flatnonzero(z), np.sort(face.members))
    assert not z.any()


def test_the_lasso_of_orthogonal_columns_is_soft_thresholding():
    rng = np.random.default_rng(2)
    diagonal, linear = rng.uniform(0.5, 2.0, 30), rng.normal(size=30)
    kink = rng.uniform(0.0, 1.0, 30)
    expected = np.sign(linear) * np.maximum(np.abs(linear) - kink, 0.0) / diagonal
    found = maximise_kinked(np.diag(diagonal), linear, at_zero(kink), np.zeros(30))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found == 0.0, expected == 0.0)


def test_no_kinks_at_all_is_a_linear_system():
    matrix, linear = gram(3, 40, 10), np.random.default_rng(3).normal(size=10)
    for start in (np.zeros(10), np.ones(10)):
        found = maximise_kinked(matrix, linear, at_zero(np.zeros(10)), start)
        np.testing.assert_allclose(found, np.linalg.solve(matrix, linear), rtol=1e-10)
