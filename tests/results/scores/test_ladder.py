"""The ladder against exact leave-one-out densities, by quadrature over all parameters."""

from functools import cache

import numpy as np
import pytest
from families import KEYS, OF_NUMBERS, drawn, model_of, phi_of
from scipy.special import expit, logsumexp

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.tree.opened import kept_of
from bayesglm.numerics.density.pointwise import pointwise
from bayesglm.numerics.families.table import FAMILIES

N, TRIALS = 200, 7
LINE = np.linspace(-5.0, 5.0, 25)  # of a grid that is dense where draws are, and reaches far out
OWN = [key for key in KEYS if key[0] in OF_NUMBERS and key[1] == OF_NUMBERS[key[0]].links[0]]


def predictor():
    """Return a predictor of which two values lie far out."""
    x = np.random.default_rng(5).standard_normal(N)
    x[:2] = 4.0, -4.0
    return x


def of_levels(family):
    """Return responses of levels: labels, or a count of each."""
    latent = 0.4 * predictor() + np.random.default_rng(6).logistic(size=N)
    if family == "ordinal":
        return np.digitize(latent, [-0.5, 0.8])
    if family == "categorical":
        return np.array(["no", "yes"])[(latent > 0.0).astype(int)]
    counts = np.random.default_rng(7).binomial(TRIALS, expit(0.4 * predictor()))
    return np.stack([counts, TRIALS - counts], axis=-1)


@cache
def fitted(key):
    """Return rows of a family under its own link, and a fit to them.

    Dispersions beyond the first are fixed, so that a grid over all parameters stays small.
    """
    family, x = key[0], predictor()
    if family in OF_NUMBERS:
        y = drawn(family, 0.3 + 0.4 * x, TRIALS, 3)
        names, phi = FAMILIES[key].dispersion_names, phi_of(key)
        options = {"dispersion": dict(zip(names[1:], phi[1:], strict=True))} if names[1:] else {}
        model = model_of(key, "x", prior=bg.Normal(1.0), intercept=bg.Normal(2.0), **options)
    else:
        y = of_levels(family)
        model = bg.GLM(family, "x", family, prior=bg.Normal(1.0))
    data = {family: y, "x": x, "trials": np.full(N, TRIALS)}
    return model, data, bg.fit(model, data)


def exact(problem, thetas):
    """Return log p(y_i | y_-i) of all rows, by the trapezoidal rule along sinh of each axis."""
    mean, factor = thetas.mean(axis=0), np.linalg.cholesky(np.cov(thetas.T))
    u = np.stack(np.meshgrid(*[LINE] * len(mean)), axis=-1).reshape(-1, len(mean))
    grid = mean + (1.5 * np.sinh(u / 1.5)) @ factor.T
    log_p = problem.unconstrained.log_density(grid) + np.log(np.cosh(u / 1.5)).sum(axis=1)
    near = log_p > log_p.max() - 40.0
    each = pointwise(problem.natural, problem.natural_thetas(grid[near]))
    return logsumexp(log_p[near]) - logsumexp(log_p[near, None] - each, axis=0)


def exact_of(key):
    """Return the same of a fit."""
    model, data, fit = fitted(key)
    (problem,) = open_problems(model, data)
    (kept,) = kept_of(fit, [problem])
    return exact(problem, problem.unconstrained.registry.inner_coefficients(kept.theta))


LEVELLED = [("ordinal", "logit"), ("categorical", "logit"), ("multinomial", "logit")]


@pytest.mark.slow
@pytest.mark.parametrize("key", [*OWN, *LEVELLED], ids=" ".join)
def test_rows_of_every_family_left_out_exactly(key):
    _, _, fit = fitted(key)
    scored, expected = bg.score(fit), exact_of(key)
    away = scored.elpd_i.values - expected
    assert abs(away.sum()) < 3.0 * scored.mcse
    assert scored.mcse < 0.1
    assert np.abs(away / scored.mcse_i.values).max() < 5.0
