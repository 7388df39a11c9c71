"""Rows left out of a posterior that is next to Gaussian, against draws of one that is."""

import numpy as np
import pytest
from families import KEYS, drawn, model_of
from scipy.special import logsumexp

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights import nearly_left_out as room
from bayesglm.inference.weights.nearly_left_out import nearly_left_out
from bayesglm.numerics.density.pointwise import pointwise

NARROW = 3e-3  # sd of parameters
N = 30


def problem_of(key, **options):
    rng = np.random.default_rng(5)
    x, trials = rng.normal(size=N), rng.integers(1, 9, N)
    data = {key[0]: drawn(key[0], 0.3 * x, trials), "x": x, "trials": trials}
    data["w"] = rng.choice([0.0, 1.0, 2.0], N)
    model = model_of(key, bg.Linear("x", prior=bg.Normal(1.0)), weights="w", **options)
    (problem,) = open_problems(model, data)
    return problem


def assert_second_order(problem, draws=1500):
    start = problem.natural_thetas(problem.start(problem.unconstrained)[None])[0]
    away = np.random.default_rng(1).normal(size=(draws, len(start)))
    thetas = start + NARROW * away
    values = pointwise(problem.natural, thetas)
    level = pointwise(problem.natural, thetas.mean(axis=0)[None])[0]
    gained = np.log(draws) - logsumexp(-values, axis=0) - level
    nearly = nearly_left_out(problem.natural, thetas) - level
    assert np.abs(gained).max() > 1e-7
    np.testing.assert_allclose(nearly, gained, atol=0.05 * np.abs(gained).max())


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_every_family_to_second_order(key):
    assert_second_order(problem_of(key))


def test_parameters_with_predictors_of_their_own():
    key = ("student_t", "identity")
    assert_second_order(problem_of(key, dispersion={"sigma": ["x"], "nu": bg.Gamma(2.0, 0.1)}))


def test_more_coefficients_than_directions():
    rng = np.random.default_rng(2)
    data = {"y": rng.normal(size=20), "X": rng.normal(size=(20, 400))}
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(0.05)), dispersion=1.0)
    (problem,) = open_problems(model, data)
    thetas = 0.02 * rng.normal(size=(4000, problem.natural.size))
    away = pointwise(problem.natural, thetas)
    gained = np.log(4000) - logsumexp(-away, axis=0)
    nearly = nearly_left_out(problem.natural, thetas)
    # The variance of a predictor is told by so many draws to a share of sqrt(2 / MOST).
    np.testing.assert_allclose(nearly, gained, rtol=4.0 * np.sqrt(2.0 / room.MOST))


def test_rows_far_from_quadratic_have_their_level():
    (problem,) = open_problems(
        bg.GLM("y", [], family="poisson", intercept=bg.Normal(1.0)), {"y": [0, 9]}
    )
    thetas = np.random.default_rng(0).normal(2.0, 3.0, size=(500, 1))
    level = pointwise(problem.natural, thetas.mean(axis=0)[None])[0]
    np.testing.assert_array_equal(nearly_left_out(problem.natural, thetas), level)
