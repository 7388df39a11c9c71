"""What is accepted for its weights is no worse for having been chosen."""

import numpy as np
import pytest
from scipy.special import log_expit

import bayesglm as bg
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.weights.approximation import laplace_draws

GRID = np.linspace(-25.0, 25.0, 5001)
Y = {"bernoulli": np.repeat([1.0, 0.0], [3, 9]), "poisson": np.array([0.0, 1.0, 0.0, 2.0])}


def kernel(family, y):
    """The log posterior of an intercept under Normal(5), on the grid."""
    if family == "bernoulli":
        value = y.sum() * log_expit(GRID) + (len(y) - y.sum()) * log_expit(-GRID)
    else:
        value = y.sum() * GRID - len(y) * np.exp(GRID)
    return value - GRID**2 / 50.0


@pytest.mark.slow
@pytest.mark.parametrize("family", Y)
def test_few_responses_have_their_tails(family):
    density = np.exp(kernel(family, Y[family]) - kernel(family, Y[family]).max())
    density /= density.sum()
    mean = density @ GRID
    sd = np.sqrt(density @ (GRID - mean) ** 2)
    low = GRID[np.searchsorted(np.cumsum(density), 0.01)]
    model = bg.GLM("y", [], family=family, intercept=bg.Normal(5.0))
    problems, found = open_posteriors(model, {"y": Y[family]}), []
    for seed in range(300):
        one = laplace_draws(problems, 250, 4, seed)[0]
        assert one.gaussian.accepted
        found.append([one.theta.std() / sd, np.mean(one.theta < low) / density[low > GRID].sum()])
    ratios = np.array(found)
    error = ratios.std(axis=0) / np.sqrt(len(ratios))
    assert (error < [0.003, 0.03]).all()
    assert np.abs((ratios.mean(axis=0) - 1.0) / error).max() < 4.0
