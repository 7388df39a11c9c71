"""Quadratics with kinks of groups, beside other kinks: KKT, a slow reference, single groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from bayesglm.numerics.solvers.grouped import maximise_grouped
from bayesglm.numerics.solvers.kinked import maximise_kinked
from bayesglm.numerics.solvers.kinks import Kinks


def made(seed, n_rows, spread):
    """Return a quadratic and kinks: groups, single ones, bounds and none, over runs of columns."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 25))
    X = rng.normal(size=(n_rows, p)) * np.exp(spread * rng.normal(size=p))
    matrix = X.T @ X
    matrix.flat[:: p + 1] += 1e-6 * np.trace(matrix) / p
    linear = X.T @ (3.0 * rng.normal(size=n_rows))
    cuts = np.sort(rng.choice(np.arange(1, p), min(p - 1, 4), replace=False)) if p > 1 else []
    weight, sides, groups, of_groups = np.zeros(p), np.zeros(p, dtype=bool), [], []
    for run in np.split(rng.permutation(p), cuts):
        kind, share = rng.integers(0, 4), rng.uniform(0.02, 1.0)
        if kind == 0:
            weight[run] = share * np.abs(linear[run])
        elif kind == 1:
            sides[run], weight[run] = True, rng.choice([0.0, share]) * np.abs(linear[run])
        elif kind == 2:
            groups.append(run)
            of_groups.append(share * np.linalg.norm(linear[run]))
    return matrix, linear, Kinks(weight, np.zeros(p), sides, tuple(groups), np.array(of_groups))


def assert_kkt(matrix, linear, kinks, z, tolerance=1e-8):
    sd = 1.0 / np.sqrt(np.diagonal(matrix))
    left = np.abs(kinks.residual(linear - matrix @ z, z)) * sd
    assert left.max(initial=0.0) <= tolerance * (1.0 + np.abs(linear * sd).max(initial=0.0))
    assert np.isfinite(kinks.penalty(z))  # within the bounds


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 60), st.sampled_from([0.0, 1.0, 3.0]))
def test_kkt_conditions_of_every_mixture(seed, n_rows, spread):
    matrix, linear, kinks = made(seed, n_rows, spread)
    z = maximise_grouped(matrix, linear, kinks, np.zeros(len(linear)))
    assert_kkt(matrix, linear, kinks, z)
    start = kinks.inside(np.random.default_rng(seed).normal(size=len(linear)))
    again = maximise_grouped(matrix, linear, kinks, start)
    assert_kkt(matrix, linear, kinks, again)
    gap = again - z
    assert gap @ matrix @ gap <= 1e-12 * (1.0 + abs(linear @ z))


def slow(matrix, linear, kinks, n_steps=20_000):
    """Proximal gradient steps with momentum (FISTA; Beck & Teboulle 2009), for groups alone."""
    t, z, k = np.zeros(len(linear)), np.zeros(len(linear)), 1.0
    step = 1.0 / np.linalg.eigvalsh(matrix)[-1]
    for _ in range(n_steps):
        new = z + step * (linear - matrix @ z)
        for group, weight in zip(kinks.groups, kinks.group_weight, strict=True):
            length = np.linalg.norm(new[group])
            new[group] *= max(0.0, 1.0 - step * weight / length) if length > 0.0 else 0.0
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * k * k))
        if (z - new) @ (new - t) > 0.0:
            faster = 1.0
        z, t, k = new + (k - 1.0) / faster * (new - t), new, faster
    return t


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_slow_reference_agrees_on_zeros_and_values(share):
    rng = np.random.default_rng(4)
    X, labels = rng.normal(size=(40, 12)), np.arange(12) % 4
    matrix, linear = X.T @ X, X.T @ (X @ np.where(labels == 1, 1.0, 0.05) + rng.normal(size=40))
    groups = tuple(np.flatnonzero(labels == g) for g in range(4))
    largest = max(np.linalg.norm(linear[g]) for g in groups)
    kinks = Kinks(
        np.zeros(12), np.zeros(12), groups=groups, group_weight=np.full(4, share * largest)
    )
    z, reference = (
        maximise_grouped(matrix, linear, kinks, np.zeros(12)),
        slow(matrix, linear, kinks),
    )
    np.testing.assert_allclose(z, reference, atol=1e-9)
    np.testing.assert_array_equal(z == 0.0, reference == 0.0)
    assert 0 < np.count_nonzero(z) <= 12


def test_one_group_solves_its_equation():
    """w = (M + lam / r)^-1 linear has the length r: a root by another method."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(9, 5)) * [1.0, 10.0, 0.1, 1.0, 3.0]
    matrix, linear = X.T @ X, rng.normal(size=5) * 4.0
    weight = 0.4 * np.linalg.norm(linear)
    kinks = Kinks(np.zeros(5), np.zeros(5), groups=(np.arange(5),), group_weight=np.array([weight]))

    def excess(r):
        return np.linalg.norm(np.linalg.solve(matrix + weight / r * np.eye(5), linear)) - r

    z = maximise_grouped(matrix, linear, kinks, np.zeros(5))
    r = brentq(excess, 1e-9, 1e6, xtol=1e-14, rtol=1e-14)
    np.testing.assert_allclose(
        z, np.linalg.solve(matrix + weight / r * np.eye(5), linear), rtol=1e-9
    )
    above = Kinks(
        np.zeros(5),
        np.zeros(5),
        groups=kinks.groups,
        group_weight=np.array([np.linalg.norm(linear)]),
    )
    assert not maximise_grouped(matrix, linear, above, z).any()


def test_groups_of_one_are_single_kinks():
    rng = np.random.default_rng(6)
    X = rng.normal(size=(30, 8))
    matrix, linear = X.T @ X, X.T @ rng.normal(size=30)
    weight = 0.5 * np.abs(linear).max() * rng.uniform(0.2, 1.0, 8)
    groups = tuple(np.array([j]) for j in range(8))
    ones = Kinks(np.zeros(8), np.zeros(8), groups=groups, group_weight=weight)
    found = maximise_grouped(matrix, linear, ones, np.zeros(8))
    expected = maximise_kinked(matrix, linear, Kinks(weight, np.zeros(8)), np.zeros(8))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(found == 0.0, expected == 0.0)
