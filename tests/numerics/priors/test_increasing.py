"""Priors of increasing numbers: the probability of their order, and densities of total one."""

from math import factorial

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import norm

from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.increasing import Increasing

KINDS = [("Normal", {}), ("Laplace", {}), ("StudentT", {"df": 1.0}), ("StudentT", {"df": 4.0})]


@pytest.mark.parametrize("size", [1, 2, 5, 20])
@pytest.mark.parametrize(("kind", "more"), KINDS)
def test_of_numbers_alike_every_order_is_as_probable(kind, more, size):
    prior = Distribution(kind, {"loc": np.full(size, 0.3), "scale": 2.0, **more})
    share = Increasing(prior, size).log_share
    assert share == pytest.approx(-np.log(float(factorial(size))), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("away", [-20.0, -5.0, -0.4, 0.0, 1.3, 30.0])
def test_two_normals_by_their_difference(away):
    prior = Distribution("Normal", {"loc": np.array([0.5, 0.5 + away]), "scale": [0.6, 0.8]})
    assert Increasing(prior, 2).log_share == pytest.approx(norm.logcdf(away), rel=1e-12, abs=1e-15)


def test_three_normals_by_nested_integrals():
    loc, scale = np.array([0.3, -0.2, 1.0]), np.array([1.0, 0.5, 2.0])
    prior = Distribution("Normal", {"loc": loc, "scale": scale})

    def of_middle(x):
        below = mp.ncdf((x - loc[0]) / scale[0])
        above = mp.ncdf((loc[2] - x) / scale[2])
        return mp.npdf(x, loc[1], scale[1]) * below * above

    exact = float(mp.log(mp.quad(of_middle, [-6, -2, 0, 2, 6])))
    assert Increasing(prior, 3).log_share == pytest.approx(exact, rel=1e-12)


def test_the_density_of_increasing_numbers_integrates_to_one():
    prior = Increasing(Distribution("Normal", {"loc": np.array([0.4, 0.0]), "scale": 0.7}), 2)
    grid = np.linspace(-6.0, 6.0, 1201)
    x = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1)
    whole = np.where(x[..., 0] < x[..., 1], np.exp(prior.total(x)), 0.0)
    halves = 0.5 * np.exp(prior.total(np.stack([grid, grid], axis=-1)))
    assert (whole.sum() + halves.sum()) * 0.01**2 == pytest.approx(1.0, abs=1e-4)


def test_improper_ones_are_left_as_they_are():
    assert Increasing(Distribution("Flat", {}), 3).log_share == 0.0
