"""Levels held out: their rows are scored jointly, effects integrated out, against quadrature."""

import numpy as np
import pytest
from families import KEYS, model_of
from scipy.special import logsumexp
from scipy.stats import norm
from terms import sample_data

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.kept import Kept
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.results.scores.held_out import log_densities

DATA = sample_data()
SD = 0.8
GRID = np.linspace(-9.0, 9.0, 1201)  # of one standard normal effect
LOG_WEIGHTS = norm.logpdf(GRID) + np.log(GRID[1] - GRID[0])


def opened(model, held, data=DATA):
    """Return the whole problem, and a draw that has seen no held row, at some theta."""
    problem = open_problems(model, data)[0]
    theta = problem.start(problem.natural)
    theta += 0.1 * np.random.default_rng(3).standard_normal(len(theta))
    return problem, Kept(problem.restrict(~held), np.stack([theta, 0.9 * theta]))


def by_quadrature(problem, theta, rows, places, effects, log_weights):
    """Return the log of the integral of the rows' joint density over effects ``(n, k)``."""
    thetas = np.repeat(theta[None], len(effects), axis=0)
    thetas[:, places] = effects
    keep = np.zeros(problem.design.n_rows, dtype=bool)
    keep[rows] = True
    each = pointwise(problem.restrict(keep).natural, thetas).sum(axis=1)
    return logsumexp(each + log_weights)


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_the_density_of_a_level_of_every_family(key):
    held = DATA["who"].values == "ivan"
    terms = ["x", bg.Group("who", prior=bg.Normal(SD)), bg.Group("code", prior=bg.Normal(0.3))]
    problem, kept = opened(model_of(key, terms, prior=bg.Normal(1.0)), held)
    rows = np.flatnonzero(held)
    place = problem.places["who"].start + 1  # of the second of three sorted levels
    expected = [
        by_quadrature(problem, theta, rows, [place], SD * GRID[:, None], LOG_WEIGHTS)
        for theta in kept.theta
    ]
    found = log_densities(kept, problem, rows, np.zeros(len(rows), dtype=int))
    np.testing.assert_allclose(found, logsumexp(expected) - np.log(2), rtol=2e-5, atol=2e-5)


def test_correlated_slopes_of_levels_held_out_beside_rows_of_levels_that_are_seen():
    """Sets of rows of one new level and of seen ones; the seen have their own effects."""
    group = bg.Group("who", slopes="x", correlated=True, prior=bg.Normal([[SD], [0.5]]))
    model = bg.GLM("poisson", [group], family="poisson")
    held = DATA["who"].values == "ivan"
    tested = np.flatnonzero(held | (np.arange(len(held)) < 12))
    sets = np.arange(len(tested)) % 2
    seen = np.flatnonzero(~held)
    held[tested] = True
    held[seen[30:]] = False  # rows of every other level stay
    problem, kept = opened(model, held)
    found = log_densities(kept, problem, tested, sets)
    coarse = GRID[::24]
    z = np.stack(np.meshgrid(coarse, coarse), axis=-1).reshape(-1, 2)
    log_weights = norm.logpdf(z).sum(axis=1) + 2 * np.log(coarse[1] - coarse[0])
    start = problem.places["who"].start
    levels = len(problem.design.predictors.blocks[0].coords["who_level"])
    correlation = problem.natural.registry.named("who_correlation")
    for number in range(2):
        each = []
        for theta in kept.theta:
            rho = correlation.natural(theta).reshape(2, 2)[0, 1]
            root = np.linalg.cholesky([[SD**2, rho * SD * 0.5], [rho * SD * 0.5, 0.25]])
            own = tested[sets == number]
            is_new = DATA["who"].values[own] == "ivan"
            places = [start + 1, start + levels + 1]
            value = by_quadrature(problem, theta, own[is_new], places, z @ root.T, log_weights)
            keep = np.zeros(problem.design.n_rows, dtype=bool)
            keep[own[~is_new]] = True
            value += pointwise(problem.restrict(keep).natural, theta[None]).sum()
            each.append(value)
        np.testing.assert_allclose(found[number], logsumexp(each) - np.log(2), atol=1e-5)


def test_rows_by_themselves_have_effects_of_levels_of_one_row_integrated_out():
    model = bg.GLM("poisson", ["x", bg.Group("row", prior=bg.Normal(SD))], family="poisson")
    data = DATA.assign(row=("time", np.arange(DATA.sizes["time"])))
    held = np.arange(DATA.sizes["time"]) % 4 == 0
    problem, kept = opened(model, held, data)
    rows = np.flatnonzero(held)
    found = log_densities(kept, problem, rows)
    start = problem.places["row"].start
    for k, row in enumerate(rows):
        each = [
            by_quadrature(problem, theta, [row], [start + row], SD * GRID[:, None], LOG_WEIGHTS)
            for theta in kept.theta
        ]
        assert found[k] == pytest.approx(logsumexp(each) - np.log(2), abs=1e-6)
